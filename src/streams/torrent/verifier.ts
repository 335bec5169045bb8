import { createHash } from 'node:crypto'
import { checkRequired } from '../../codec/check-arguments.ts'
import { BLOCK_LENGTH } from '../../codec/message.ts'
import { PeerError } from '../../errors.ts'
import { digestPiece, type PieceShape } from '../../metainfo/piece-digest.ts'
import type { PieceTrees, RunningHash } from '../../metainfo/piece-trees.ts'
import { systemClock } from '../../ports/clock.ts'
import { ParkedCallback } from '../parked-callback.ts'
import { BLOCK_STATE, type Block, type PieceBuffer } from '../piece-buffer.ts'
import { type Done, Transform } from '../stage.ts'
import { WaitTime } from '../wait-time.ts'
import { HashLoad } from './hash-load.ts'

/** Threads that hash pieces while the main thread has too much to hash. The memory of the pieces has to be shared. */
export interface HashThreads {
  /** The share of the time of the main thread, from 0 to 1, that is too much to hash there. */
  readonly highShare: number
  /**
   * Hashes a piece, which does not change until then, as `digestPiece` does. Returns undefined if the main thread should do it.
   * @param shape for a piece of a v2 or hybrid torrent
   */
  hashBytes(bytes: Uint8Array, shape?: PieceShape): Promise<Uint8Array> | undefined
}

/** Verifies the blocks of pieces alone, where their hashes are known (BEP 52). */
export interface BlockVerifier {
  /**
   * Verifies the blocks in a range of a piece that have arrived, and rejects wrong ones.
   * @returns false if their hashes are unknown, so that the piece has to be verified as a whole
   */
  verify(piece: PieceBuffer, begin: number, length: number): boolean
}

/** Options of `Verifier`. */
export interface VerifierOptions {
  /** The pieces' SHA-1 hashes, 20 bytes each, in order; or the trees of a v2 or hybrid torrent. */
  readonly hashes: Uint8Array | PieceTrees
  /** Called with a piece that does not match its hash, and with the hash that it has. @default the stage fails */
  readonly onCorrupt?: (piece: PieceBuffer, digest: Uint8Array) => void
  /** Used for a v2 or hybrid torrent. @default pieces are verified as a whole */
  readonly blocks?: BlockVerifier | undefined
  /** @default none: the main thread hashes */
  readonly threads?: HashThreads | undefined
  /** Returns milliseconds of a monotonic clock. @default with threads, the clock of the machine; else hashing is not measured */
  readonly now?: () => number
}

/** Bytes that are hashed at once: few enough to be in the cache, and enough that calls cost little. */
const HASH_STEP_BYTES = 16 * BLOCK_LENGTH
/** Maximum number of pieces that threads hash at the same time. */
const MAX_THREADED_PIECES = 4

interface HashProgress {
  readonly hash: RunningHash
  /** Bytes hashed. */
  hashed: number
  /** Bytes from the start that have arrived without a gap. */
  contiguous: number
}

/**
 * Hashes pieces as their blocks arrive, and passes those with the right hash. While there is too much to hash for the main
 * thread, whole pieces are hashed in threads.
 *
 * in            Block, in any order, of any pieces
 * out           PieceBuffer, whole and verified
 * backpressure  takes no block while 1 MiB of pieces wait, or four pieces are hashed in threads
 * fails with    PeerError ERR_CORRUPT for a wrong piece, unless `onCorrupt` handles it
 * BEP           3, 52
 */
export class Verifier extends Transform<Block, PieceBuffer> {
  /** Milliseconds in which this thread has hashed. */
  hashMs = 0
  /** The time in which no block is taken, as four pieces are hashed in threads. */
  readonly threadWait = new WaitTime()
  readonly #now: (() => number) | undefined
  readonly #hashes: Uint8Array
  /** Instead of `#hashes` in a v2 or hybrid torrent. */
  readonly #trees: PieceTrees | undefined
  readonly #blocks: BlockVerifier | undefined
  readonly #corrupt: VerifierOptions['onCorrupt']
  readonly #threads: HashThreads | undefined
  readonly #load: HashLoad
  readonly #progress = new WeakMap<PieceBuffer, HashProgress>()
  /** Number of pieces that threads are hashing. */
  #threaded = 0
  readonly #parked = new ParkedCallback()

  constructor(options: VerifierOptions) {
    checkRequired(options, { hashes: 'object' })
    const { blocks, hashes, now, onCorrupt, threads } = options
    super({
      highWaterMark: 1 << 20,
      byteLengthWritable: () => 1024,
      byteLengthReadable: piece => piece.length || 1,
    })
    this.#hashes = hashes instanceof Uint8Array ? hashes : new Uint8Array(0)
    this.#trees = hashes instanceof Uint8Array ? undefined : hashes
    this.#blocks = this.#trees && blocks
    this.#corrupt = onCorrupt
    this.#threads = threads
    this.#load = new HashLoad(threads?.highShare ?? 1)
    this.#now = now ?? (threads && (() => systemClock.now()))
  }

