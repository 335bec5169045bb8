import type { Fetcher, Request } from '../../streams/block-source.ts'
import { BLOCK_STATE, type PieceBuffer } from '../../streams/piece-buffer.ts'

/** A peer is silent if it sends nothing for this many times its longest recent pause, and at least for this time. */
const SILENCE_RATIO = 1.5
const MIN_SILENCE_MS = 250

/** The conditions for a second request for a block. */
export interface Lateness {
  /** Minimum age of the first request, milliseconds. */
  readonly minAgeMs: number
  /** The age of the request is at least this many times the mean wait of its peer; */
  readonly overdueFactor: number
  /** the same while the peer sends other blocks, @default `overdueFactor`; */
  readonly skippedFactor?: number
  /** or the remaining wait is at least this many times the mean wait of the second peer. */
  readonly gainFactor: number
}

/**
 * Returns the conditions for a late block. With `hurry`, in the endgame or when a reader waits, it is late after `patience` ms.
 *
 * Otherwise there are pieces to begin, and a block that comes twice takes the place of a new one, so the conditions are
 * stricter.
 */
export function chooseLateness(patience: number, hurry: boolean): Lateness {
  return hurry
    ? { minAgeMs: patience, overdueFactor: 2, gainFactor: 1.5 }
    : { minAgeMs: 3 * patience, overdueFactor: 4, gainFactor: 2 }
}

/** An active piece, and the peers from which its blocks are requested: at most two for each block. */
export class ActivePiece {
  readonly buffer: PieceBuffer
  /** The only peer that may fetch the piece, after it was wrong once. */
  readonly alone: Fetcher | undefined
  /** Ends the task of the piece in the queue. */
  readonly endTask: () => void
  /** A time before all of its requests, in milliseconds. Pieces that become active later have no earlier one. */
  readonly begunAt: number
  /** The time since when its free blocks are reserved for a faster peer, in ms. Taking or losing a block clears it. */
  reservedSince: number | undefined
  readonly #first: (Fetcher | undefined)[] = []
  readonly #second = new Map<number, Fetcher>()

  constructor(buffer: PieceBuffer, endTask: () => void, begunAt: number, alone?: Fetcher) {
    this.buffer = buffer
    this.endTask = endTask
    this.begunAt = begunAt
    this.alone = alone
  }

  /** True if this peer may fetch blocks of it. */
  isFor(requester: Fetcher): boolean {
    return (!this.alone || this.alone === requester) && requester.offers(this.buffer.index)
  }

  /** True while its free blocks are reserved for a faster peer, for `patience` ms. */
  isReserved(now: number, patience: number): boolean {
    this.reservedSince ??= now
    return now - this.reservedSince < patience
  }

  /**
   * Adds blocks that are requested from no peer to `taken`, until it holds `maxBlocks`.
   * @param from the first block; those before it come last
   */
  take(requester: Fetcher, maxBlocks: number, now: number, taken: Request[], from = 0): void {
    const { buffer } = this
    this.reservedSince = undefined
    for (let at = 0; buffer.free > 0 && taken.length < maxBlocks && at < buffer.blocks; at++) {
      const block = (from + at) % buffer.blocks
      if (buffer.states[block] !== BLOCK_STATE.free) continue
      buffer.request(block)
      this.#first[block] = requester
      taken.push({ piece: buffer, block, at: now, lost: false })
    }
  }

  /** Adds late blocks of another peer to `taken`, until it holds `maxBlocks`. */
  takeLate(requester: Fetcher, maxBlocks: number, now: number, lateness: Lateness, taken: Request[]): void {
    const { buffer } = this
    for (let block = 0; taken.length < maxBlocks && block < buffer.blocks; block++) {
      if (buffer.states[block] !== BLOCK_STATE.requested || this.#second.has(block)) continue
      const first = this.#first[block]
      const at = first === requester ? undefined : first?.findRequestTime(buffer.index, block)
      if (
        at === undefined ||
        now - at < lateness.minAgeMs ||
        !isWorthTwice(first, requester, now - at, lateness, now)
      )
        continue
      this.#second.set(block, requester)
      taken.push({ piece: buffer, block, at: now, lost: false })
    }
  }

  /** The number of blocks that this peer sent, or that were first requested from it. */
  countFor(requester: Fetcher): number {
    let count = 0
    for (let block = 0; block < this.buffer.blocks; block++)
      if (this.#first[block] === requester || this.buffer.givers[block] === requester) count++
    return count
  }

  /** Notes a block from `giver`, and cancels the requests to other peers for it. */
  settleBlock(block: number, giver: Fetcher): void {
    const first = this.#first[block]
    const second = this.#second.get(block)
    this.#first[block] = undefined
    if (second) this.#second.delete(block)
    if (first !== giver) first?.cancel(this.buffer, block)
    if (second !== giver) second?.cancel(this.buffer, block)
  }

  /** Cancels all requests for the piece. */
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

  /** Notes that a peer will not send a block. @returns true if the block is requested from no peer then */
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
 * True if a second peer is likely to send a block so much sooner than the first, which has owed it for `age` ms, that a second
 * request is worth it. It is worth it if the wait of a peer is unknown.
 */
function isWorthTwice(
  first: Fetcher | undefined,
  second: Fetcher,
  age: number,
  lateness: Lateness,
  now: number,
): boolean {
  const typicalWaitMs = first?.window?.meanWaitMs ?? 0
  const own = second.window?.meanWaitMs ?? lateness.minAgeMs
  if (typicalWaitMs - age >= lateness.gainFactor * own) return true
  const factor = isSilent(first, second, now)
    ? lateness.overdueFactor
    : (lateness.skippedFactor ?? lateness.overdueFactor)
  return age >= factor * typicalWaitMs
}

/** True if the first peer has stopped sending. A pause that both peers had is that of our own machine or link. */
function isSilent(first: Fetcher | undefined, second: Fetcher, now: number): boolean {
  const { lastBlockAt, longestPauseMs = 0 } = first?.window ?? {}
  if (lastBlockAt === undefined) return true
  const pause = Math.max(longestPauseMs, second.window?.longestPauseMs ?? 0)
  return now - lastBlockAt >= Math.max(MIN_SILENCE_MS, SILENCE_RATIO * pause)
}
