import { BLOCK_LENGTH } from '../../codec/message.ts'
import type { Clock } from '../../ports/clock.ts'
import type { ByteLimit } from '../../streams/byte-limit.ts'
import { MAX_RUN, RUN_LENGTH } from '../../streams/peer/block-run.ts'
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
const READS = 8 * MiB
const RUNS = 16 * MiB
/** Blocks that are read and sent at once while the rate is limited: so the limit is kept evenly. */
const LIMITED_RUN = 2
const FEWEST_REQUESTS = 4
const MOST_REQUESTS = 512
/** Runs of blocks for peers that are kept for the next one: a few are served at a time. */
const RUNS_KEPT = 32

/**
 * How much each peer may have in flight: its share of what there is for all.
 *
 * Depends on: the memory, the number of connections, the rate limits.
 */
export function limitsOf({ clock, memory, up, down, peers }: LimitsOptions): PeerContext['limits'] {
  const share = (bytes: number) => Math.floor(bytes / Math.max(1, peers()))
  // while the rate is limited, reads are small: so it is kept evenly
  const largest = down ? clamp(typeof down === 'number' ? down / 20 : 65536, 4096, 65536) : MiB
  return {
    read: () => clamp(share(READS), Math.min(largest, 65536), largest),
    window: () => clamp(share(memory() / 2 / BLOCK_LENGTH), FEWEST_REQUESTS, MOST_REQUESTS),
    run: () => clamp(share(RUNS / 2 / BLOCK_LENGTH), 1, up ? LIMITED_RUN : MAX_RUN),
    pool: new PiecePool(RUN_LENGTH, RUNS_KEPT),
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
