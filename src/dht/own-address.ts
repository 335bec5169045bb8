import { isLocal, networkOf } from './scope.ts'

/** Number of networks that must report the same address. */
const MIN_AGREEING_VOTES = 5
/** Maximum number of networks with a remembered report. */
const MAX_VOTES = 32

/**
 * Determines our external address from the reports of other nodes (BEP 42). A single report may be incorrect or forged,
 * so several networks, and most of them, must agree.
 *
 * Inputs: the latest report of each of the last 32 networks. Local addresses are ignored.
 */
export class OwnAddress {
  /** The report of each network, the most recent last. */
  readonly #votes = new Map<string, string>()

  /** Records that a node at `source` sees us at `host`. */
  vote(source: string, host: string): void {
    if (isLocal(source) || isLocal(host)) return
    const network = networkOf(source)
    this.#votes.delete(network)
    this.#votes.set(network, host)
    if (this.#votes.size > MAX_VOTES) this.#votes.delete(this.#votes.keys().next().value!)
  }

  /** The address that at least five networks and more than half of them report, if there is one. */
  get host(): string | undefined {
    const counts = new Map<string, number>()
    for (const host of this.#votes.values()) counts.set(host, (counts.get(host) ?? 0) + 1)
    for (const [host, count] of counts)
      if (count >= MIN_AGREEING_VOTES && count * 2 > this.#votes.size) return host
    return undefined
  }
}
