import { type FileRange, JOB_BYTES, type PieceHash, type TreePiece } from '../../hashing/hash-job.ts'
import type { HashPool } from '../../hashing/hash-pool.ts'
import { Layout } from '../../metainfo/layout.ts'
import type { Metainfo } from '../../metainfo/metainfo.ts'
import type { PieceTrees } from '../../metainfo/piece-trees.ts'
import { forEachInParallel } from '../../ports/parallel.ts'
import type { Storage } from '../../storage/storage.ts'

/** The results of a check. */
export interface CheckTally {
  /** Notes a piece that was checked. @param isRight true if it matches its hash */
  note(index: number, isRight: boolean): void
}

/** Options of `checkInThreads`. */
export interface ThreadedCheckOptions {
  readonly metainfo: Metainfo
  /** The trees of a v2 or hybrid torrent. */
  readonly trees: PieceTrees | undefined
  readonly storage: Pick<Storage, 'useFile'>
  readonly hashPool: HashPool
  /** The pieces to check, in ascending order. */
  readonly pieces: readonly number[]
  /** Takes the results. */
  readonly tally: CheckTally
  readonly signal?: AbortSignal | undefined
}

/** Pieces to check that are next to each other in one file. */
interface Run {
  readonly first: number
  readonly count: number
  /** Position of the first byte, and number of bytes. */
  readonly position: number
  readonly length: number
}

/**
 * Checks pieces in worker threads, which read the files themselves. Returns the pieces that were not checked: those
 * that are in several files, and those with a file that is missing or cannot be read.
 * Rejects with the reason of the signal.
 */
export async function checkInThreads(options: ThreadedCheckOptions): Promise<number[]> {
  const { metainfo, trees, storage, hashPool, pieces, signal, tally } = options
  const { hashes, pieceLength } = metainfo
  const { runs, others } = findRuns(metainfo, trees, pieces)
  const expected = (index: number) => trees?.expected(index) ?? hashes.subarray(index * 20, index * 20 + 20)
  await forEachInParallel(runs, hashPool.jobs, async ({ first, count, position, length }) => {
    const work = ({ fd, offset }: { fd: number; offset: number }) => {
      const ranges = rangesOf(fd, offset, length, pieceLength)
      return trees
        ? hashInTrees(hashPool, treePieces(trees, first, ranges), signal)
        : hashPool.hash(
            ranges.map(range => [range]),
            signal,
          )
    }
    // What cannot be read here is read once more by the caller, which reports why.
    const results = await storage.useFile!(position, length, work).catch(() => undefined)
    signal?.throwIfAborted()
    for (let at = 0; at < count; at++) {
      const index = first + at
      const result = results?.[at]
      if (!result) others.push(index)
      else tally.note(index, result instanceof Uint8Array && Buffer.compare(result, expected(index)) === 0)
    }
  })
  return others.sort((a, b) => a - b)
}

function rangesOf(fd: number, offset: number, length: number, pieceLength: number): FileRange[] {
  const ranges: FileRange[] = []
  for (let at = 0; at < length; at += pieceLength) {
    ranges.push({ file: fd, offset: offset + at, length: Math.min(pieceLength, length - at) })
  }
  return ranges
}

/** Returns the pieces of consecutive ranges that begin with piece `first`. */
function treePieces(trees: PieceTrees, first: number, ranges: readonly FileRange[]): TreePiece[] {
  return ranges.map((range, at) => {
    const { height, padding } = trees.placementOf(first + at)
    return { range, height, ...(padding === undefined ? {} : { padding }) }
  })
}

/** Hashes pieces in threads. Each result has the form of `PieceTrees.expected`. */
async function hashInTrees(
  hashPool: HashPool,
  pieces: readonly TreePiece[],
  signal: AbortSignal | undefined,
): Promise<PieceHash[]> {
  const results = await hashPool.hashTrees(pieces, signal)
  return results.map(result => {
    if (!('node' in result)) return result
    return result.sha1 ? Buffer.concat([result.sha1, result.node]) : result.node
  })
}

/** Joins neighbouring pieces of one file, up to the size of a job. `others` are the pieces in several files. */
function findRuns(
  metainfo: Metainfo,
  trees: PieceTrees | undefined,
  pieces: readonly number[],
): { runs: Run[]; others: number[] } {
  const layout = new Layout(metainfo)
  const runs: Run[] = []
  const others: number[] = []
  let open: { first: number; count: number; position: number; length: number; file: number } | undefined
  for (const index of pieces) {
    // Padding after a file is part of a piece in a hybrid torrent, but not of its tree.
    const { position, length } = trees?.placementOf(index) ?? layout.pieceRange(index)
    const file = layout.fileOf(position)
    if (layout.fileOf(position + length - 1) !== file) {
      others.push(index)
      continue
    }
    const joins =
      open?.file === file && open.first + open.count === index && open.length + length <= JOB_BYTES
    if (open && joins) {
      open.count++
      open.length += length
    } else {
      open = { first: index, count: 1, position, length, file }
      runs.push(open)
    }
  }
  return { runs, others }
}
