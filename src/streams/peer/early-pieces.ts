import type { Incoming } from './incoming.ts'

/** The messages in which a peer says which pieces it has, and which of them it gives or suggests. */
export type PiecesMessage = Extract<
  Incoming,
  { type: 'have' | 'bitfield' | 'haveAll' | 'haveNone' | 'allowedFast' | 'suggest' | 'dontHave' }
>

/** Messages about single pieces that are kept; later ones are dropped, and the peer may send them again. */
const MAX_SINGLE = 8192

/**
 * What a peer said of its pieces before the metadata was known, as it said it: how many pieces there are is not known
 * yet, so nothing of it can be checked.
 */
export class EarlyPieces {
  #whole: PiecesMessage | undefined
  readonly #single: PiecesMessage[] = []

  /** True if the peer has any piece, as far as that is known. */
  get any(): boolean {
    const whole = this.#whole
    if (whole?.type === 'haveAll') return true
    if (whole?.type === 'bitfield' && whole.bytes.some(byte => byte > 0)) return true
    return this.#single.some(({ type }) => type === 'have')
  }

  /** True if the peer has every piece. */
  get all(): boolean {
    return this.#whole?.type === 'haveAll'
  }

  add(message: PiecesMessage): void {
    const { type } = message
    if (type === 'bitfield' || type === 'haveAll' || type === 'haveNone') {
      this.#whole = message
      // earlier messages about single pieces are included in this one
      const rest = this.#single.filter(({ type }) => type !== 'have' && type !== 'dontHave')
      this.#single.splice(0, this.#single.length, ...rest)
    } else if (this.#single.length < MAX_SINGLE) this.#single.push(message)
  }

  /** The messages, to be taken again in this order. */
  *[Symbol.iterator](): IterableIterator<PiecesMessage> {
    if (this.#whole) yield this.#whole
    yield* this.#single
  }
}
