import type { Clock, Timer } from '../clock.ts'
import { BUCKET_SIZE } from './bucket.ts'
import type { Contact } from './contact.ts'
import { ID_LENGTH } from './node-id.ts'
import type { RoutingTable } from './routing-table.ts'

export interface UpkeepOptions {
  readonly clock: Clock
  readonly randomBytes: (size: number) => Uint8Array
  readonly table: () => RoutingTable
  /** Whether there is anybody to ask. */
  readonly canBegin: () => boolean
  /** Asks a node whether it is there. */
  readonly check: (node: Contact) => void
  /** Walks towards an id, for whom one meets on the way. Never rejects. */
  readonly walk: (target: Uint8Array) => Promise<unknown>
  /** Forgets what is too old. */
  readonly sweep: (now: number) => void
}

/** Milliseconds between looks at what is due; one node is asked each time whether it is there. */
const TICK = 6_000
const SWEEP = 60_000
/** Milliseconds at least between walks that fill the table: who stays for a minute only need not know many. */
const WALK = 30_000
/** Milliseconds until a table with next to nobody in it is filled again; they double to the second. */
const FIRST_REFILL = 2_000
const LAST_REFILL = 300_000

/** Keeps a routing table true and full (BEP 5), a little at a time. */
export class Upkeep {
  readonly #options: UpkeepOptions
  #timer: Timer | undefined
  #sweptAt: number
  #refillAt = Number.NEGATIVE_INFINITY
  #refillWait = FIRST_REFILL
  #walking = false
  #walkedAt = Number.NEGATIVE_INFINITY

  constructor(options: UpkeepOptions) {
    this.#options = options
    this.#sweptAt = options.clock.now()
    this.#wait()
  }

  /** Looks for nodes near ourselves, if there is anybody to ask, and unless that is being done. */
  refill(): void {
    const { canBegin, clock, table } = this.#options
    if (this.#walking || !canBegin()) return
    this.#refillAt = clock.now() + this.#refillWait
    this.#refillWait = Math.min(LAST_REFILL, this.#refillWait * 2)
    table().walkedHome(clock.now())
    void this.#walk(table().own)
  }

  stop(): void {
    this.#options.clock.clearTimeout(this.#timer)
  }

  async #walk(target: Uint8Array): Promise<void> {
    this.#walking = true
    this.#walkedAt = this.#options.clock.now()
    await this.#options.walk(target)
    this.#walking = false
  }

  #wait(): void {
    this.#timer = this.#options.clock.setTimeout(() => {
      this.#tick()
      this.#wait()
    }, TICK)
  }

  #tick(): void {
    const { canBegin, check, clock, randomBytes, sweep, table } = this.#options
    const now = clock.now()
    if (now - this.#sweptAt >= SWEEP) {
      this.#sweptAt = now
      sweep(now)
    }
    const node = table().questionable(now)
    if (node) check(node)
    if (table().size >= BUCKET_SIZE) this.#refillWait = FIRST_REFILL
    else if (now >= this.#refillAt) this.refill()
    if (this.#walking || now - this.#walkedAt < WALK || !canBegin()) return
    const target = table().stale(now, () => randomBytes(ID_LENGTH))
    if (target) void this.#walk(target)
  }
}
