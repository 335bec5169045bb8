import type { Clock, Timer } from '../ports/clock.ts'
import { BUCKET_SIZE } from './bucket.ts'
import type { Contact } from './contact.ts'
import { ID_LENGTH } from './node-id.ts'
import type { RoutingTable } from './routing-table.ts'

/** Options of `Upkeep`. */
export interface UpkeepOptions {
  readonly clock: Clock
  readonly randomBytes: (size: number) => Uint8Array
  readonly table: () => RoutingTable
  /** Returns true if there is a node to query. */
  readonly canBegin: () => boolean
  /** Pings a node. */
  readonly check: (node: Contact) => void
  /** Walks towards an id to learn the nodes on the way. It never rejects. */
  readonly walk: (target: Uint8Array) => Promise<unknown>
  /** Removes expired peers. */
  readonly sweep: (now: number) => void
}

/** Interval of the checks, milliseconds. Each check pings at most one node. */
const TICK_MS = 6_000
/** Interval of the removal of expired peers, milliseconds. */
const SWEEP_INTERVAL_MS = 60_000
/** Minimum interval between walks that fill the table, milliseconds. A short run does not need a full table. */
const WALK_INTERVAL_MS = 30_000
/** Delay until an almost empty table is refilled again, milliseconds. It doubles each time. */
const MIN_REFILL_DELAY_MS = 2_000
/** Maximum delay, milliseconds. */
const MAX_REFILL_DELAY_MS = 300_000

/** Keeps a routing table up to date and full (BEP 5), in small steps. */
export class Upkeep {
  readonly #options: UpkeepOptions
  #timer: Timer | undefined
  #sweptAt: number
  #refillAt = Number.NEGATIVE_INFINITY
  #refillWait = MIN_REFILL_DELAY_MS
  #walking = false
  #walkedAt = Number.NEGATIVE_INFINITY

  constructor(options: UpkeepOptions) {
    this.#options = options
    this.#sweptAt = options.clock.now()
    this.#wait()
  }

  /** Looks for nodes near our own id, if there is a node to query and no walk is under way. */
  refill(): void {
    const { canBegin, clock, table } = this.#options
    if (this.#walking || !canBegin()) return
    this.#refillAt = clock.now() + this.#refillWait
    this.#refillWait = Math.min(MAX_REFILL_DELAY_MS, this.#refillWait * 2)
    table().walkedHome(clock.now())
    void this.#walk(table().own)
  }

  /** Stops the checks. */
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
    }, TICK_MS)
  }

  #tick(): void {
    const { canBegin, check, clock, randomBytes, sweep, table } = this.#options
    const now = clock.now()
    if (now - this.#sweptAt >= SWEEP_INTERVAL_MS) {
      this.#sweptAt = now
      sweep(now)
    }
    const node = table().questionable(now)
    if (node) check(node)
    if (table().size >= BUCKET_SIZE) this.#refillWait = MIN_REFILL_DELAY_MS
    else if (now >= this.#refillAt) this.refill()
    if (this.#walking || now - this.#walkedAt < WALK_INTERVAL_MS || !canBegin()) return
    const target = table().stale(now, () => randomBytes(ID_LENGTH))
    if (target) void this.#walk(target)
  }
}
