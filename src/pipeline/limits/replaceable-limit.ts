import type { ByteLimit } from '../../streams/byte-limit.ts'

interface LimitRequest {
  readonly bytes: number
  readonly go: () => void
  readonly owner: object
  /** The ticket of the present limit. */
  ticket: object | undefined
}

/** A limit that can be replaced by another one: requests that wait go to the new one, in their order. */
export class ReplaceableLimit implements ByteLimit {
  #limit: ByteLimit
  readonly #waiting = new Set<LimitRequest>()

  constructor(limit: ByteLimit) {
    this.#limit = limit
  }

  /** See ByteLimit. */
  get isUnlimited(): boolean {
    return this.#limit.isUnlimited === true
  }

  /** See ByteLimit. */
  get rate(): number {
    return this.#limit.rate ?? Number.POSITIVE_INFINITY
  }

  /** Replaces the limit. */
  replace(limit: ByteLimit): void {
    if (limit === this.#limit) return
    const before = this.#limit
    this.#limit = limit
    for (const request of [...this.#waiting]) {
      if (!this.#waiting.delete(request)) continue // cancelled by the owner of an earlier one
      if (request.ticket) before.cancel(request.ticket)
      this.#forward(request)
    }
  }

  /** See ByteLimit. */
  take(bytes: number, go: () => void, owner: object): object | undefined {
    if (this.isUnlimited && this.#waiting.size === 0) return this.#limit.take(bytes, go, owner)
    const request: LimitRequest = { bytes, go, owner, ticket: undefined }
    this.#forward(request)
    return this.#waiting.has(request) ? request : undefined
  }

  /** See ByteLimit. */
  cancel(ticket: object): void {
    const request = ticket as LimitRequest
    if (this.#waiting.delete(request) && request.ticket) this.#limit.cancel(request.ticket)
  }

  #forward(request: LimitRequest): void {
    const { bytes, go, owner } = request
    this.#waiting.add(request)
    const pass = () => {
      if (this.#waiting.delete(request)) go()
    }
    request.ticket = this.#limit.take(bytes, pass, owner)
  }
}
