import type { PeerAddress } from '../codec/compact.ts'
import type { DiscoveryError } from '../errors.ts'
import type { Clock } from '../ports/clock.ts'
import type { AnnouncePacer } from './announce-pacer.ts'
import type { AnnounceEvent, AnnounceRequest } from './announce-request.ts'
import type { Tracker } from './tracker.ts'
import type { TrackerEntry } from './tracker-list.ts'

/** The counters of a torrent in an announce. */
export interface AnnounceStats {
  /** Payload bytes so far. */
  readonly uploaded: number
  readonly downloaded: number
  /** Missing bytes of the whole torrent. 0 is for seeds only, so it is larger while the size is unknown. */
  readonly left: number
  /** True for a partial seed: the selected files are complete and others are missing (BEP 21). @default false */
  readonly partial?: boolean
}

export interface AnnouncerOptions {
  /** Tracker addresses as the torrent gives them (BEP 12); unusable and repeated ones are skipped. */
  readonly tiers: readonly (readonly string[])[]
  /** 20 bytes. */
  readonly infoHash: Uint8Array
  /** 20 bytes. */
  readonly peerId: Uint8Array
  /** The port on which we accept peers. */
  readonly port: number
  /** 32 random bits, the same for a whole run (BEP 7). */
  readonly key: number
  /** Number of peers to ask for. @default 50 */
  readonly numwant?: number
  /** Spreads the announces of several torrents over time. @default each is sent when it is due */
  readonly pacer?: AnnouncePacer | undefined
  readonly clock: Clock
  /** Returns a number from 0 to below 1. */
  readonly random: () => number
  /** Returns the counters; called for each announce. */
  readonly stats: () => AnnounceStats
  /** Opens a tracker. If it throws, the tracker is skipped with a warning. */
  readonly makeTracker: (url: string) => Tracker
}

/** The status of a tracker. */
export interface TrackerStatus {
  /** Its address without credentials, query and passkey. */
  readonly name: string
  readonly state: 'untried' | 'working' | 'failing'
  /** The last failure, while it is failing. */
  readonly error?: DiscoveryError
}

/** A tracker, and what it last answered. */
export interface TrackerAnnounce extends TrackerStatus {
  /** The URL as it was given, with its passkey. */
  readonly url: string
  /** True while an announce is in progress. */
  readonly isAsking: boolean
  /** Milliseconds since the last announce began, and since the last answer. */
  readonly sinceAnnounce?: number
  readonly sinceAnswer?: number
  /** Peers in the last answer, and the numbers of seeds and of others that it named. */
  readonly peers?: number
  readonly seeders?: number
  readonly leechers?: number
  /** Milliseconds until the next announce to the trackers of the torrent. */
  readonly nextIn?: number
}

export interface AnnouncerEvents {
  /** The peers of one reply, which may be none, and the name of the tracker. */
  peers: [peers: readonly PeerAddress[], source: string]
  /** A tracker failed, warned or cannot be used. Failures are retried. */
  warning: [error: DiscoveryError]
}

/** Returns the current announce request for one tracker. */
export function requestFor(
  { trackerId }: TrackerEntry,
  event: AnnounceEvent | undefined,
  options: AnnouncerOptions,
): AnnounceRequest {
  const { infoHash, peerId, port, key, numwant = 50, stats } = options
  const { uploaded, downloaded, left, partial = false } = stats()
  const sentEvent = event ?? (partial ? 'paused' : undefined)
  return {
    infoHash,
    peerId,
    port,
    uploaded,
    downloaded,
    left,
    key,
    numwant: event === 'stopped' ? 0 : numwant,
    ...(sentEvent && { event: sentEvent }),
    ...(trackerId && { trackerId }),
  }
}
