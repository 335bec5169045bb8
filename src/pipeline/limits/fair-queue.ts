/** A request for bytes that waits for its turn. */
export interface Ask {
  readonly bytes: number
  /** Called once when the bytes are granted. */
  readonly go: () => void
  /** Bytes that its owner had been granted before this ask, on a scale that all owners share. */
  readonly start: number
}

/**
 * The order in which owners are granted bytes: start-time fair queueing.
 *
 * Inputs: how many bytes each owner was granted and asks for; the order of the asks.
 *
 * The owner with the smallest share so far comes first, and among equals the ask that came first. So the shares of
 * owners that ask all the time are equal in bytes, whatever the size of their asks. An owner that asked for nothing
 * has saved nothing.
 */
export class FairQueue {
  readonly #asks: Ask[] = []
  /** The share of each owner after its last ask, and the share at which the last granted ask began. */
  readonly #shares = new WeakMap<object, number>()
  #share = 0

  get size(): number {
    return this.#asks.length
  }

  /** The ask that is granted next. */
  get first(): Ask | undefined {
    return this.#asks[0]
  }

  has(ask: Ask): boolean {
    return this.#asks.includes(ask)
  }

  push(bytes: number, go: () => void, owner: object): Ask {
    const start = Math.max(this.#share, this.#shares.get(owner) ?? 0)
    const ask: Ask = { bytes, go, start }
    this.#shares.set(owner, start + bytes)
    // from the back, as most asks come after all others
    let at = this.#asks.length
    while (at > 0 && this.#asks[at - 1]!.start > start) at--
    this.#asks.splice(at, 0, ask)
    return ask
  }

  /** Removes an ask that is granted. */
  grant(ask: Ask): void {
    this.#share = ask.start
    this.delete(ask)
  }

  /** Removes an ask that is not needed. */
  delete(ask: Ask): void {
    const at = this.#asks.indexOf(ask)
    if (at >= 0) this.#asks.splice(at, 1)
  }

  clear(): void {
    this.#asks.length = 0
  }
}
