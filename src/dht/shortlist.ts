import { formatAddress, type PeerAddress } from '../codec/compact.ts'
import { BUCKET_SIZE } from './bucket.ts'
import type { Contact } from './contact.ts'
import { compareDistance, fits } from './node-id.ts'
import { isLocal } from './scope.ts'

/** A node on the way to a target. */
export interface Step extends Contact {
  /** Whether its id is one that its address may have (BEP 42): others are asked too, but do not count. */
  readonly fits: boolean
  /** `late`: nobody waits for it any more, but it may still answer. */
  state: 'new' | 'asked' | 'late' | 'answered' | 'failed'
  /** What it gave us to announce with. */
  token?: Uint8Array
}

/** As much of a reply as matters here. */
export interface Answer {
  readonly id: Uint8Array
  readonly token?: Uint8Array
}

/** Queries under way at once; more while nobody has answered. */
const PARALLEL = 4
const PARALLEL_AT_FIRST = 8
/** Nodes that are kept in view, and that are asked in all: lies must end. */
const MAX_STEPS = 128
const MAX_ASKED = 160
/** Addresses that are remembered, so that none is asked twice. */
const MAX_SEEN = 2_048
/** Of nodes whose ids do not fit, how many are looked at among the nearest. */
const MAX_UNFIT = 8

/**
 * Whom to ask next on the way to a target, and when it is reached: when the eight nearest nodes that answer have
 * answered (BEP 5), those whose ids fit (BEP 42).
 *
 * Depends on: the target; the nodes that were named, one an address; who was asked, is late, has answered or failed.
 */
export class Shortlist {
  readonly #target: Uint8Array
  /** The nearest first. */
  readonly #steps: Step[] = []
  readonly #seen = new Set<string>()
  #asked = 0
  #answered = 0

  constructor(target: Uint8Array) {
    this.#target = target
  }

  /** How many have been asked, and have answered. */
  get asked(): number {
    return this.#asked
  }
  get answered(): number {
    return this.#answered
  }

  /** Leaves an address out from now on. @returns whether it was new */
  see(address: PeerAddress): boolean {
    const key = isLocal(address.host) ? formatAddress(address) : address.host
    if (this.#seen.has(key)) return false
    if (this.#seen.size >= MAX_SEEN) return false
    this.#seen.add(key)
    return true
  }

  /** A node that somebody named. */
  add({ id, host, port }: Contact): void {
    if (this.see({ host, port })) this.#insert({ id, host, port, fits: fits(id, host), state: 'new' })
  }

  /** One of which we knew the address only has answered. */
  addAnswered({ host, port }: PeerAddress, { id, token }: Answer): void {
    const step: Step = { id, host, port, fits: fits(id, host), state: 'answered' }
    if (token) step.token = token
    this.#answered++
    this.#insert(step)
  }

  /** Whom to ask now; it counts as asked. `undefined` when that is nobody. */
  next(): Step | undefined {
    let underWay = 0
    for (const { state } of this.#steps) if (state === 'asked') underWay++
    if (underWay >= (this.#answered === 0 ? PARALLEL_AT_FIRST : PARALLEL)) return undefined
    if (this.#asked >= MAX_ASKED) return undefined
    const step = this.#nearest().find(({ state }) => state === 'new')
    if (step) {
      step.state = 'asked'
      this.#asked++
    }
    return step
  }

  /** One that was asked has answered. What it is called counts, not what others call it. */
  settle(step: Step, answer: Answer): void {
    if (Buffer.compare(step.id, answer.id) !== 0) {
      step.state = 'failed'
      this.addAnswered(step, answer)
      return
    }
    step.state = 'answered'
    if (answer.token) step.token = answer.token
    this.#answered++
  }

  /** Whether nothing is left to ask or to wait for. Late ones are waited for only while too few have answered. */
  get done(): boolean {
    const waits = (state: Step['state']) => this.#steps.some(step => step.state === state)
    if (waits('asked')) return false
    if (this.#asked < MAX_ASKED && this.#nearest().some(({ state }) => state === 'new')) return false
    return this.#answered >= BUCKET_SIZE || !waits('late')
  }

  /** Those nearest to the target that gave a token: whom to announce to. */
  get holders(): Step[] {
    return this.#nearest().filter(({ token }) => token !== undefined)
  }

  /** The nearest that have not failed: eight that fit, and those between them that do not. */
  #nearest(): Step[] {
    const found: Step[] = []
    let fit = 0
    for (const step of this.#steps) {
      if (step.state === 'failed' || step.state === 'late') continue
      if (!step.fits && found.length - fit >= MAX_UNFIT) continue
      found.push(step)
      if (step.fits && ++fit === BUCKET_SIZE) break
    }
    return found
  }

  #insert(step: Step): void {
    const before = (other: Step) => compareDistance(this.#target, other.id, step.id) <= 0
    let at = this.#steps.length
    while (at > 0 && !before(this.#steps[at - 1]!)) at--
    this.#steps.splice(at, 0, step)
    if (this.#steps.length <= MAX_STEPS) return
    const last = this.#steps.findLastIndex(({ state }) => state === 'new' || state === 'failed')
    if (last >= 0) this.#steps.splice(last, 1)
  }
}