  override _transform({ piece, begin, length }: Block, done: Done<PieceBuffer>): void {
    if (piece.closed) this.#progress.delete(piece)
    else if (this.#blocks?.verify(piece, begin, length)) this.#endVerified(piece)
    else if (this.#load.isHigh && !this.#progress.has(piece)) {
      if (piece.complete && this.#hashInThread(piece, done)) return
      if (piece.complete) this.#hashHere(piece)
    } else this.#hashHere(piece)
    done()
  }

  /** Ends after the last piece that is at a thread. */
  override _flush(done: Done<PieceBuffer>): void {
    if (this.#threaded === 0) done()
    else this.#parked.park(() => this._flush(done))
  }

  override _predestroy(): void {
    this.#parked.release()
  }

  /** Ends a piece with verified blocks, if it is whole. */
  #endVerified(piece: PieceBuffer): void {
    this.#progress.delete(piece)
    if (piece.complete) this.#settle(piece, this.#trees!.digestVerified(piece.index, piece.data))
  }

  /** Hashes the blocks of a piece that have arrived, and ends the piece if these are all. */
  #hashHere(piece: PieceBuffer): void {
    const progress = this.#progress.get(piece)
    const digest =
      piece.complete && !progress && !this.#trees
        ? this.#measure(piece.length, () => digestPiece(piece.data))
        : this.#update(piece, progress)
    if (digest) this.#settle(piece, digest)
  }

  /** Hashes bytes on this thread, and notes how long that takes. */
  #measure<T>(bytes: number, hash: () => T): T {
    if (!this.#now) return hash()
    const startedAt = this.#now()
    const result = hash()
    const now = this.#now()
    this.hashMs += now - startedAt
    if (!this.#threads) return result
    this.#load.measure(bytes, now - startedAt)
    this.#load.add(bytes, now)
    return result
  }

  /** Hashes the next bytes of a piece if there are enough of them. @returns the hash of the piece if it is whole */
  #update(piece: PieceBuffer, known: HashProgress | undefined): Uint8Array | undefined {
    const progress = known ?? { hash: this.#begin(piece), hashed: 0, contiguous: 0 }
    if (!known) this.#progress.set(piece, progress)
    let block = progress.contiguous / BLOCK_LENGTH
    while (piece.states[block] === BLOCK_STATE.arrived) block++
    progress.contiguous = Math.min(block * BLOCK_LENGTH, piece.length)
    const isWhole = progress.contiguous === piece.length
    if (isWhole || progress.contiguous - progress.hashed >= HASH_STEP_BYTES) {
      const bytes = piece.data.subarray(progress.hashed, progress.contiguous)
      this.#measure(bytes.length, () => progress.hash.update(bytes))
      progress.hashed = progress.contiguous
    }
    if (!isWhole) return undefined
    this.#progress.delete(piece)
    return progress.hash.digest()
  }

  #begin({ index }: PieceBuffer): RunningHash {
    return this.#trees?.begin(index) ?? createHash('sha1')
  }

  #expected(index: number): Uint8Array {
    return this.#trees?.expected(index) ?? this.#hashes.subarray(index * 20, index * 20 + 20)
  }

  /** Hands a whole piece to a thread. Calls `done` when there is room for another. @returns false if no thread takes it */
  #hashInThread(piece: PieceBuffer, done: Done<PieceBuffer>): boolean {
    const shape = this.#trees?.placementOf(piece.index)
    const hashing = this.#threads?.hashBytes(piece.data, shape)
    if (!hashing) return false
    piece.close()
    this.#load.add(piece.length, this.#now!())
    this.#threaded++
    const settle = (digest: Uint8Array) => {
      this.#threaded--
      this.threadWait.set(false, this.#now!())
      if (!this.destroying) this.#settle(piece, digest)
      this.#parked.release()
    }
    hashing.then(settle, () => settle(digestPiece(piece.data, shape))) // a thread that fails loses no piece
    if (this.#threaded < MAX_THREADED_PIECES) done()
    else {
      this.threadWait.set(true, this.#now!())
      this.#parked.park(done)
    }
    return true
  }

  #settle(piece: PieceBuffer, digest: Uint8Array): void {
    piece.close()
    if (Buffer.compare(digest, this.#expected(piece.index)) === 0) this.push(piece)
    else if (this.#corrupt) this.#corrupt(piece, digest)
    else this.destroy(new PeerError('ERR_CORRUPT', `piece ${piece.index} does not match its hash`))
  }
}
