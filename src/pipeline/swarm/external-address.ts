/** Addresses that must agree on where they see us before it is believed. */
const QUORUM = 3
/** Addresses whose word is kept. */
const MAX_VOTERS = 32

/**
 * The IP address that others see us at, as a quorum of peers at different addresses says (`yourip`, BEP 10).
 *
 * Depends on: what the peers of each address said last. One address has one vote, so no single host decides.
 */
export class ExternalAddress {
  /** What each address said last, oldest first. */
  readonly #votes = new Map<string, string>()

  /** @returns the address that is believed now, of the same family as `ip`, if any is */
  vote(voter: string, ip: string): string | undefined {
    const v6 = ip.includes(':')
    const key = `${v6 ? 6 : 4} ${voter}`
    this.#votes.delete(key)
    this.#votes.set(key, ip)
    if (this.#votes.size > MAX_VOTERS) this.#votes.delete(this.#votes.keys().next().value!)
    let agreeing = 0
    let others = 0
    for (const said of this.#votes.values()) {
      if (said === ip) agreeing++
      else if (said.includes(':') === v6) others++
    }
    return agreeing >= QUORUM && agreeing > others ? ip : undefined
  }
}
