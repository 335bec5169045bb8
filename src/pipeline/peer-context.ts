import type net from 'node:net'
import type { Clock } from '../clock.ts'
import type { Bitfield } from '../codec/bitfield.ts'
import type { Encryption } from '../codec/mse.ts'
import type { ByteLimit } from '../streams/byte-limit.ts'
import type { Funnel } from '../streams/funnel.ts'
import type { BlockSource } from '../streams/requester.ts'
import type { ResponderOptions } from '../streams/responder.ts'
import type { MessageLoad } from './message-budget.ts'
import type { SharedDht } from './peer-sources.ts'
import type { Served, Suggestions } from './suggestions.ts'

/** What all peers of a torrent share. */
export interface PeerContext {
  /** 20 bytes each. */
  readonly infoHash: Uint8Array
  readonly peerId: Uint8Array
  /** The raw info dictionary, for peers that have nothing but its hash (BEP 9). */
  readonly info: Uint8Array
  readonly pieceCount: number
  /** Bytes of each piece but the last, and of all. */
  readonly pieceLength: number
  readonly length: number
  readonly clock: Clock
  /** How we call ourselves: name and version. */
  readonly client: string
  /** Where we listen, if we do. */
  readonly port: () => number | undefined
  readonly connect?: typeof net.connect
  /** The address to dial from. */
  readonly bind?: string
  readonly encryption: Encryption
  /** The DHT, where peers may know of it. */
  readonly dht: () => SharedDht | undefined
  /** Whether peers exchange peers (BEP 11). */
  readonly pex: boolean
  /** How many connections of the torrent wait because of what their messages cost. */
  readonly load: MessageLoad
  /** What comes in. */
  readonly download: {
    readonly source: BlockSource
    readonly funnel: Funnel
  }
  /** What goes out. */
  readonly upload: {
    readonly storage: ResponderOptions['storage']
    /** What we have. */
    readonly has: (index: number) => boolean
    /** What of it peers are told when they come. */
    readonly told: Bitfield
    /** Whether they are told of nothing else that gives us away (BEP 16). */
    readonly hidden: boolean
    /** Whether we want nothing any more (BEP 21). */
    readonly only: () => boolean
    readonly pool: NonNullable<ResponderOptions['pool']>
    /** What to suggest while we are a seed. */
    readonly suggestions: Suggestions<Served>
    /** A piece that we have could not be read. */
    readonly failed: (error: Error, index: number) => void
  }
  readonly limits: {
    /** The most bytes to read at once from one peer. */
    readonly read: () => number
    /** The most requests under way to one peer, as our memory allows. */
    readonly window: () => number
    /** The most blocks to read and send at once to one peer. */
    readonly run: () => number
    readonly up?: ByteLimit
    readonly down?: ByteLimit
  }
}
