import { type HashRange, rangeOf } from '../../codec/hash-range.ts'
import type { Message } from '../../codec/message.ts'
import type { ByteLimit } from '../byte-limit.ts'

/** Knows the hashes of Merkle trees (BEP 52). */
export interface HashSource {
  /**
   * Resolves with the hashes of a range and then its proofs, 32 bytes each, or with undefined to reject the request.
   * @param servedPiece the piece of the block that the peer requested just before and gets: its leaves must not be rejected
   */
  findHashes(range: HashRange, servedPiece?: number): Promise<Uint8Array | undefined>
}

export interface HashResponderOptions {
  /** Sends a message to the peer. @returns false if there is no room for more until `resume` */
  readonly send: (message: Message) => boolean
  /** Called when a request was answered, before the next one is. */
  readonly onAnswered: () => void
  readonly limit?: ByteLimit | undefined
}

/** Maximum requests of a peer that wait; more are rejected. libtorrent sends two at once. */
const MAX_WAITING_REQUESTS = 16

/** Answers the hash requests of one peer in order, each once: with hashes, or with a hash reject (BEP 52). */
export class HashResponder {
  /** Undefined if we have no hashes: all requests are rejected. */
  source: HashSource | undefined
  readonly #options: HashResponderOptions
  #queue: { readonly range: HashRange; readonly servedPiece: number | undefined }[] = []
  #isBusy = false
  #isFull = false
  #ticket: object | undefined

  constructor(options: HashResponderOptions) {
    this.#options = options
  }

  /** True if no request waits for its answer. */
  get isIdle(): boolean {
    return !this.#isBusy && this.#queue.length === 0
  }

  /** True while the hashes of a request are computed, or wait for the rate limit. */
  get isBusy(): boolean {
    return this.#isBusy
  }

  /**
   * Answers a request as soon as the ones before are answered and the peer has taken their answers.
   * @param servedPiece see `HashSource`
   */
  add(range: HashRange, servedPiece?: number): void {
    if (!this.source || this.#queue.length >= MAX_WAITING_REQUESTS) {
      this.#options.send({ type: 'hashReject', ...rangeOf(range) })
      return
    }
    this.#queue.push({ range: rangeOf(range), servedPiece })
    this.#serve()
  }

  /** Continues when there is room for messages. */
  resume(): void {
    this.#isFull = false
    this.#serve()
  }

  /** Answers nothing more. */
  end(): void {
    this.#queue = []
    this.source = undefined
    if (this.#ticket) this.#options.limit?.cancel(this.#ticket)
  }

  #serve(): void {
    const next = this.#isBusy || this.#isFull ? undefined : this.#queue.shift()
    if (!next || !this.source) return
    const { range, servedPiece } = next
    this.#isBusy = true
    const found = this.source.findHashes(range, servedPiece).catch(() => undefined)
    void found.then(hashes => this.#answer(range, hashes))
  }

  #answer(range: HashRange, hashes: Uint8Array | undefined): void {
    const { limit, onAnswered, send } = this.#options
    const go = () => {
      this.#ticket = undefined
      this.#isBusy = false
      if (!this.source) return
      this.#isFull = !send(hashes ? { type: 'hashes', ...range, hashes } : { type: 'hashReject', ...range })
      onAnswered()
      this.#serve()
    }
    if (hashes && limit && this.source) this.#ticket = limit.take(hashes.length, go, this)
    else go()
  }
}
