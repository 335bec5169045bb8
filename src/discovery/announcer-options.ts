import type { PeerAddress } from '../codec/compact.ts'
import type { DiscoveryError } from '../errors.ts'
import type { Clock } from '../ports/clock.ts'
import type { AnnounceEvent, AnnounceRequest } from './announce-request.ts'
import type { Tracker } from './tracker.ts'
import type { TrackerEntry } from './tracker-list.ts'

/** How a torrent stands, for its trackers. */
export interface AnnounceStats {
  /** Payload bytes so far. */
  readonly uploaded: number
  readonly downloaded: number
  /** Bytes of the whole torrent that are missing; 0 only for a seed, so not while it is unknown. */
  readonly left: number
  /** Whether nothing more is wanted, though something is missing: a partial seed (BEP 21). @default false */
  readonly partial?: boolean
}

export interface AnnouncerOptions {
  /** Tracker addresses as the torrent gives them (BEP 12); unusable and repeated ones are skipped. */
  readonly tiers: readonly (readonly string[])[]
  /** 20 bytes. */
  readonly infoHash: Uint8Array
  /** 20 bytes. */
  readonly peerId: Uint8Array
  /** Where we accept peers. */
  readonly port: number
  /** 32 bits of chance, the same for a whole run (BEP 7). */
  readonly key: number
  /** How many peers to ask for. @default 50 */
  readonly numwant?: number
  readonly clock: Clock
  /** Answers 0 <= x < 1. */
  readonly random: () => number
  /** What trackers are told, read when an announce is sent. */
  readonly stats: () => AnnounceStats
  /** Opens a tracker; what it throws makes a warning, and the tracker is skipped. */
  readonly makeTracker: (url: string) => Tracker
}

/** How a tracker is doing, to be shown. */
export interface TrackerStatus {
  /** Its address without credentials, query and passkey. */
  readonly name: string
  readonly state: 'untried' | 'working' | 'failing'
  /** Why it is failing. */
  readonly error?: DiscoveryError
}

export interface AnnouncerEvents {
  /** Peers of one reply, none if the tracker knows nobody, and the name of the tracker. */
  peers: [peers: readonly PeerAddress[], source: string]
  /** A tracker failed, warned or can't be used. Nothing ends; what can be retried is. */
  warning: [error: DiscoveryError]
}

/** What one tracker is told now. */
export function requestFor(
  { trackerId }: TrackerEntry,
  event: AnnounceEvent | undefined,
  options: AnnouncerOptions,
): AnnounceRequest {
  const { infoHash, peerId, port, key, numwant = 50, stats } = options
  const { uploaded, downloaded, left, partial = false } = stats()
  const told = event ?? (partial ? 'paused' : undefined)
  return {
    infoHash,
    peerId,
    port,
    uploaded,
    downloaded,
    left,
    key,
    numwant: event === 'stopped' ? 0 : numwant,
    ...(told && { event: told }),
    ...(trackerId && { trackerId }),
  }
}
