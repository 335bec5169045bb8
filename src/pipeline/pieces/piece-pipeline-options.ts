import type { Bitfield } from '../../codec/bitfield.ts'
import type { HashPool } from '../../hashing/hash-pool.ts'
import type { Layout } from '../../metainfo/layout.ts'
import type { Metainfo } from '../../metainfo/metainfo.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Storage } from '../../storage/storage.ts'
import type { Funnel } from '../../streams/torrent/funnel.ts'
import type { Reputation } from '../swarm/reputation.ts'
import type { LeafSource } from './block-verification.ts'
import type { PiecePriority } from './picker.ts'
import type { WantedPieces } from './wanted.ts'

/** Options of `PiecePipeline`. */
export interface PiecePipelineOptions {
  readonly metainfo: Metainfo
  readonly layout: Layout
  readonly storage: Storage
  /** Bytes for everything in flight. */
  readonly memory: number
  /** The wanted pieces, and how many of their bytes are missing. */
  readonly wanted: Pick<WantedPieces, 'bits' | 'left'>
  /** Returns the priority of a wanted piece. @default normal */
  readonly priority?: ((index: number) => PiecePriority) | undefined
  /** The pieces that are verified and stored; with a window, that were verified once. */
  readonly verified: Bitfield
  readonly random: () => number
  readonly sequential?: boolean
  /** True to fetch only what readers need soon, as with a window. */
  readonly onDemand?: boolean
  /** True to hold pieces in memory that workers can read. @default true for hash threads, if the storage takes such memory */
  readonly sharedMemory?: boolean
  /** Threads that hash pieces in shared memory while the main thread has too much to hash. */
  readonly hashPool?: HashPool | undefined
  readonly clock: Clock
  /** The input for the blocks of all peers and web seeds. */
  readonly funnel: Funnel
  /** The strikes and bans of addresses. */
  readonly reputation: Reputation
  /** Fetches the hashes of blocks, for a v2 or hybrid torrent. @default pieces are verified as a whole */
  readonly leaves?: LeafSource | undefined
}

/** Events of `PiecePipeline`. */
export interface PiecePipelineEvents {
  /** A piece is verified and stored. */
  verified: [index: number]
  /** Blocks of a piece are verified before the whole piece is: readers can have them. */
  blocks: [index: number]
  /** A peer or a web seed, by name, sent wrong bytes too often. */
  banned: [name: string, reason: string]
}
