import type { ByteLimit } from './byte-limit.ts'

/** Delays the reads of one owner for a rate limit. */
export class ByteGate {
  readonly #limit: ByteLimit | undefined
  readonly #owner: object
  readonly #held = new Map<object, () => void>()
  #closed = false

  constructor(limit: ByteLimit | undefined, owner: object) {
    this.#limit = limit
    this.#owner = owner
  }

  /** True while a read is held back. */
  get isHolding(): boolean {
    return this.#held.size > 0
  }

  /** Resolves once this many more bytes may be read. Returns undefined if they may be read at once. */
  pass(bytes: number): Promise<void> | undefined {
    const limit = this.#limit
    if (!limit || this.#closed) return undefined
    return new Promise(resolve => {
      let ticket: object | undefined
      const go = () => {
        if (ticket) this.#held.delete(ticket)
        resolve()
      }
      ticket = limit.take(bytes, go, this.#owner)
      if (ticket) this.#held.set(ticket, go)
    })
  }

  /** Stops delaying reads. */
  close(): void {
    this.#closed = true
    for (const [ticket, go] of this.#held) {
      this.#limit?.cancel(ticket)
      go()
    }
  }
}
