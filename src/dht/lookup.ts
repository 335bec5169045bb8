import type { Clock, Timer } from '../clock.ts'
import { canTellOf } from '../codec/address-scope.ts'
import type { PeerAddress } from '../codec/compact.ts'
import type { Contact, Family } from './contact.ts'
import type { Reply } from './krpc.ts'
import type { Outcome } from './rpc.ts'
import { Shortlist, type Step } from './shortlist.ts'

export interface LookupOptions {
  readonly target: Uint8Array
  readonly family: Family
  /** Our own id: whoever names us to us is not followed. */
  readonly own: Uint8Array
  /** Nodes to begin with. */
  readonly contacts: readonly Contact[]
  /** Addresses to begin with, of nodes whose ids we do not know. */
  readonly addresses: readonly PeerAddress[]
  readonly clock: Clock
  /** Asks one node for those nearer to the target. Never rejects. */
  readonly ask: (to: PeerAddress) => Promise<Outcome>
  /** Called with each reply as it comes, also after the end. */
  readonly heard?: (reply: Reply, from: PeerAddress) => void
  readonly signal?: AbortSignal
}

export interface LookupResult {
  /** Nodes that were asked, and that answered. */
  readonly asked: number
  readonly answered: number
  /** The nearest that answered and gave a token. */
  readonly holders: readonly Step[]
}

/** Milliseconds after which others are asked instead; its answer is still taken. */
const LATE = 500
/** Milliseconds after which the walk ends without it, if it is all that it waits for. */
const GIVEN_UP = 1500

/** Walks towards a target, asking node after node for those that are nearer (BEP 5). Never rejects. */
export function lookup(options: LookupOptions): Promise<LookupResult> {
  return new Promise(resolve => new Walk(options, resolve).begin())
}

class Walk {
  readonly #options: LookupOptions
  readonly #resolve: (result: LookupResult) => void
  readonly #shortlist: Shortlist
  readonly #timers = new Set<Timer>()
  /** Addresses without an id that have not answered, those of them that are late, and all that were asked. */
  #unnamed = 0
  #late = 0
  #asked = 0
  #over = false

  constructor(options: LookupOptions, resolve: (result: LookupResult) => void) {
    this.#options = options
    this.#resolve = resolve
    this.#shortlist = new Shortlist(options.target)
  }

  begin(): void {
    const { addresses, contacts, signal } = this.#options
    signal?.addEventListener('abort', this.#end, { once: true })
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
    // Late ones are waited for while they are all that we know.
    const waits = this.#shortlist.answered > 0 ? this.#unnamed - this.#late : this.#unnamed
    if (waits === 0 && this.#shortlist.done) this.#end()
  }

  #ask(step: Step): void {
    const late = this.#after(LATE, () => {
      if (step.state === 'asked') step.state = 'late'
    })
    const gone = this.#after(GIVEN_UP, () => {
      if (step.state === 'late') step.state = 'failed'
    })
    void this.#options.ask(step).then(outcome => {
      this.#cancel(late)
      this.#cancel(gone)
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
    const late = this.#after(LATE, () => {
      isLate = true
      this.#late++
    })
    void this.#options.ask(address).then(outcome => {
      this.#cancel(late)
      this.#unnamed--
      if (isLate) this.#late--
      if (typeof outcome === 'object') {
        this.#shortlist.addAnswered(address, outcome)
        this.#take(outcome, address)
      }
      this.#go()
    })
  }

  #take(reply: Reply, from: PeerAddress): void {
    const { family, heard, own } = this.#options
    heard?.(reply, from)
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
    this.#options.signal?.removeEventListener('abort', this.#end)
    for (const timer of this.#timers) this.#options.clock.clearTimeout(timer)
    this.#timers.clear()
    const { asked, answered, holders } = this.#shortlist
    this.#resolve({ asked: asked + this.#asked, answered, holders })
  }
}
