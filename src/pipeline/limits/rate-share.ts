import type { ByteLimit } from '../../streams/byte-limit.ts'
import { type ByteRequest, FairQueue } from './fair-queue.ts'

/**
 * One torrent's share of a rate that all torrents of a client have together.
 *
 * It requests bytes of the common limit for one peer at a time, as one owner. So torrents have equal shares of the rate,
 * however many peers each has, and the peers of a torrent have equal shares of the torrent's share.
 */
export class RateShare implements ByteLimit {
  /** Its size in shares of weight 1. It may change at any time. */
  weight = 1
  readonly #common: ByteLimit
  readonly #requests = new FairQueue()
  /** The request that was forwarded to the common limit, and its ticket there. */
  #current: ByteRequest | undefined
  #ticket: object | undefined
  #isForwarding = false

  constructor(common: ByteLimit) {
    this.#common = common
  }

  /** True while the common limit is unlimited. */
  get isUnlimited(): boolean {
    return this.#common.isUnlimited === true
  }

  /** Bytes per second of the common limit. */
  get rate(): number {
    return this.#common.rate ?? Number.POSITIVE_INFINITY
  }

  take(bytes: number, onGranted: () => void, peer: object): object | undefined {
    if (this.isUnlimited && this.#requests.size === 0) return this.#common.take(bytes, onGranted, this)
    const request = this.#requests.push(bytes, onGranted, peer)
    this.#requestFromCommon()
    return this.#requests.has(request) ? request : undefined
  }

  cancel(ticket: object): void {
    const request = ticket as ByteRequest
    this.#requests.delete(request)
    if (request !== this.#current) return
    this.#current = undefined
    if (this.#ticket) this.#common.cancel(this.#ticket)
    this.#requestFromCommon()
  }

  /** Drops all requests. Called when the torrent ends. */
  close(): void {
    this.#requests.clear()
    this.#current = undefined
    if (this.#ticket) this.#common.cancel(this.#ticket)
  }

  #requestFromCommon(): void {
    if (this.#isForwarding) return // the loop below goes on
    this.#isForwarding = true
    while (!this.#current && this.#requests.first) this.#forward(this.#requests.first)
    this.#isForwarding = false
  }

  #forward(request: ByteRequest): void {
    this.#current = request
    const ticket = this.#common.take(
      request.bytes,
      () => {
        if (this.#current !== request) return
        this.#current = undefined
        this.#ticket = undefined
        this.#requests.grant(request)
        request.onGranted()
        this.#requestFromCommon()
      },
      this,
    )
    if (this.#current === request) this.#ticket = ticket
  }
}
