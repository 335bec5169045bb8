import { BLOCK_LENGTH } from '../../codec/message.ts'
import type { Clock } from '../../ports/clock.ts'
import type { ByteLimit } from '../../streams/byte-limit.ts'
import { MAX_GROUP_BLOCKS } from '../../streams/peer/block-group.ts'
import type { MemoryBudget } from '../limits/memory-budget.ts'
import { MeteredLimit } from '../limits/metered-limit.ts'
import { RateLimit } from '../limits/rate-limit.ts'
import type { RunBuffers } from '../limits/upload-memory.ts'
import type { PeerContext } from './peer-context.ts'
import type { CountedPeer, PeerTotals } from './peer-totals.ts'

export interface LimitsOptions {
  readonly clock: Clock
  /** Bytes for everything in flight, or what they are a share of. */
  readonly memory: number | MemoryBudget
  /** Buffers for runs of blocks, of all torrents of the client. */
  readonly runs: RunBuffers
  /** Bytes per second, or a share of a limit that several torrents have together. @default no limit */
  readonly up?: number | ByteLimit | undefined
  readonly down?: number | ByteLimit | undefined
  /** The connections, and the bytes that they have received. */
  readonly totals: Pick<PeerTotals<CountedPeer>, 'peers' | 'downloaded'>
}

const MiB = 1 << 20
/** Bytes of all reads at once, and of all blocks that are being sent. */
const READ_BYTES = 8 * MiB
const UPLOAD_BYTES = 16 * MiB
/** Blocks that are read and sent at once with a rate limit, so that the rate is even. */
const LIMITED_BLOCKS = 2
const MIN_REQUESTS = 4
/**
 * First requests to the only peer, if it answers slowly and nothing was received. A piece of 256 KiB then comes at once from a
 * peer that sends in bursts, as transmission does every half second. Otherwise fewer requests waste less.
 */
const FIRST_REQUESTS = 16
const MAX_REQUESTS = 2048

/**
 * Creates the limits of what each peer may have in flight: its share of the total.
 *
 * Inputs: the memory, the number of connections, the rate limits; true if a block was received.
 */
export function createPeerLimits(options: LimitsOptions): PeerContext['limits'] {
  const { clock, down, memory, runs: pool, totals, up } = options
  const { peers } = totals
  const share = (bytes: number) => Math.floor(bytes / Math.max(1, peers.size))
  const memoryBytes = () => (typeof memory === 'number' ? memory : memory.share)
  // with a rate limit reads are small, so that the rate is even
  const largest = () =>
    isLimited(down) ? clamp(typeof down === 'number' ? down / 20 : 65536, 4096, 65536) : MiB
  return {
    read: () => clamp(share(READ_BYTES), Math.min(largest(), 65536), largest()),
    window: () => clamp(share(memoryBytes() / 2 / BLOCK_LENGTH), MIN_REQUESTS, MAX_REQUESTS),
    firstWindow: () => (peers.size > 1 || totals.downloaded > 0 || down ? MIN_REQUESTS : FIRST_REQUESTS),
    maxRunBlocks: () =>
      clamp(share(UPLOAD_BYTES / 2 / BLOCK_LENGTH), 1, isLimited(up) ? LIMITED_BLOCKS : MAX_GROUP_BLOCKS),
    pool,
    ...(up ? { up: limitOf(up, clock) } : {}),
    ...(down ? { down: new MeteredLimit(limitOf(down, clock), clock) } : {}),
  }
}

function isLimited(limit: number | ByteLimit | undefined): boolean {
  return typeof limit === 'object' ? !limit.isUnlimited : limit !== undefined
}

function limitOf(limit: number | ByteLimit, clock: Clock): ByteLimit {
  return typeof limit === 'number' ? new RateLimit({ rate: limit, clock }) : limit
}

function clamp(value: number, min: number, max: number): number {
  return Math.max(min, Math.min(max, Math.floor(value)))
}
