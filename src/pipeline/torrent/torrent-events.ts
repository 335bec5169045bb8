import type { TsdlError } from '../../errors.ts'
import type { Metainfo } from '../../metainfo/metainfo.ts'
import type { Peer } from '../peer/peer.ts'

/** The events of a torrent. */
export interface TorrentEvents {
  /** The metadata of a magnet link is known. */
  metadata: [metainfo: Metainfo]
  /** This many pieces have been read and hashed at the start. */
  checked: [pieces: number]
  /** The pieces that were there at the start are known, and blocks are exchanged from now on. */
  started: []
  /** `pause` was called. */
  paused: []
  /** `resume` was called. */
  resumed: []
  /** Both handshakes with a peer are done. */
  connected: [peer: Peer]
  /** A connected peer is gone. */
  disconnected: [peer: Peer, reason: string]
  /** A web seed gave its first useful answer, or cannot be used for now. */
  webSeed: [name: string, state: 'connected' | 'disconnected', reason?: string]
  /** A piece is verified and at rest. */
  verified: [index: number]
  /** A verified piece was lost: another program changed its file. */
  lost: [index: number]
  /** A peer, a web seed or a tracker failed; the torrent goes on. */
  warning: [error: TsdlError]
  /** Every wanted piece is verified and at rest. The torrent is shared until it is closed. */
  done: []
  /** The torrent failed. Verified pieces are kept. */
  error: [error: Error]
  /** The last event, once. */
  close: []
}

/**
 * What a torrent does. `metadata`: it fetches its metadata from peers, or waits for `begin`. `checking`: it looks for
 * pieces that are there already. `seeding`: every wanted piece is there. `paused`: it exchanges nothing until `resume`.
 */
export type TorrentState = 'new' | 'metadata' | 'checking' | 'downloading' | 'seeding' | 'paused' | 'closed'
