import { checkRequired } from '../../codec/check-arguments.ts'
import { BLOCK_LENGTH } from '../../codec/message.ts'
import { type Block, PieceBuffer } from '../piece-buffer.ts'
import { type Done, Readable } from '../stage.ts'

/** Options of `PieceReader`. */
export interface PieceReaderOptions {
  /** Reads the bytes. Resolves with the number of bytes that were available. */
  readonly storage: { read(position: number, target: Uint8Array): Promise<number> }
  /** Bytes of every piece but the last. */
  readonly pieceLength: number
  /** Bytes of the whole torrent. */
  readonly length: number
  /** Returns the bytes of a piece. @default `pieceLength`, and what is left of `length` for the last piece */
  readonly sizeOf?: (index: number) => number
  /** The pieces, in the order to read them. @default all */
  readonly pieces?: Iterable<number>
  /** Called with each piece that is missing or incomplete. */
  readonly onMissing?: (index: number) => void
  /** Returns memory for a piece. @default new memory for each */
  readonly allocate?: (length: number) => Uint8Array
}

/**
 * Reads stored pieces as if a peer had sent them, for a Verifier.
 *
 * in            a storage
 * out           Block, one for each complete piece: its last block, after all have arrived
 * backpressure  reads one piece ahead
 * fails with    the error of the storage
 */
export class PieceReader extends Readable<Block> {
  readonly #options: PieceReaderOptions
  readonly #pieces: Iterator<number>

  constructor(options: PieceReaderOptions) {
    checkRequired(options, { storage: 'object', length: 'whole', pieceLength: 'positive' })
    super({ highWaterMark: 65536, byteLength: block => block.length || 1 })
    this.#options = options
    const { pieces, length, pieceLength } = options
    const all = Array.from({ length: pieces ? 0 : Math.ceil(length / pieceLength) }, (_, index) => index)
    this.#pieces = (pieces ?? all)[Symbol.iterator]()
  }

  override _read(done: Done): void {
    this.#readPiece().then(
      () => done(),
      error => done(error),
    )
  }

  /** Reads the next complete piece, and pushes its last block. */
  async #readPiece(): Promise<void> {
    const { storage, pieceLength, length, onMissing, allocate = Buffer.allocUnsafeSlow } = this.#options
    const { sizeOf = (index: number) => Math.min(pieceLength, length - index * pieceLength) } = this.#options
    while (!this.destroying) {
      const { value: index, done } = this.#pieces.next()
      if (done) {
        this.push(null)
        return
      }
      const size = sizeOf(index)
      const piece = new PieceBuffer(index, size, allocate(size))
      if ((await storage.read(index * pieceLength, piece.data)) < size) {
        onMissing?.(index)
        continue
      }
      for (let block = 0; block < piece.blocks; block++) piece.arrive(block, undefined)
      this.push({ piece, begin: (piece.blocks - 1) * BLOCK_LENGTH, length: size })
      return
    }
  }
}
