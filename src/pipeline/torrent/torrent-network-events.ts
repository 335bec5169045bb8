import type { TsdlError } from '../../errors.ts'
import type { Peer } from '../peer/peer.ts'

/** Events of `TorrentNetwork`. */
export interface TorrentNetworkEvents {
  /** Both handshakes with a peer are done. */
  connected: [peer: Peer]
  /** A connected peer has disconnected. */
  disconnected: [peer: Peer, reason: string]
  /** `tick` has something to do again. */
  active: []
  /** A peer or a tracker failed. */
  warning: [error: TsdlError]
}

/** The values of the content for trackers. */
export interface AnnouncedContent {
  /** Bytes of the whole torrent that are missing. */
  readonly missing: number
  /** True if every wanted piece is stored, and others are missing (BEP 21). */
  readonly isPartialSeed: boolean
  /** Bytes of blocks from web seeds. */
  readonly webSeedBytes: number
}
