import { EXTENDED_HANDSHAKE, type ExtendedHandshake, parseExtendedHandshake } from '../codec/extended.ts'
import { type Handshake, supports } from '../codec/handshake.ts'
import type { Message } from '../codec/message.ts'
import {
  encodeMetadataMessage,
  type MetadataMessage,
  parseMetadataMessage,
  UT_METADATA,
} from '../codec/metadata.ts'
import { type Done, Transform } from './stage.ts'

export interface MetadataRequesterOptions {
  /** Its handshake came; what is returned is said in answer. Throws a PeerError for one that cannot be. */
  readonly shaken: (handshake: Handshake) => readonly Message[]
  /** It said more of itself (BEP 10). */
  readonly extended: (about: ExtendedHandshake) => void
  /** It gave a piece of the metadata, or refused one. Throws a PeerError for one that cannot be. */
  readonly answered: (message: MetadataMessage) => void
}

/**
 * Asks one peer for the metadata of a torrent of which nothing but the info-hash is known.
 *
 * in            Message; those of pieces mean nothing yet, and are passed over
 * out           Message: requests for metadata, and rejections of the peer's own
 * backpressure  takes no message while 16 KiB of ours wait
 * fails with    PeerError, as its callbacks throw it
 * BEP           9, 10
 */
export class MetadataRequester extends Transform<Message, Message> {
  readonly #options: MetadataRequesterOptions
  /** Its id of ut_metadata; 0 while it has none. */
  #id = 0
  #extends = false

  constructor(options: MetadataRequesterOptions) {
    super({ byteLength: message => (message.type === 'extended' ? message.payload.length + 64 : 64) })
    this.#options = options
  }

  /** Whether the peer takes requests for metadata. */
  get able(): boolean {
    return this.#id !== 0
  }

  /** Asks for these pieces. */
  ask(pieces: readonly number[]): void {
    for (const piece of pieces) this.#say({ type: 'request', piece })
  }

  override _transform(message: Message, done: Done<Message>): void {
    try {
      this.#take(message)
    } catch (error) {
      done(error as Error)
      return
    }
    done()
  }

  #take(message: Message): void {
    if (message.type === 'handshake') {
      this.#extends = supports(message.reserved, 'extended')
      for (const answer of this.#options.shaken(message)) this.push(answer)
    }
    if (message.type !== 'extended' || !this.#extends) return
    if (message.id === EXTENDED_HANDSHAKE) {
      const about = parseExtendedHandshake(message.payload)
      this.#id = about.extensions.get('ut_metadata') ?? this.#id
      this.#options.extended(about)
    } else if (message.id === UT_METADATA) this.#answer(parseMetadataMessage(message.payload))
  }

  #answer(message: MetadataMessage | undefined): void {
    if (message?.type === 'request') this.#say({ type: 'reject', piece: message.piece })
    else if (message) this.#options.answered(message)
  }

  #say(message: MetadataMessage): void {
    if (this.able) this.push({ type: 'extended', id: this.#id, payload: encodeMetadataMessage(message) })
  }
}
