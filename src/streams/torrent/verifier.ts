import { createHash, type Hash } from 'node:crypto'
import { BLOCK_LENGTH } from '../../codec/message.ts'
import { PeerError } from '../../errors.ts'
import { BLOCK, type Block, type PieceBuffer } from '../piece-buffer.ts'
import { type Done, Transform } from '../stage.ts'

/** Options of `Verifier`. */
export interface VerifierOptions {
  /** The pieces' SHA-1 hashes, 20 bytes each, in order. */
  readonly hashes: Uint8Array
  /** Called with a piece that does not match its hash. @default the stage fails */
  readonly onCorrupt?: (piece: PieceBuffer) => void
}

/** Bytes that are hashed at once: few enough to be in the cache, and enough that calls cost little. */
const HASH_STEP_BYTES = 16 * BLOCK_LENGTH

interface Progress {
  readonly hash: Hash
  /** Bytes hashed. */
  hashed: number
  /** Bytes from the start that have arrived without a gap. */
  contiguous: number
}

/**
 * Hashes pieces as their blocks arrive, and passes those with the right hash.
 *
 * in            Block, in any order, of any pieces
 * out           PieceBuffer, whole and verified
 * backpressure  takes no block while 1 MiB of pieces wait
 * fails with    PeerError ERR_CORRUPT for a wrong piece, unless `onCorrupt` handles it
 * BEP           3
 */
export class Verifier extends Transform<Block, PieceBuffer> {
  readonly #hashes: Uint8Array
  readonly #corrupt: ((piece: PieceBuffer) => void) | undefined
  readonly #progress = new WeakMap<PieceBuffer, Progress>()

  constructor({ hashes, onCorrupt }: VerifierOptions) {
    super({
      highWaterMark: 1 << 20,
      byteLengthWritable: () => 1024,
      byteLengthReadable: piece => piece.length || 1,
    })
    this.#hashes = hashes
    this.#corrupt = onCorrupt
  }

  override _transform({ piece }: Block, done: Done<PieceBuffer>): void {
    if (piece.closed) {
      this.#progress.delete(piece)
      done()
      return
    }
    let progress = this.#progress.get(piece)
    if (!progress) {
      progress = { hash: createHash('sha1'), hashed: 0, contiguous: 0 }
      this.#progress.set(piece, progress)
    }
    let block = progress.contiguous / BLOCK_LENGTH
    while (piece.states[block] === BLOCK.arrived) block++
    progress.contiguous = Math.min(block * BLOCK_LENGTH, piece.length)
    const whole = progress.contiguous === piece.length
    if (whole || progress.contiguous - progress.hashed >= HASH_STEP_BYTES) {
      progress.hash.update(piece.data.subarray(progress.hashed, progress.contiguous))
      progress.hashed = progress.contiguous
    }
    if (!whole) {
      done()
      return
    }
    this.#progress.delete(piece)
    piece.close()
    const right =
      Buffer.compare(
        progress.hash.digest(),
        this.#hashes.subarray(piece.index * 20, piece.index * 20 + 20),
      ) === 0
    if (right) done(null, piece)
    else if (this.#corrupt) {
      this.#corrupt(piece)
      done()
    } else done(new PeerError('ERR_CORRUPT', `piece ${piece.index} does not match its hash`))
  }
}
