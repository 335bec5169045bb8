import type { Fetcher, Request } from '../../streams/block-source.ts'
import { BLOCK, type PieceBuffer } from '../../streams/piece-buffer.ts'

/** When a block that somebody owes us is worth asking for a second time. */
export interface Lateness {
  /** Milliseconds that it has been waited for at least. */
  readonly after: number
  /** How many times as long as that peer usually takes, */
  readonly overdue: number
  /** or how many times the second peer's usual wait is still to come. */
  readonly sooner: number
}

/**
 * What is late: in the endgame, or otherwise where somebody waits for just these blocks (`hurry`), after `patience` ms.
 *
 * As long as there are pieces to begin, an idle peer is idle because nobody has anything new for it: what comes twice
 * then keeps others from what is new, so there has to be more reason for it.
 */
export function lateness(patience: number, hurry: boolean): Lateness {
  return hurry ? { after: patience, overdue: 2, sooner: 1.5 } : { after: 3 * patience, overdue: 4, sooner: 2 }
}

/** A piece under way, and which peers were asked for its blocks: at most two for any of them. */
export class ActivePiece {
  readonly buffer: PieceBuffer
  /** The one peer that may fetch it, when it came wrong before. */
  readonly alone: Fetcher | undefined
  /** Ends the task that admitted it. */
  readonly done: () => void
  /** Since when its free blocks are left to a quicker peer, in ms of the clock; taking or losing a block ends it. */
  leftSince: number | undefined
  readonly #first: (Fetcher | undefined)[] = []
  readonly #second = new Map<number, Fetcher>()

  constructor(buffer: PieceBuffer, done: () => void, alone?: Fetcher) {
    this.buffer = buffer
    this.done = done
    this.alone = alone
  }

  /** Whether this peer may fetch blocks of it. */
  isFor(requester: Fetcher): boolean {
    return (!this.alone || this.alone === requester) && requester.offers(this.buffer.index)
  }

  /** Adds blocks that nobody was asked for to `taken`, until it holds `most`. */
  take(requester: Fetcher, most: number, now: number, taken: Request[]): void {
    const { buffer } = this
    this.leftSince = undefined
    for (let block = 0; buffer.free > 0 && taken.length < most && block < buffer.blocks; block++) {
      if (buffer.states[block] !== BLOCK.free) continue
      buffer.request(block)
      this.#first[block] = requester
      taken.push({ piece: buffer, block, at: now, lost: false })
    }
  }

  /** Adds blocks that another peer owes, and that are late, to `taken`, until it holds `most`. */
  takeLate(requester: Fetcher, most: number, now: number, late: Lateness, taken: Request[]): void {
    const { buffer } = this
    for (let block = 0; taken.length < most && block < buffer.blocks; block++) {
      if (buffer.states[block] !== BLOCK.requested || this.#second.has(block)) continue
      const first = this.#first[block]
      const at = first === requester ? undefined : first?.askedAt(buffer.index, block)
      if (at === undefined || now - at < late.after || !worthIt(first, requester, now - at, late)) continue
      this.#second.set(block, requester)
      taken.push({ piece: buffer, block, at: now, lost: false })
    }
  }

  /** A block came from `giver`: whoever else was asked is told that it is no longer needed. */
  settleBlock(block: number, giver: Fetcher): void {
    const first = this.#first[block]
    const second = this.#second.get(block)
    this.#first[block] = undefined
    if (second) this.#second.delete(block)
    if (first !== giver) first?.cancel(this.buffer, block)
    if (second !== giver) second?.cancel(this.buffer, block)
  }

  /** Takes all requests for it back. */
  cancel(): void {
    for (let block = 0; block < this.buffer.blocks; block++) {
      const [first, second] = [this.#first[block], this.#second.get(block)]
      this.#first[block] = undefined
      this.#second.delete(block)
      if (!first && !second) continue
      this.buffer.release(block)
      first?.cancel(this.buffer, block)
      second?.cancel(this.buffer, block)
    }
  }

  /** A peer will not give a block. @returns whether nobody is asked for it any more */
  give(block: number, requester: Fetcher): boolean {
    if (this.#second.get(block) === requester) {
      this.#second.delete(block)
      return false
    }
    if (this.#first[block] !== requester) return false
    this.#first[block] = this.#second.get(block)
    this.#second.delete(block)
    this.leftSince = undefined
    return this.#first[block] === undefined && this.buffer.release(block)
  }
}

/**
 * Whether a second peer brings a block so much sooner than the first, which has owed it for `age` ms, that it is worth
 * sending it twice. Not knowing, it is: then one of them has given us nothing yet.
 */
function worthIt(first: Fetcher | undefined, second: Fetcher, age: number, late: Lateness): boolean {
  const usual = first?.window?.usual ?? 0
  const own = second.window?.usual ?? late.after
  return age >= late.overdue * usual || usual - age >= late.sooner * own
}
