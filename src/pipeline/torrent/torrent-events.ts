import type { TsdlError } from '../../errors.ts'
import type { Metainfo } from '../../metainfo/metainfo.ts'
import type { Peer } from '../peer/peer.ts'

/** The events of a torrent. */
export interface TorrentEvents {
  /** The metadata of a magnet link is known. */
  metadata: [metainfo: Metainfo]
  /** This many pieces have been read and hashed at the start. */
  checked: [pieces: number]
  /** The existing pieces are known, and blocks are exchanged from now on. */
  started: []
  /** `pause` was called. */
  paused: []
  /** `resume` was called. */
  resumed: []
  /** Both handshakes with a peer are done. */
  connected: [peer: Peer]
  /** A connected peer has disconnected. */
  disconnected: [peer: Peer, reason: string]
  /** A web seed sent its first useful response, or cannot be used for now. */
  webSeed: [name: string, state: 'connected' | 'disconnected', reason?: string]
  /** A piece is verified and stored. */
  verified: [index: number]
  /** A verified piece was lost: another program changed its file. */
  lost: [index: number]
  /** A peer, a web seed or a tracker failed; the torrent continues. */
  warning: [error: TsdlError]
  /** Every wanted piece is verified and stored. The torrent is shared until it is closed. */
  done: []
  /** The torrent failed. Verified pieces are kept. */
  error: [error: Error]
  /** The last event, once. */
  close: []
}

/**
 * The state of a torrent. `metadata`: it fetches its metadata from peers, or waits for `begin`. `checking`: it looks for existing
 * pieces. `seeding`: every wanted piece is stored. `paused`: it exchanges nothing until `resume`.
 */
export type TorrentState = 'new' | 'metadata' | 'checking' | 'downloading' | 'seeding' | 'paused' | 'closed'
