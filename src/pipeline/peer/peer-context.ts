import type net from 'node:net'
import type { AddressFamily } from '../../codec/address-family.ts'
import type { Bitfield } from '../../codec/bitfield.ts'
import type { Encryption } from '../../codec/mse.ts'
import type { SharedDht } from '../../discovery/peer-sources.ts'
import type { Clock } from '../../ports/clock.ts'
import type { ByteLimit } from '../../streams/byte-limit.ts'
import type { HashSource } from '../../streams/peer/hash-responder.ts'
import type { RequestWaits } from '../../streams/peer/request-waits.ts'
import type { BlockSource } from '../../streams/peer/requester.ts'
import type { ResponderOptions, ResponderTorrent } from '../../streams/peer/responder-options.ts'
import type { Funnel } from '../../streams/torrent/funnel.ts'
import type { MeteredLimit } from '../limits/metered-limit.ts'
import type { MessageLoad } from './message-budget.ts'

/** The state that all peers of a torrent share. */
export interface PeerContext {
  /** The info-hash under which peers are dialled, 20 bytes: that of v1, if the torrent has one. */
  infoHash: Uint8Array
  /** The v2 info-hash, truncated to 20 bytes, if the torrent has one. */
  infoHashV2: Uint8Array | undefined
  /** 20 bytes. */
  readonly peerId: Uint8Array
  readonly clock: Clock
  /** Our name and version. */
  readonly client: string
  /** The port on which we listen, if we do. */
  readonly port: number | undefined
  readonly connect?: typeof net.connect
  /** The address to dial from. */
  readonly bind?: string
  /** The only address family of peers. @default both */
  readonly family?: AddressFamily
  readonly encryption: Encryption
  /** The DHT, if peers may use it. */
  readonly dht: SharedDht | undefined
  /** True if peers exchange peers (BEP 11). */
  readonly pex: boolean
  /** The number of connections that wait for their message budgets. */
  readonly load: MessageLoad
  /** The sums of what all requesters have waited. */
  readonly waits: RequestWaits
  /** The input for all blocks. */
  readonly funnel: Funnel
  /** The torrent, once its metadata is known. */
  torrent: PeerTorrent | undefined
  readonly limits: {
    /** Returns the maximum bytes to read at once from one peer. */
    readonly read: () => number
    /** Returns the maximum requests in flight to one peer that our memory allows. */
    readonly window: () => number
    /** Returns the requests to send to a peer that answers slowly, before its first block. */
    readonly firstWindow: () => number
    /** Returns the maximum blocks to read and send at once to one peer. */
    readonly maxRunBlocks: () => number
    /** Memory for runs of blocks on their way to peers. */
    readonly pool: NonNullable<ResponderOptions['pool']>
    readonly up?: ByteLimit
    readonly down?: MeteredLimit
  }
}

/** The parts of a torrent that peers need to exchange its blocks. */
export interface PeerTorrent {
  /** The raw info dictionary, for peers without metadata (BEP 9). */
  readonly info: Uint8Array
  readonly pieceCount: number
  /** Bytes of each piece but the last, and of all. */
  readonly pieceLength: number
  readonly length: number
  /** Returns the bytes of a piece that a peer may request, or 0 if there is no such piece. */
  requestableBytes(index: number): number
  /** The hashes of its trees, if it is v2 or hybrid. */
  readonly hashes: HashSource | undefined
  /** Decides which blocks to request. */
  readonly source: BlockSource
  readonly upload: PeerUpload
  /** True if we want no more pieces (BEP 21). */
  readonly isUploadOnly: boolean
}

/** The pieces that peers may download from us. */
export interface PeerUpload {
  readonly storage: ResponderTorrent['storage']
  /** Returns true if we have a piece. */
  has(index: number): boolean
  /** The pieces that we announce to a peer when it connects. */
  readonly announcedPieces: Bitfield
  /** True if we do not show all pieces that we have (BEP 16). */
  readonly isSuperSeeding: boolean
  /** The policy of suggestions while we are a seed. */
  readonly suggestions: PieceSuggestions
  /** Called when a piece that we have could not be read. */
  onReadError(error: Error, index: number): void
}

/** A peer as the policy of suggestions sees it. */
export interface SuggestedPeer {
  readonly responder: { readonly sending: boolean; readonly waiting: number }
  /** The time since when its requests wait without an answer, milliseconds; the last tick if it has no requests. */
  readonly waitsSince: number
}

/** Which pieces a seed suggests to each peer, so that it sends each piece once (BEP 6): a policy. */
export interface PieceSuggestions {
  /** Returns the pieces to suggest to a peer now. */
  choosePieces(peer: SuggestedPeer, has: (index: number) => boolean, now: number): readonly number[]
  /** Notes a request for a piece. @returns true if the peer should get more suggestions */
  noteRequest(peer: SuggestedPeer, index: number, now: number): boolean
  /** Returns true if the request of a peer for this piece should wait behind its other requests. */
  defersPiece(peer: SuggestedPeer, index: number, now: number): boolean
  /** Forgets a peer that disconnected or was choked. */
  removePeer(peer: SuggestedPeer): void
  /** Updates the policy with the total of uploaded bytes. */
  tick(uploaded: number, now: number): void
}
