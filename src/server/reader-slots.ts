import { addAbortListener } from 'node:events'
import type { Clock, Timer } from '../ports/clock.ts'
import { type Contender, findOverdrawn } from './reader-fairness.ts'

/** All readers are in use, and none became free in time. The client may try again. */
export class ReadersBusy extends Error {}

/** The reader was given to another client. */
export class ReaderRevoked extends Error {}

export interface ReaderLimits {
  /** Maximum number of files that are read at once. */
  readonly maxReaders: number
  /** Maximum number of requests that wait for a reader. */
  readonly maxWaiting: number
}

/** The limits of a server, unless its options say otherwise. */
export const DEFAULT_MAX_READERS = 32
export const DEFAULT_MAX_WAITING = 64
/** Maximum milliseconds that a request waits for a reader. */
export const READER_WAIT_MS = 30_000
/** Milliseconds between two reviews of the readers while requests wait. Read rates are measured over this time. */
export const REVIEW_MS = 10_000

/** The client that a file is read for. */
export interface ReaderClient {
  /** The group of its address, see `addressKey`. */
  readonly group: string
  /** Aborted when its connection is closed. */
  readonly closed: AbortSignal
  /** Notes that the client received bytes. */
  touch(): void
}

interface SlotWaiter {
  readonly group: string
  readonly since: number
  grant(): void
  fail(error: Error): void
}

/** The right to read one file. */
export class ReaderSlot implements Contender {
  /** Bytes that the client received since the last review. */
  taken = 0
  /** When it was given, in milliseconds of the clock. */
  readonly since: number
  /** True while it waits for the client to read what was sent. */
  waitsForClient = false
  /** Why it was revoked; undefined while it is valid. */
  revoked: ReaderRevoked | undefined
  #onRevoke: (error: ReaderRevoked) => void = () => {}
  readonly #slots: ReaderSlots
  readonly #client: ReaderClient

  constructor(slots: ReaderSlots, client: ReaderClient, since: number) {
    this.#slots = slots
    this.#client = client
    this.since = since
  }

  get group(): string {
    return this.#client.group
  }

  /** Notes that the client received bytes. */
  take(bytes: number): void {
    this.taken += bytes
    this.#client.touch()
  }

  /** Calls `call` when the slot is revoked: reading has to end then. */
  onRevoke(call: (error: ReaderRevoked) => void): void {
    this.#onRevoke = call
  }

  revoke(reason: string): void {
    this.revoked = new ReaderRevoked(reason)
    this.#onRevoke(this.revoked)
  }

  release(): void {
    this.#slots.release(this)
  }
}

/**
 * Shares readers by address: a free one goes to the address group that has the fewest. While requests wait, a reader is
 * revoked if its client does not read, or if its group has more than its share.
 */
export class ReaderSlots {
  readonly #limits: ReaderLimits
  readonly #clock: Clock
  readonly #active = new Set<ReaderSlot>()
  readonly #waiting = new Set<SlotWaiter>()
  #review: Timer | undefined

  constructor(limits: ReaderLimits, clock: Clock) {
    this.#limits = limits
    this.#clock = clock
  }

  /** Readers in use. */
  get active(): number {
    return this.#active.size
  }

  /**
   * Resolves with a slot as soon as one is free.
   * @throws ReadersBusy after READER_WAIT_MS, or if too many requests wait; an AbortError if the client disconnects
   */
  acquire(client: ReaderClient): Promise<ReaderSlot> {
    const { group, closed: signal } = client
    if (signal.aborted) return Promise.reject(signal.reason)
    if (this.#active.size < this.#limits.maxReaders) return Promise.resolve(this.#open(client))
    const displaced = this.#findDisplaced(group)
    if (displaced === 'newcomer') return Promise.reject(this.#busy())
    displaced?.fail(this.#busy())
    return new Promise((resolve, reject) => {
      const end = () => {
        this.#clock.clearTimeout(timer)
        listener[Symbol.dispose]()
        this.#waiting.delete(waiter)
        this.#schedule()
      }
      const waiter: SlotWaiter = {
        group,
        since: this.#clock.now(),
        grant: () => {
          end()
          resolve(this.#open(client))
        },
        fail: error => {
          end()
          reject(error)
        },
      }
      const timer = this.#clock.setTimeout(() => waiter.fail(this.#busy()), READER_WAIT_MS)
      const listener = addAbortListener(signal, () => waiter.fail(signal.reason))
      this.#waiting.add(waiter)
      this.#schedule()
    })
  }

  release(slot: ReaderSlot): void {
    if (!this.#active.delete(slot)) return
    this.#nextWaiter()?.grant()
  }

  #open(client: ReaderClient): ReaderSlot {
    const slot = new ReaderSlot(this, client, this.#clock.now())
    this.#active.add(slot)
    return slot
  }

  #busy(): ReadersBusy {
    return new ReadersBusy(`${this.#limits.maxReaders} files are being read already`)
  }

  /** The request that has waited longest, among those of the group with the fewest readers. */
  #nextWaiter(): SlotWaiter | undefined {
    const counts = countByGroup(this.#active)
    let next: SlotWaiter | undefined
    for (const waiter of this.#waiting)
      if (!next || (counts.get(waiter.group) ?? 0) < (counts.get(next.group) ?? 0)) next = waiter
    return next
  }

  /** The request that leaves a full queue: the last one of the group with the most, which may be the new one. */
  #findDisplaced(group: string): SlotWaiter | 'newcomer' | undefined {
    if (this.#waiting.size < this.#limits.maxWaiting) return undefined
    const counts = countByGroup(this.#waiting)
    let last: SlotWaiter | undefined
    for (const waiter of this.#waiting)
      if (!last || counts.get(waiter.group)! >= counts.get(last.group)!) last = waiter
    const own = counts.get(group) ?? 0
    return last && counts.get(last.group)! > own + 1 ? last : 'newcomer'
  }

  /** Schedules the next review, if requests wait. It measures what clients take from now on. */
  #schedule(): void {
    if (this.#waiting.size === 0) {
      this.#clock.clearTimeout(this.#review)
      this.#review = undefined
      return
    }
    if (this.#review) return
    for (const slot of this.#active) slot.taken = 0
    const startedAt = this.#clock.now()
    this.#review = this.#clock.setTimeout(() => {
      this.#review = undefined
      const waiters = [...this.#waiting].filter(({ since }) => since <= startedAt)
      const judged = [...this.#active].filter(({ since, revoked }) => since <= startedAt && !revoked)
      const seconds = (this.#clock.now() - startedAt) / 1000
      for (const { slot, reason } of findOverdrawn(judged, waiters, seconds)) slot.revoke(reason)
      this.#schedule()
    }, REVIEW_MS)
  }
}

function countByGroup(members: Iterable<{ readonly group: string }>): Map<string, number> {
  const counts = new Map<string, number>()
  for (const { group } of members) counts.set(group, (counts.get(group) ?? 0) + 1)
  return counts
}
