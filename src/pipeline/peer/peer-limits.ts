import { BLOCK_LENGTH } from '../../codec/message.ts'
import type { Clock } from '../../ports/clock.ts'
import type { ByteLimit } from '../../streams/byte-limit.ts'
import { MAX_GROUP_BLOCKS, MAX_GROUP_BYTES } from '../../streams/peer/block-group.ts'
import { PiecePool } from '../limits/piece-pool.ts'
import { RateLimit } from '../limits/rate-limit.ts'
import type { PeerContext } from './peer-context.ts'

export interface LimitsOptions {
  readonly clock: Clock
  /** Bytes for everything in flight. */
  readonly memory: () => number
  /** Bytes a second, or a share of a limit that several torrents have together. @default no limit */
  readonly up?: number | ByteLimit | undefined
  readonly down?: number | ByteLimit | undefined
  /** How many connections there are. */
  readonly peers: () => number
}

const MiB = 1 << 20
/** Bytes of all reads at once, and of all runs of blocks that are on their way out. */
const READ_BYTES = 8 * MiB
const UPLOAD_BYTES = 16 * MiB
/** Blocks that are read and sent at once while the rate is limited: so the limit is kept evenly. */
const LIMITED_BLOCKS = 2
const MIN_REQUESTS = 4
const MAX_REQUESTS = 512
/** Runs of blocks for peers that are kept for the next one: a few are served at a time. */
const MAX_POOLED_GROUPS = 32

/**
 * How much each peer may have in flight: its share of what there is for all.
 *
 * Depends on: the memory, the number of connections, the rate limits.
 */
export function createPeerLimits({ clock, memory, up, down, peers }: LimitsOptions): PeerContext['limits'] {
  const share = (bytes: number) => Math.floor(bytes / Math.max(1, peers()))
  // while the rate is limited, reads are small: so it is kept evenly
  const largest = down ? clamp(typeof down === 'number' ? down / 20 : 65536, 4096, 65536) : MiB
  return {
    read: () => clamp(share(READ_BYTES), Math.min(largest, 65536), largest),
    window: () => clamp(share(memory() / 2 / BLOCK_LENGTH), MIN_REQUESTS, MAX_REQUESTS),
    run: () => clamp(share(UPLOAD_BYTES / 2 / BLOCK_LENGTH), 1, up ? LIMITED_BLOCKS : MAX_GROUP_BLOCKS),
    pool: new PiecePool(MAX_GROUP_BYTES, MAX_POOLED_GROUPS),
    ...(up ? { up: limitOf(up, clock) } : {}),
    ...(down ? { down: limitOf(down, clock) } : {}),
  }
}

function limitOf(limit: number | ByteLimit, clock: Clock): ByteLimit {
  return typeof limit === 'number' ? new RateLimit({ rate: limit, clock }) : limit
}

function clamp(value: number, least: number, most: number): number {
  return Math.max(least, Math.min(most, Math.floor(value)))
}
