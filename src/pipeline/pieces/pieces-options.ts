import type { TsdlError } from '../../errors.ts'
import type { HashPool } from '../../hashing/hash-pool.ts'
import type { Metainfo } from '../../metainfo/metainfo.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Funnel } from '../../streams/torrent/funnel.ts'
import type { HashRequests } from '../hashes/hash-requests.ts'
import type { MemoryBudget } from '../limits/memory-budget.ts'
import type { ReadChunks } from '../limits/read-chunks.ts'
import type { Peer } from '../peer/peer.ts'
import type { Reputation } from '../swarm/reputation.ts'
import type { ContentOptions } from './content-options.ts'

/** The network side of a torrent, as its pieces see it. Its parts are made at their first use. */
export interface PiecesNetwork {
  /** The input for the blocks of all peers and web seeds. */
  readonly funnel: Funnel
  /** The strikes and bans of addresses. */
  readonly reputation: Reputation
  /** Requests for hashes of Merkle trees (BEP 52). */
  readonly hashes: HashRequests<Peer>
}

/** Options of `Pieces`. */
export interface PiecesOptions {
  readonly metainfo: Metainfo
  readonly content: ContentOptions
  /** Bytes for everything in flight, or what they are a share of. */
  readonly memory: number | MemoryBudget
  /** Bytes that were read before peers requested them, of all torrents of the client. */
  readonly readChunks: ReadChunks
  readonly superSeed: boolean
  readonly clock: Clock
  /** From 0 to below 1. */
  readonly random: () => number
  readonly network: PiecesNetwork
  /** Threads that hash files in the initial check, and pieces of a fast download. */
  readonly hashPool?: HashPool | undefined
}

/** Events of `Pieces`. */
export interface PiecesEvents {
  /** This many pieces have been read and hashed at the start. */
  checked: [pieces: number]
  /** A piece is verified and stored, for the first time or again. */
  verified: [index: number]
  /** A verified piece was lost: another program changed its file. */
  lost: [index: number]
  /** A peer or a web seed, by name, sent wrong bytes too often. */
  banned: [name: string, reason: string]
  /** `tick` has something to do again. */
  active: []
  warning: [error: TsdlError]
  /** The storage failed. */
  failed: [error: Error]
}
