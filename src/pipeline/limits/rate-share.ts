import type { ByteLimit } from '../../streams/byte-limit.ts'
import { type Ask, FairQueue } from './fair-queue.ts'

/**
 * One torrent's share of a rate that all torrents of a client have together.
 *
 * It asks the common limit for one peer at a time, in its own name: so torrents have equal shares of the rate,
 * however many peers each has, and the peers of a torrent have equal shares of the torrent's.
 */
export class RateShare implements ByteLimit {
  readonly #common: ByteLimit
  readonly #asks = new FairQueue()
  /** The ask that the common limit was asked for, and its ticket there. */
  #current: Ask | undefined
  #ticket: object | undefined
  #asking = false

  constructor(common: ByteLimit) {
    this.#common = common
  }

  take(bytes: number, go: () => void, peer: object): object | undefined {
    const ask = this.#asks.push(bytes, go, peer)
    this.#askCommon()
    return this.#asks.has(ask) ? ask : undefined
  }

  cancel(ticket: object): void {
    const ask = ticket as Ask
    this.#asks.delete(ask)
    if (ask !== this.#current) return
    this.#current = undefined
    if (this.#ticket) this.#common.cancel(this.#ticket)
    this.#askCommon()
  }

  /** Drops all asks. To be called when the torrent ends. */
  close(): void {
    this.#asks.clear()
    this.#current = undefined
    if (this.#ticket) this.#common.cancel(this.#ticket)
  }

  #askCommon(): void {
    if (this.#asking) return // the loop below goes on
    this.#asking = true
    while (!this.#current && this.#asks.first) this.#askFor(this.#asks.first)
    this.#asking = false
  }

  #askFor(ask: Ask): void {
    this.#current = ask
    const ticket = this.#common.take(
      ask.bytes,
      () => {
        if (this.#current !== ask) return
        this.#current = undefined
        this.#ticket = undefined
        this.#asks.grant(ask)
        ask.go()
        this.#askCommon()
      },
      this,
    )
    if (this.#current === ask) this.#ticket = ticket
  }
}
