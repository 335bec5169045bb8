import { BLOCK_LENGTH, type BlockRef, encodedLength, type Message } from '../codec/message.ts'
import { PeerError } from '../errors.ts'
import { type Done, Transform } from './stage.ts'

export interface ResponderOptions {
  /** Bytes of each piece but the last, and of all. */
  readonly pieceLength: number
  readonly length: number
  /** The bytes of a block that was asked for. */
  readonly read: (block: BlockRef) => Uint8Array | Promise<Uint8Array>
}

/**
 * Answers a peer's requests for blocks of a torrent that is all here.
 *
 * in            Message, from the peer
 * out           Message, for the peer: a piece for each request
 * backpressure  takes no request while 256 KiB of pieces wait
 * fails with    PeerError: a request that is out of range
 * BEP           3
 */
export class Responder extends Transform<Message, Message> {
  readonly #options: ResponderOptions

  constructor(options: ResponderOptions) {
    super({ highWaterMark: 262144, byteLengthWritable: () => 64, byteLengthReadable: encodedLength })
    this.#options = options
  }

  override _transform(message: Message, done: Done<Message>): void {
    if (message.type === 'interested') done(null, { type: 'unchoke' })
    else if (message.type === 'request') this.#answer(message).then(piece => done(null, piece), done)
    else done()
  }

  async #answer({ index, begin, length }: BlockRef): Promise<Message> {
    const { pieceLength, length: total, read } = this.#options
    const size = Math.min(pieceLength, total - index * pieceLength)
    if (length < 1 || length > BLOCK_LENGTH || begin + length > size) {
      throw new PeerError('ERR_MESSAGE', `request for ${length} bytes at ${begin} of piece ${index}`)
    }
    return { type: 'piece', index, begin, length, data: await read({ index, begin, length }) }
  }
}
