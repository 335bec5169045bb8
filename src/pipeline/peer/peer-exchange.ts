import { addressBytes } from '../../codec/address-bytes.ts'
import { canTellOf } from '../../codec/address-scope.ts'
import type { PeerAddress } from '../../codec/compact.ts'
import { MAX_PEX, type PexMessage as Message, type PexPeer } from '../../codec/pex.ts'
import { PeerError } from '../../errors.ts'

/** Milliseconds from the start of a connection to the first message, so that it has some peers. */
const FIRST_MESSAGE_DELAY_MS = 5_000
/** Minimum milliseconds between two messages (BEP 11), and milliseconds until the next try when there was no change. */
export const PEX_INTERVAL_MS = 60_000
const RETRY_DELAY_MS = 5_000
/** Tolerance for messages of the peer that come early, in milliseconds: clocks and networks vary. */
const INTERVAL_SLACK_MS = 5_000
/** Messages that may come too early within a minute before the connection ends. */
const MAX_EARLY_MESSAGES = 5
/** Maximum number of peers that are named to one peer. */
const MAX_SENT_PEERS = 200
/** Maximum addresses that are accepted from one connection, so that other sources keep their share. */
const MAX_ACCEPTED_PEERS = 500

/**
 * Decides which peers are named to one peer, and which of its own messages are accepted (BEP 11).
 *
 * Inputs: the times of the connection and of the last message; the peers that were named to it; the connected peers,
 * their addresses, and which of them it can reach; the times of its own messages, and the number of addresses in them.
 */
export class PeerExchange {
  /** The peers that were named to it, by address. */
  readonly #sentPeers = new Map<string, PeerAddress>()
  readonly #host: string
  #dueAt: number
  /** The time of its last accepted message, and the number of messages that came too early since. */
  #acceptedAt = Number.NEGATIVE_INFINITY
  #earlyMessages = 0
  #acceptedCount = 0

  /** @param host the peer's IP address; @param now when its connection began */
  constructor(host: string, now: number) {
    this.#host = host
    this.#dueAt = now + FIRST_MESSAGE_DELAY_MS
  }

  /** Returns true if a message to the peer is due. */
  isDue(now: number): boolean {
    return now >= this.#dueAt
  }

  /**
   * Returns the next message for this peer, if anything changed. It counts as sent.
   * @param connected the connected peers, by address
   * @param own the listening address of the peer itself, if that is known
   */
  composeMessage(
    connected: ReadonlyMap<string, PexPeer>,
    own: string | undefined,
    now: number,
  ): Message | undefined {
    const dropped = [...this.#sentPeers].filter(([key]) => !connected.has(key)).slice(0, MAX_PEX)
    for (const [key] of dropped) this.#sentPeers.delete(key)
    const added: PexPeer[] = []
    for (const [key, peer] of connected) {
      if (added.length === MAX_PEX || this.#sentPeers.size === MAX_SENT_PEERS) break
      if (key === own || this.#sentPeers.has(key) || !addressBytes(peer.host)) continue
      if (!canTellOf(this.#host, peer.host)) continue
      this.#sentPeers.set(key, peer)
      added.push(peer)
    }
    const any = added.length + dropped.length > 0
    this.#dueAt = now + (any ? PEX_INTERVAL_MS : RETRY_DELAY_MS)
    return any ? { added, dropped: dropped.map(([, peer]) => peer) } : undefined
  }

  /**
   * Returns the addresses in its message to accept: one of each host, and none if the message came too early.
   * @throws PeerError after too many early messages
   */
  acceptPeers({ added }: Message, now: number): PeerAddress[] {
    if (now - this.#acceptedAt < PEX_INTERVAL_MS - INTERVAL_SLACK_MS) {
      if (++this.#earlyMessages <= MAX_EARLY_MESSAGES) return []
      throw new PeerError('ERR_MESSAGE', 'more messages of peer exchange than one a minute')
    }
    this.#acceptedAt = now
    this.#earlyMessages = 0
    const hosts = new Map<string, PeerAddress>()
    for (const { host, port } of added) {
      if (this.#acceptedCount + hosts.size >= MAX_ACCEPTED_PEERS) break
      if (!hosts.has(host) && canTellOf(this.#host, host)) hosts.set(host, { host, port })
    }
    this.#acceptedCount += hosts.size
    return [...hosts.values()]
  }
}
