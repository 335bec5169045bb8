import type { Incoming } from './incoming.ts'

/** The messages about the pieces that a peer has, allows or suggests. */
export type PiecesMessage = Extract<
  Incoming,
  { type: 'have' | 'bitfield' | 'haveAll' | 'haveNone' | 'allowedFast' | 'suggest' | 'dontHave' }
>

/** Maximum messages about single pieces that are kept. Later ones are dropped. */
const MAX_PIECE_MESSAGES = 8192

/**
 * The messages of a peer about its pieces before the metadata is known. They are kept unchecked, as the number of pieces is
 * not known.
 */
export class EarlyPieces {
  #wholeMessage: PiecesMessage | undefined
  readonly #pieceMessages: PiecesMessage[] = []

  /** True if the peer has any piece, as far as that is known. */
  get hasAny(): boolean {
    const whole = this.#wholeMessage
    if (whole?.type === 'haveAll') return true
    if (whole?.type === 'bitfield' && whole.bytes.some(byte => byte > 0)) return true
    return this.#pieceMessages.some(({ type }) => type === 'have')
  }

  /** True if the peer has every piece. */
  get hasAll(): boolean {
    return this.#wholeMessage?.type === 'haveAll'
  }

  add(message: PiecesMessage): void {
    const { type } = message
    if (type === 'bitfield' || type === 'haveAll' || type === 'haveNone') {
      this.#wholeMessage = message
      // earlier messages about single pieces are included in this one
      const rest = this.#pieceMessages.filter(({ type }) => type !== 'have' && type !== 'dontHave')
      this.#pieceMessages.splice(0, this.#pieceMessages.length, ...rest)
    } else if (this.#pieceMessages.length < MAX_PIECE_MESSAGES) this.#pieceMessages.push(message)
  }

  /** The messages in the order in which to handle them. */
  *[Symbol.iterator](): IterableIterator<PiecesMessage> {
    if (this.#wholeMessage) yield this.#wholeMessage
    yield* this.#pieceMessages
  }
}
