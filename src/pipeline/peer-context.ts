import type net from 'node:net'
import type { Clock } from '../clock.ts'
import type { Bitfield } from '../codec/bitfield.ts'
import type { Encryption } from '../codec/mse.ts'
import type { ByteLimit } from '../streams/byte-limit.ts'
import type { Funnel } from '../streams/funnel.ts'
import type { BlockSource } from '../streams/requester.ts'
import type { ResponderOptions, ResponderTorrent } from '../streams/responder.ts'
import type { MessageLoad } from './message-budget.ts'
import type { SharedDht } from './peer-sources.ts'
import type { Served, Suggestions } from './suggestions.ts'

/** What all peers of a torrent share. */
export interface PeerContext {
  /** 20 bytes each. */
  readonly infoHash: Uint8Array
  readonly peerId: Uint8Array
  readonly clock: Clock
  /** Our name and version. */
  readonly client: string
  /** The port that we listen at, if we do. */
  readonly port: () => number | undefined
  readonly connect?: typeof net.connect
  /** The address to dial from. */
  readonly bind?: string
  readonly encryption: Encryption
  /** The DHT, where peers may know of it. */
  readonly dht: () => SharedDht | undefined
  /** Whether peers exchange peers (BEP 11). */
  readonly pex: () => boolean
  /** How many connections of the torrent wait because of what their messages cost. */
  readonly load: MessageLoad
  /** Where blocks go. */
  readonly funnel: Funnel
  /** What is known of the torrent once its metadata is. */
  torrent: PeerTorrent | undefined
  readonly limits: {
    /** The most bytes to read at once from one peer. */
    readonly read: () => number
    /** The most requests under way to one peer, as our memory allows. */
    readonly window: () => number
    /** The most blocks to read and send at once to one peer. */
    readonly run: () => number
    /** Memory for runs of blocks on their way to peers. */
    readonly pool: NonNullable<ResponderOptions['pool']>
    readonly up?: ByteLimit
    readonly down?: ByteLimit
  }
}

/** What peers need to know of a torrent to exchange its blocks. */
export interface PeerTorrent {
  /** The raw info dictionary, for peers that have nothing but its hash (BEP 9). */
  readonly info: Uint8Array
  readonly pieceCount: number
  /** Bytes of each piece but the last, and of all. */
  readonly pieceLength: number
  readonly length: number
  /** Which blocks to ask for. */
  readonly source: BlockSource
  readonly upload: PeerUpload
}

/** What peers may have of us. */
export interface PeerUpload {
  readonly storage: ResponderTorrent['storage']
  /** Whether we have a piece. */
  readonly has: (index: number) => boolean
  /** The pieces that peers are told of when they connect. */
  readonly told: Bitfield
  /** Whether nothing else shows that we have more (BEP 16). */
  readonly hidden: boolean
  /** Whether we want nothing any more (BEP 21). */
  readonly only: () => boolean
  /** What to suggest while we are a seed. */
  readonly suggestions: Suggestions<Served>
  /** A piece that we have could not be read. */
  readonly failed: (error: Error, index: number) => void
}
