import { addAbortListener } from 'node:events'
import type { AddressFamily } from '../codec/address-family.ts'
import { canTellOf } from '../codec/address-scope.ts'
import type { PeerAddress } from '../codec/compact.ts'
import type { Clock, Timer } from '../ports/clock.ts'
import type { Contact } from './contact.ts'
import type { DhtReply } from './krpc.ts'
import type { QueryOutcome } from './rpc.ts'
import { type LookupStep, Shortlist } from './shortlist.ts'

/** Options of `lookup`. */
export interface LookupOptions {
  readonly target: Uint8Array
  readonly family: AddressFamily
  /** Our own id, which is skipped in replies. */
  readonly own: Uint8Array
  /** The first nodes to query. */
  readonly contacts: readonly Contact[]
  /** The first addresses to query, of nodes with an unknown id. */
  readonly addresses: readonly PeerAddress[]
  readonly clock: Clock
  /** Queries a node for nodes nearer to the target. It never rejects. */
  readonly ask: (to: PeerAddress) => Promise<QueryOutcome>
  /** Called with each reply, also after the end. */
  readonly onReply?: (reply: DhtReply, from: PeerAddress) => void
  readonly signal?: AbortSignal
}

/** The result of `lookup`. */
export interface LookupResult {
  /** Number of nodes that were queried. */
  readonly asked: number
  /** Number of nodes that replied. */
  readonly answered: number
  /** The nearest nodes that replied with a token. */
  readonly holders: readonly LookupStep[]
}

/** Time without a reply after which a node is late: another is queried instead. A later reply is still used. */
const LATE_REPLY_MS = 500
/** Time without a reply after which a late node counts as failed, so that the lookup can end without it. */
const REPLY_TIMEOUT_MS = 1500

/** Walks towards a target by querying nodes for nearer nodes (BEP 5). It never rejects. */
export function lookup(options: LookupOptions): Promise<LookupResult> {
  return new Promise(resolve => new Walk(options, resolve).begin())
}

class Walk {
  readonly #options: LookupOptions
  readonly #resolve: (result: LookupResult) => void
  readonly #shortlist: Shortlist
  readonly #timers = new Set<Timer>()
  /** Number of addresses without an id that have not replied. */
  #unnamed = 0
  /** Number of those that are late. */
  #lateQueries = 0
  /** Number of addresses without an id that were queried. */
  #asked = 0
  #listener: Disposable | undefined
  #over = false

  constructor(options: LookupOptions, resolve: (result: LookupResult) => void) {
    this.#options = options
    this.#resolve = resolve
    this.#shortlist = new Shortlist(options.target)
  }

  begin(): void {
    const { addresses, contacts, signal } = this.#options
    if (signal) this.#listener = addAbortListener(signal, this.#end)
    for (const contact of contacts) this.#shortlist.add(contact)
    for (const address of addresses) if (this.#shortlist.see(address)) this.#askUnnamed(address)
    this.#go()
  }

  #go(): void {
    if (this.#over) return
    if (this.#options.signal?.aborted) {
      this.#end()
      return
    }
    for (let step = this.#shortlist.next(); step; step = this.#shortlist.next()) this.#ask(step)
    // Late nodes are awaited only if no other node has replied.
    const waits = this.#shortlist.answered > 0 ? this.#unnamed - this.#lateQueries : this.#unnamed
    if (waits === 0 && this.#shortlist.done) this.#end()
  }

  #ask(step: LookupStep): void {
    const lateTimer = this.#after(LATE_REPLY_MS, () => {
      if (step.state === 'asked') step.state = 'late'
    })
    const replyTimer = this.#after(REPLY_TIMEOUT_MS, () => {
      if (step.state === 'late') step.state = 'failed'
    })
    void this.#options.ask(step).then(outcome => {
      this.#cancel(lateTimer)
      this.#cancel(replyTimer)
      if (typeof outcome === 'object') {
        this.#shortlist.settle(step, outcome)
        this.#take(outcome, step)
      } else step.state = 'failed'
      this.#go()
    })
  }

  #askUnnamed(address: PeerAddress): void {
    let isLate = false
    this.#asked++
    this.#unnamed++
    const lateTimer = this.#after(LATE_REPLY_MS, () => {
      isLate = true
      this.#lateQueries++
    })
    void this.#options.ask(address).then(outcome => {
      this.#cancel(lateTimer)
      this.#unnamed--
      if (isLate) this.#lateQueries--
      if (typeof outcome === 'object') {
        this.#shortlist.addAnswered(address, outcome)
        this.#take(outcome, address)
      }
      this.#go()
    })
  }

  #take(reply: DhtReply, from: PeerAddress): void {
    const { family, onReply, own } = this.#options
    onReply?.(reply, from)
    if (this.#over) return
    for (const contact of reply.nodes[family] ?? []) {
      const isUs = Buffer.compare(contact.id, own) === 0
      if (!isUs && canTellOf(from.host, contact.host)) this.#shortlist.add(contact)
    }
  }

  #after(ms: number, call: () => void): Timer {
    const timer = this.#options.clock.setTimeout(() => {
      this.#timers.delete(timer)
      call()
      this.#go()
    }, ms)
    this.#timers.add(timer)
    return timer
  }

  #cancel(timer: Timer): void {
    this.#timers.delete(timer)
    this.#options.clock.clearTimeout(timer)
  }

  readonly #end = (): void => {
    if (this.#over) return
    this.#over = true
    this.#listener?.[Symbol.dispose]()
    for (const timer of this.#timers) this.#options.clock.clearTimeout(timer)
    this.#timers.clear()
    const { asked, answered, holders } = this.#shortlist
    this.#resolve({ asked: asked + this.#asked, answered, holders })
  }
}
