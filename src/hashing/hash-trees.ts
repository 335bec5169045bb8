import { NODE_LENGTH } from '../codec/merkle.ts'
import { type ContentPlan, nodeHeight, type PieceHashes, type PlannedFile } from '../metainfo/content-plan.ts'
import { forEachInParallel } from '../ports/parallel.ts'
import { JOB_BYTES, type RangeMismatch, type TreePiece } from './hash-job.ts'
import type { HashPool } from './hash-pool.ts'

/** Maximum number of pieces of a job, for small files. */
const JOB_PIECES = 1_024

/** Options of `hashTrees`. */
export interface HashTreesOptions {
  readonly pool: HashPool
  readonly signal: AbortSignal
  /** Returns the path of a file on disk. */
  readonly pathOf: (file: PlannedFile) => string
  /** Called with the number of bytes after each job. */
  readonly onBytes: (bytes: number) => void
  /** Returns the error for a file with more or fewer bytes than planned. */
  readonly changed: (mismatch: RangeMismatch) => Error
}

/** Reads and hashes the files of a v2 or hybrid torrent in threads. Each byte is read once. */
export async function hashTrees(plan: ContentPlan, options: HashTreesOptions): Promise<PieceHashes> {
  const { changed, onBytes, pool, signal } = options
  const nodes = Buffer.alloc(plan.pieceCount * NODE_LENGTH)
  const hashes = Buffer.alloc(plan.format === 'hybrid' ? plan.pieceCount * 20 : 0)
  await forEachInParallel(jobsOf(plan, options.pathOf), pool.jobs, async ({ first, pieces, bytes }) => {
    const results = await pool.hashTrees(pieces, signal)
    for (const [index, result] of results.entries()) {
      if (!('node' in result)) throw changed(result)
      nodes.set(result.node, (first + index) * NODE_LENGTH)
      if (result.sha1) hashes.set(result.sha1, (first + index) * 20)
    }
    onBytes(bytes)
  })
  return { hashes, nodes }
}

interface TreeJob {
  /** Index of the first piece. */
  readonly first: number
  readonly pieces: readonly TreePiece[]
  readonly bytes: number
}

/** Divides the content into jobs of whole pieces. */
function* jobsOf(plan: ContentPlan, pathOf: HashTreesOptions['pathOf']): Generator<TreeJob> {
  const { files, format, pieceLength } = plan
  let pieces: TreePiece[] = []
  let first = 0
  let bytes = 0
  const take = () => {
    const job = { first, pieces, bytes }
    first += pieces.length
    pieces = []
    bytes = 0
    return job
  }
  for (const planned of files) {
    const { padding, source } = planned
    const path = pathOf(planned)
    const height = nodeHeight(source.length, pieceLength)
    for (let offset = 0; offset < source.length; offset += pieceLength) {
      const length = Math.min(pieceLength, source.length - offset)
      const atEnd = offset + length === source.length
      const range = { file: path, offset, length, ...(atEnd ? { toEnd: true } : {}) }
      pieces.push({ range, height, ...(format === 'hybrid' ? { padding: atEnd ? padding : 0 } : {}) })
      bytes += length
      if (bytes >= JOB_BYTES || pieces.length >= JOB_PIECES) yield take()
    }
  }
  if (pieces.length > 0) yield take()
}
