/** Number of addresses that must report the same external address. */
const QUORUM_REPORTS = 3
/** Number of votes that are kept. */
const MAX_VOTERS = 32

/**
 * Finds our external IP address, as a quorum of peers at different addresses reports it (`yourip`, BEP 10).
 *
 * Inputs: the last vote of each address. One address has one vote, so that no single host decides.
 */
export class ExternalAddress {
  /** The last vote of each address, the oldest first. */
  readonly #votes = new Map<string, string>()

  /** Takes a vote. Returns the external address of the same family, if a quorum agrees on it. */
  vote(voter: string, ip: string): string | undefined {
    const v6 = ip.includes(':')
    const key = `${v6 ? 6 : 4} ${voter}`
    this.#votes.delete(key)
    this.#votes.set(key, ip)
    if (this.#votes.size > MAX_VOTERS) this.#votes.delete(this.#votes.keys().next().value!)
    let agreeing = 0
    let others = 0
    for (const address of this.#votes.values()) {
      if (address === ip) agreeing++
      else if (address.includes(':') === v6) others++
    }
    return agreeing >= QUORUM_REPORTS && agreeing > others ? ip : undefined
  }
}
