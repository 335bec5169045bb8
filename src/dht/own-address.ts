import { isLocal, networkOf } from './scope.ts'

/** Answers that have to agree, from as many networks. */
const ENOUGH = 5
/** Answers that are remembered. */
const MAX_VOTES = 32

/**
 * At which address others see us (BEP 42): one of them may be wrong or lie, so it takes several, and most of them.
 *
 * Depends on: what the last 32 networks that answered said, each its latest word. Local addresses are no news.
 */
export class OwnAddress {
  /** What each network said, the latest last. */
  readonly #votes = new Map<string, string>()

  /** A node at `teller` sees us at `host`. */
  vote(teller: string, host: string): void {
    if (isLocal(teller) || isLocal(host)) return
    const network = networkOf(teller)
    this.#votes.delete(network)
    this.#votes.set(network, host)
    if (this.#votes.size > MAX_VOTES) this.#votes.delete(this.#votes.keys().next().value!)
  }

  /** The address that enough of them and more than half name, if there is one. */
  get host(): string | undefined {
    const counts = new Map<string, number>()
    for (const host of this.#votes.values()) counts.set(host, (counts.get(host) ?? 0) + 1)
    for (const [host, count] of counts) if (count >= ENOUGH && count * 2 > this.#votes.size) return host
    return undefined
  }
}
