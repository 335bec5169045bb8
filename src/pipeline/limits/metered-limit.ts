import type { Clock } from '../../ports/clock.ts'
import type { ByteLimit } from '../../streams/byte-limit.ts'
import { WaitTime } from '../../streams/wait-time.ts'

/** Measures how long reads wait for a limit. */
export class MeteredLimit implements ByteLimit {
  readonly #limit: ByteLimit
  readonly #clock: Clock
  /** The tickets of reads that wait. */
  readonly #tickets = new Set<object>()
  readonly #wait = new WaitTime()

  constructor(limit: ByteLimit, clock: Clock) {
    this.#limit = limit
    this.#clock = clock
  }

  /** See ByteLimit. */
  get isUnlimited(): boolean {
    return this.#limit.isUnlimited === true
  }

  /** See ByteLimit. */
  get rate(): number {
    return this.#limit.rate ?? Number.POSITIVE_INFINITY
  }

  /** Returns the milliseconds in which at least one read waited. */
  readWaitMs(now: number): number {
    return this.#wait.read(now)
  }

  /** See ByteLimit. */
  take(bytes: number, go: () => void, owner: object): object | undefined {
    if (this.isUnlimited && this.#tickets.size === 0) return this.#limit.take(bytes, go, owner)
    let ticket: object | undefined
    const pass = () => {
      if (ticket) this.#remove(ticket)
      go()
    }
    ticket = this.#limit.take(bytes, pass, owner)
    if (!ticket) return undefined
    this.#tickets.add(ticket)
    this.#wait.set(true, this.#clock.now())
    return ticket
  }

  /** See ByteLimit. */
  cancel(ticket: object): void {
    this.#limit.cancel(ticket)
    this.#remove(ticket)
  }

  #remove(ticket: object): void {
    if (this.#tickets.delete(ticket) && this.#tickets.size === 0) this.#wait.set(false, this.#clock.now())
  }
}
