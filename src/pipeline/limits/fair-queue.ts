/** A request for bytes that waits for its turn. */
export interface ByteRequest {
  readonly bytes: number
  /** Called once when the bytes are granted. */
  readonly onGranted: () => void
  /** Bytes by weight that its owner had been granted before this request, on a scale that all owners share. */
  readonly start: number
}

/** An owner with a weight: its share is that many times as large as that of an owner with 1. @default 1 */
export interface WeightedOwner {
  readonly weight?: number
}

/**
 * The order in which owners are granted bytes: start-time fair queueing.
 *
 * Inputs: how many bytes each owner was granted and requests, and its weight; the order of the requests.
 *
 * The owner with the smallest share so far comes first, and among equals the request that came first. So the shares of
 * owners that request all the time are as their weights, whatever the size of their requests. An owner that was idle
 * has no claim to more.
 */
export class FairQueue {
  readonly #requests: ByteRequest[] = []
  /** The share of each owner after its last request, and the share at which the last granted request began. */
  readonly #shares = new WeakMap<object, number>()
  #share = 0

  get size(): number {
    return this.#requests.length
  }

  /** The request that is granted next. */
  get first(): ByteRequest | undefined {
    return this.#requests[0]
  }

  has(request: ByteRequest): boolean {
    return this.#requests.includes(request)
  }

  push(bytes: number, onGranted: () => void, owner: object & WeightedOwner): ByteRequest {
    const start = Math.max(this.#share, this.#shares.get(owner) ?? 0)
    const request: ByteRequest = { bytes, onGranted, start }
    this.#shares.set(owner, start + bytes / (owner.weight ?? 1))
    // from the back, as most requests come after all others
    let at = this.#requests.length
    while (at > 0 && this.#requests[at - 1]!.start > start) at--
    this.#requests.splice(at, 0, request)
    return request
  }

  /** Removes a request that is granted. */
  grant(request: ByteRequest): void {
    this.#share = request.start
    this.delete(request)
  }

  /** Removes a request that is not needed. */
  delete(request: ByteRequest): void {
    const at = this.#requests.indexOf(request)
    if (at >= 0) this.#requests.splice(at, 1)
  }

  clear(): void {
    this.#requests.length = 0
  }
}
