import type { ExtendedHandshake } from '../../codec/extended.ts'
import type { MetadataMessage } from '../../codec/metadata.ts'
import type { PeerError } from '../../errors.ts'
import type { Peer } from '../peer/peer.ts'
import type { PeerContext } from '../peer/peer-context.ts'
import type { HashAnswer } from '../peer/peer-hashes.ts'
import type { PeerTotals } from '../peer/peer-totals.ts'
import type { Blocklist } from './blocklist.ts'
import type { ConnectionSlotsOptions } from './connection-slots.ts'
import type { Reputation } from './reputation.ts'

/** Events of `Swarm`. */
export interface SwarmEvents {
  /** Both handshakes with a peer are done. */
  connected: [peer: Peer]
  /** A connected peer has disconnected. */
  disconnected: [peer: Peer, reason: string]
  /** A peer sent its extended handshake (BEP 10). */
  extended: [peer: Peer, handshake: ExtendedHandshake]
  /** A peer sent a piece of the metadata, or rejected a request for one (BEP 9). */
  metadata: [peer: Peer, message: MetadataMessage]
  /** A peer answered a request for hashes, or rejected it (BEP 52). */
  hashes: [peer: Peer, answer: HashAnswer]
  /** The interest of a peer has changed, or a peer has left. */
  interest: []
  /** There are connections, or addresses to dial: `tick` has to be called again. */
  active: []
  /** A peer violated the protocol or could not be reached. */
  warning: [error: PeerError]
}

/** Options of `Swarm`. */
export interface SwarmOptions extends ConnectionSlotsOptions {
  readonly context: PeerContext
  /** Counts the connections and their bytes. */
  readonly totals: PeerTotals<Peer>
  /** The addresses that are banned. */
  readonly reputation: Reputation
  /** The addresses that are blocked. @default none */
  readonly blocklist?: Blocklist | undefined
  /** Maximum number of connections without a handshake. @default 32 */
  readonly maxHalfOpen?: number
}
