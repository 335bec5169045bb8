import { addAbortListener } from 'node:events'
import { Bitfield } from '../../codec/bitfield.ts'
import { checkArgument } from '../../codec/check-arguments.ts'
import type { HashPool } from '../../hashing/hash-pool.ts'
import { Layout } from '../../metainfo/layout.ts'
import type { Metainfo } from '../../metainfo/metainfo.ts'
import { PieceTrees } from '../../metainfo/piece-trees.ts'
import { forEachInParallel } from '../../ports/parallel.ts'
import type { FileStates } from '../../storage/file-states.ts'
import type { Storage } from '../../storage/storage.ts'
import { PieceReader } from '../../streams/torrent/piece-reader.ts'
import { Verifier } from '../../streams/torrent/verifier.ts'
import { PiecePool } from '../limits/piece-pool.ts'
import { type CheckTally, checkInThreads } from './threaded-check.ts'

/** Minimum bytes for hashing in threads: fewer are hashed before threads have started. */
const MIN_THREADED_BYTES = 32 << 20

/** Maximum files that are checked at once. */
const FILES_AT_ONCE = 16

/** Options of `check`. */
export interface CheckOptions {
  readonly metainfo: Metainfo
  readonly storage: Pick<Storage, 'read' | 'useFile'>
  /** The pieces to check. @default all */
  readonly pieces?: readonly number[]
  /** Pieces that need no check. @default none */
  readonly trusted?: Bitfield
  /** The present states of all files. @default each file is read to see if it is missing */
  readonly states?: FileStates
  /** Threads that read and hash, for much content in files of the system. @default none: this thread hashes @internal */
  readonly hashPool?: HashPool | undefined
  /** Called after each piece with the number of pieces that were checked so far. */
  readonly progress?: (pieces: number) => void
  readonly signal?: AbortSignal
}

/**
 * Finds the valid pieces of a storage: reads and hashes existing data, and skips missing files.
 * Rejects with a StorageError, or with the signal's reason.
 */
export async function check(options: CheckOptions): Promise<Bitfield> {
  checkArgument('options', options, 'object')
  checkArgument('metainfo', options.metainfo, 'object')
  checkArgument('storage', options.storage, 'object')
  const { metainfo, storage, hashPool, trusted, progress, signal } = options
  const { hashes, length, pieceCount, pieceLength } = metainfo
  const verified = trusted?.clone() ?? new Bitfield(pieceCount)
  if (verified.full || options.pieces?.length === 0) return verified
  const layout = new Layout(metainfo)
  const trees = PieceTrees.of(metainfo, layout)
  let pieces =
    options.pieces ??
    (await findPossiblePieces(metainfo, storage, options.states)).filter(index => !verified.has(index))
  let checked = pieceCount - pieces.length
  const tally: CheckTally = {
    note(index, isRight) {
      if (isRight) verified.add(index)
      progress?.(++checked)
    },
  }
  if (hashPool && storage.useFile && pieces.length * pieceLength >= MIN_THREADED_BYTES) {
    pieces = await checkInThreads({ metainfo, trees, storage, hashPool, pieces, signal, tally })
  }
  const pool = new PiecePool(pieceLength, 8)
  const reader = new PieceReader({
    storage,
    pieceLength,
    length,
    sizeOf: index => layout.pieceSize(index),
    pieces,
    onMissing: index => tally.note(index, false),
    allocate: size => pool.take().subarray(0, size),
  })
  const verifier = new Verifier({
    hashes: trees ?? hashes,
    onCorrupt: piece => {
      pool.give(piece.data)
      tally.note(piece.index, false)
    },
  })
  signal?.throwIfAborted()
  const listener = signal && addAbortListener(signal, () => reader.destroy(signal.reason))
  try {
    reader.pipe(verifier, () => {})
    reader.on('error', error => verifier.destroy(error))
    for await (const piece of verifier) {
      pool.give(piece.data)
      tally.note(piece.index, true)
    }
    signal?.throwIfAborted()
    return verified
  } finally {
    listener?.[Symbol.dispose]()
  }
}

/** Returns the pieces without a missing file, so that a torrent without files takes no time. */
async function findPossiblePieces(
  metainfo: Metainfo,
  storage: Pick<Storage, 'read'>,
  states: FileStates | undefined,
): Promise<number[]> {
  const { files, pieceCount, pieceLength } = metainfo
  const missing = new Bitfield(pieceCount)
  const stored = [...files.entries()].filter(([, { pad, length }]) => !pad && length > 0)
  await forEachInParallel(stored, FILES_AT_ONCE, async ([at, { offset, length }]) => {
    const present = states ? presentBytes(states, at) : await storage.read(offset, Buffer.alloc(1))
    if (present > 0) return
    const end = offset + length
    for (let index = Math.floor(offset / pieceLength); index * pieceLength < end; index++) missing.add(index)
  })
  return Array.from({ length: pieceCount }, (_, index) => index).filter(index => !missing.has(index))
}

/** Returns the size of a file. What cannot be checked counts as present: to read it gives the reason. */
function presentBytes(states: FileStates, index: number): number {
  return states.isUnreadable(index) ? Number.POSITIVE_INFINITY : states.sizeOf(index)
}
