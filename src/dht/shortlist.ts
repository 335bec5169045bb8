import { formatAddress, type PeerAddress } from '../codec/compact.ts'
import { BUCKET_SIZE } from './bucket.ts'
import type { Contact } from './contact.ts'
import { compareDistance, fits } from './node-id.ts'
import { isLocal } from './scope.ts'

/** A node in the shortlist of a lookup. */
export interface LookupStep extends Contact {
  /** True if its id is valid for its address (BEP 42). Other nodes are queried too, but do not count. */
  readonly fits: boolean
  /** `late`: the lookup does not wait for it any longer, but it may still reply. */
  state: 'new' | 'asked' | 'late' | 'answered' | 'failed'
  /** True if it was queried before the first reply: then it may be a node of an earlier run that is gone. */
  isFirst?: boolean
  /** The token of its reply, needed to announce to it. */
  token?: Uint8Array
}

/** The fields of a reply that the shortlist uses. */
export interface LookupAnswer {
  readonly id: Uint8Array
  readonly token?: Uint8Array
}

/** Maximum number of concurrent queries. */
const MAX_PARALLEL_QUERIES = 4
/** Maximum number of further ones that began before the first reply. Many may be to nodes of an earlier run that are gone. */
const MAX_FIRST_QUERIES = 8
/** Maximum length of the shortlist. */
const MAX_STEPS = 128
/** Maximum number of queries in a lookup, so that forged replies cannot prolong it forever. */
const MAX_ASKED_NODES = 160
/** Maximum number of addresses that are remembered, so that none is queried twice. */
const MAX_SEEN_ADDRESSES = 2_048
/** Maximum number of nodes with an invalid id among the nearest. */
const MAX_UNFIT_NODES = 8

/**
 * Decides which node to query next in a lookup and when the lookup is complete. It is complete when the eight nearest
 * nodes with a valid id (BEP 42) have replied (BEP 5).
 *
 * Inputs: the target; the nodes that were found, one per address; the state of each: new, asked, late, answered, failed.
 */
export class Shortlist {
  readonly #target: Uint8Array
  /** The nearest first. */
  readonly #steps: LookupStep[] = []
  readonly #seen = new Set<string>()
  #asked = 0
  #answered = 0

  constructor(target: Uint8Array) {
    this.#target = target
  }

  /** Number of nodes that were queried. */
  get asked(): number {
    return this.#asked
  }

  /** Number of nodes that replied. */
  get answered(): number {
    return this.#answered
  }

  /** Marks an address as seen, so that `add` ignores it. @returns true if it was new */
  see(address: PeerAddress): boolean {
    const key = isLocal(address.host) ? formatAddress(address) : address.host
    if (this.#seen.has(key)) return false
    if (this.#seen.size >= MAX_SEEN_ADDRESSES) return false
    this.#seen.add(key)
    return true
  }

  /** Adds a node from a reply. */
  add({ id, host, port }: Contact): void {
    if (this.see({ host, port })) this.#insert({ id, host, port, fits: fits(id, host), state: 'new' })
  }

  /** Adds a node that has replied from an address without a known id. */
  addAnswered({ host, port }: PeerAddress, { id, token }: LookupAnswer): void {
    const step: LookupStep = { id, host, port, fits: fits(id, host), state: 'answered' }
    if (token) step.token = token
    this.#answered++
    this.#insert(step)
  }

  /** Returns the next node to query and marks it as asked, or `undefined` if there is none now. */
  next(): LookupStep | undefined {
    const isFirst = this.#answered === 0
    let underWay = 0
    for (const step of this.#steps) if (step.state === 'asked' && step.isFirst === isFirst) underWay++
    if (underWay >= (isFirst ? MAX_FIRST_QUERIES : MAX_PARALLEL_QUERIES)) return undefined
    if (this.#asked >= MAX_ASKED_NODES) return undefined
    const step = this.#nearest().find(({ state }) => state === 'new')
    if (step) {
      step.state = 'asked'
      step.isFirst = isFirst
      this.#asked++
    }
    return step
  }

  /** Records a reply. The id in the reply is used, not the one that another node gave. */
  settle(step: LookupStep, answer: LookupAnswer): void {
    if (Buffer.compare(step.id, answer.id) !== 0) {
      step.state = 'failed'
      this.addAnswered(step, answer)
      return
    }
    step.state = 'answered'
    if (answer.token) step.token = answer.token
    this.#answered++
  }

  /** True if there is no node to query or to wait for. Late nodes are awaited only until enough others have replied. */
  get done(): boolean {
    const waits = (state: LookupStep['state']) => this.#steps.some(step => step.state === state)
    if (waits('asked')) return false
    if (this.#asked < MAX_ASKED_NODES && this.#nearest().some(({ state }) => state === 'new')) return false
    return this.#answered >= BUCKET_SIZE || !waits('late')
  }

  /** The nearest nodes that gave a token, to which an announce can be sent. */
  get holders(): LookupStep[] {
    return this.#nearest().filter(({ token }) => token !== undefined)
  }

  /** Returns the nearest nodes that are not failed or late: eight with a valid id, and up to eight others among them. */
  #nearest(): LookupStep[] {
    const found: LookupStep[] = []
    let fit = 0
    for (const step of this.#steps) {
      if (step.state === 'failed' || step.state === 'late') continue
      if (!step.fits && found.length - fit >= MAX_UNFIT_NODES) continue
      found.push(step)
      if (step.fits && ++fit === BUCKET_SIZE) break
    }
    return found
  }

  #insert(step: LookupStep): void {
    const before = (other: LookupStep) => compareDistance(this.#target, other.id, step.id) <= 0
    let at = this.#steps.length
    while (at > 0 && !before(this.#steps[at - 1]!)) at--
    this.#steps.splice(at, 0, step)
    if (this.#steps.length <= MAX_STEPS) return
    const last = this.#steps.findLastIndex(({ state }) => state === 'new' || state === 'failed')
    if (last >= 0) this.#steps.splice(last, 1)
  }
}
