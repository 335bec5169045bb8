import type { Fetcher, Request } from '../../streams/block-source.ts'
import { BLOCK, type PieceBuffer } from '../../streams/piece-buffer.ts'

/** When a block that a peer owes us is worth a second request. */
export interface Lateness {
  /** Minimum age of the first request, milliseconds. */
  readonly minAgeMs: number
  /** The request is this many times as old as that peer usually takes, */
  readonly overdueFactor: number
  /** or this many times the second peer's usual wait are still to come. */
  readonly gainFactor: number
}

/**
 * Says which blocks are late. With `hurry`, in the endgame or when a reader waits for just these blocks, after `patience` ms.
 *
 * While there are pieces to begin, a peer is idle only because it has none of them. A block that comes twice then takes
 * the place of a new one, so it needs more reason.
 */
export function chooseLateness(patience: number, hurry: boolean): Lateness {
  return hurry
    ? { minAgeMs: patience, overdueFactor: 2, gainFactor: 1.5 }
    : { minAgeMs: 3 * patience, overdueFactor: 4, gainFactor: 2 }
}

/** A piece under way, and the peers from which its blocks are requested: at most two for each block. */
export class ActivePiece {
  readonly buffer: PieceBuffer
  /** The one peer that may fetch it, when it came wrong before. */
  readonly alone: Fetcher | undefined
  /** Ends the task that admitted it. */
  readonly endTask: () => void
  /** The time since when its free blocks are left to a quicker peer, in ms; taking or losing a block clears it. */
  reservedSince: number | undefined
  readonly #first: (Fetcher | undefined)[] = []
  readonly #second = new Map<number, Fetcher>()

  constructor(buffer: PieceBuffer, endTask: () => void, alone?: Fetcher) {
    this.buffer = buffer
    this.endTask = endTask
    this.alone = alone
  }

  /** True if this peer may fetch blocks of it. */
  isFor(requester: Fetcher): boolean {
    return (!this.alone || this.alone === requester) && requester.offers(this.buffer.index)
  }

  /** True while its free blocks are left to a quicker peer, for `patience` ms. One that has room takes them soon. */
  isReserved(now: number, patience: number): boolean {
    this.reservedSince ??= now
    return now - this.reservedSince < patience
  }

  /** Adds blocks that are requested from no peer to `taken`, until it holds `most`. */
  take(requester: Fetcher, most: number, now: number, taken: Request[]): void {
    const { buffer } = this
    this.reservedSince = undefined
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
      const at = first === requester ? undefined : first?.findRequestTime(buffer.index, block)
      if (at === undefined || now - at < late.minAgeMs || !isWorthTwice(first, requester, now - at, late))
        continue
      this.#second.set(block, requester)
      taken.push({ piece: buffer, block, at: now, lost: false })
    }
  }

  /** Notes that a block came from `giver`, and takes the requests to other peers for it back. */
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

  /** Notes that a peer will not give a block. @returns true if the block is requested from no peer then */
  giveUp(block: number, requester: Fetcher): boolean {
    if (this.#second.get(block) === requester) {
      this.#second.delete(block)
      return false
    }
    if (this.#first[block] !== requester) return false
    this.#first[block] = this.#second.get(block)
    this.#second.delete(block)
    this.reservedSince = undefined
    return this.#first[block] === undefined && this.buffer.release(block)
  }
}

/**
 * True if a second peer brings a block so much sooner than the first, which has owed it for `age` ms, that it is worth
 * sending it twice. Not knowing, it is: then one of them has given us nothing yet.
 */
function isWorthTwice(first: Fetcher | undefined, second: Fetcher, age: number, late: Lateness): boolean {
  const usual = first?.window?.meanWaitMs ?? 0
  const own = second.window?.meanWaitMs ?? late.minAgeMs
  return age >= late.overdueFactor * usual || usual - age >= late.gainFactor * own
}
