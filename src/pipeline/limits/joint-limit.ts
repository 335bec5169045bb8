import type { ByteLimit } from '../../streams/byte-limit.ts'

/** A request that waits for one of the two limits. */
interface JointRequest {
  /** The limit that it waits for, and the ticket there. */
  limit: ByteLimit
  ticket: object | undefined
}

/** Two limits that hold together: bytes pass the first one, and then the second one. */
export class JointLimit implements ByteLimit {
  readonly #first: ByteLimit
  readonly #second: ByteLimit

  constructor(first: ByteLimit, second: ByteLimit) {
    this.#first = first
    this.#second = second
  }

  /** True while neither limits. */
  get isUnlimited(): boolean {
    return this.#first.isUnlimited === true && this.#second.isUnlimited === true
  }

  /** Bytes per second of the stricter limit. */
  get rate(): number {
    const { rate: first = Number.POSITIVE_INFINITY } = this.#first
    const { rate: second = Number.POSITIVE_INFINITY } = this.#second
    return Math.min(first, second)
  }

  /** See ByteLimit. */
  take(bytes: number, onGranted: () => void, owner: object): object | undefined {
    if (this.#first.isUnlimited) return this.#second.take(bytes, onGranted, owner)
    if (this.#second.isUnlimited) return this.#first.take(bytes, onGranted, owner)
    let isDone = false
    const request: JointRequest = { limit: this.#first, ticket: undefined }
    const pass = () => {
      request.limit = this.#second
      request.ticket = undefined
      const end = () => {
        isDone = true
        onGranted()
      }
      request.ticket = this.#second.take(bytes, end, owner)
    }
    const ticket = this.#first.take(bytes, pass, owner)
    // `pass` may have been called already, and waits for the second then
    if (request.limit === this.#first) request.ticket = ticket
    return isDone ? undefined : request
  }

  /** See ByteLimit. */
  cancel(ticket: object): void {
    const request = ticket as JointRequest
    if ('limit' in request) {
      if (request.ticket) request.limit.cancel(request.ticket)
    } else {
      this.#first.cancel(ticket)
      this.#second.cancel(ticket)
    }
  }
}
