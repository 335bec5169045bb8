import { canTellOf } from '../../codec/address-scope.ts'
import { addressBytes, type PeerAddress } from '../../codec/compact.ts'
import { MAX_PEX, type PexMessage as Message, type PexPeer } from '../../codec/pex.ts'
import { PeerError } from '../../errors.ts'

/** Milliseconds from a connection's start to the first message, that the first peers may be in it. */
const FIRST_MESSAGE_DELAY_MS = 5_000
/** Milliseconds at least from one message to the next (BEP 11); where there is no news, until it is looked for again. */
export const PEX_INTERVAL_MS = 60_000
const RETRY_DELAY_MS = 5_000
/** Milliseconds less than those that a peer's message may come after its last: clocks and networks vary. */
const INTERVAL_SLACK_MS = 5_000
/** Messages that may come too early within a minute until it is no mistake any more. */
const MAX_EARLY_MESSAGES = 5
/** Peers that one peer is told of at a time. */
const MAX_SENT_PEERS = 200
/** Addresses that are accepted from one connection, so that other sources keep their share. */
const MAX_ACCEPTED_PEERS = 500

/**
 * What one peer is told of the others, and how much of its word counts (BEP 11).
 *
 * Depends on: when its connection began, and when it was last told; the peers that it was told of; the connected peers, where
 * they listen, and whether it can reach them; when its own messages came, and how many addresses it has named.
 */
export class PeerExchange {
  /** The peers that it knows from us, by address. */
  readonly #told = new Map<string, PeerAddress>()
  readonly #host: string
  #next: number
  /** When its last message came that counted, and how many came too early since. */
  #heard = Number.NEGATIVE_INFINITY
  #early = 0
  #named = 0

  /** @param host the peer's IP address; @param now when its connection began */
  constructor(host: string, now: number) {
    this.#host = host
    this.#next = now + FIRST_MESSAGE_DELAY_MS
  }

  /** Returns true if a message to the peer is due. */
  isDue(now: number): boolean {
    return now >= this.#next
  }

  /**
   * The news for this peer, if there are any; then it counts as told.
   * @param connected the connected peers, by address
   * @param own the address of the peer itself, where it listens, if that is known
   */
  composeMessage(
    connected: ReadonlyMap<string, PexPeer>,
    own: string | undefined,
    now: number,
  ): Message | undefined {
    const dropped = [...this.#told].filter(([key]) => !connected.has(key)).slice(0, MAX_PEX)
    for (const [key] of dropped) this.#told.delete(key)
    const added: PexPeer[] = []
    for (const [key, peer] of connected) {
      if (added.length === MAX_PEX || this.#told.size === MAX_SENT_PEERS) break
      if (key === own || this.#told.has(key) || !addressBytes(peer.host)) continue
      if (!canTellOf(this.#host, peer.host)) continue
      this.#told.set(key, peer)
      added.push(peer)
    }
    const any = added.length + dropped.length > 0
    this.#next = now + (any ? PEX_INTERVAL_MS : RETRY_DELAY_MS)
    return any ? { added, dropped: dropped.map(([, peer]) => peer) } : undefined
  }

  /**
   * The addresses in its message that are worth a try: none, if it comes too early; one of each host.
   * @throws PeerError when it goes on like that
   */
  acceptPeers({ added }: Message, now: number): PeerAddress[] {
    if (now - this.#heard < PEX_INTERVAL_MS - INTERVAL_SLACK_MS) {
      if (++this.#early <= MAX_EARLY_MESSAGES) return []
      throw new PeerError('ERR_MESSAGE', 'more messages of peer exchange than one a minute')
    }
    this.#heard = now
    this.#early = 0
    const hosts = new Map<string, PeerAddress>()
    for (const { host, port } of added) {
      if (this.#named + hosts.size >= MAX_ACCEPTED_PEERS) break
      if (!hosts.has(host) && canTellOf(this.#host, host)) hosts.set(host, { host, port })
    }
    this.#named += hosts.size
    return [...hosts.values()]
  }
}
