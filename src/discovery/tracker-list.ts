import { urlOf } from '../codec/url.ts'
import { DiscoveryError, messageOf } from '../errors.ts'
import type { Clock } from '../ports/clock.ts'
import type { AnnounceReply } from './announce-reply.ts'
import { retryDelay } from './retry-delay.ts'
import { type Tracker, TrackerFailure } from './tracker.ts'
import { isSupportedScheme, schemeOf, trackerName } from './tracker-url.ts'

/** The numbers of peers in an answer, and of those that it says there are. */
export interface AnswerCounts {
  readonly peers: number
  readonly seeders: number | undefined
  readonly leechers: number | undefined
}

/** A tracker of a torrent and its state. */
export interface TrackerEntry {
  /** The name in events and messages. */
  readonly name: string
  readonly url: string
  readonly tracker: Tracker
  /** True if it may count us as a peer, so that it has to get event=stopped. */
  reached: boolean
  /** True if it answered an announce of this run. */
  started: boolean
  /** True if it knows that we are a partial seed (BEP 21). */
  paused: boolean
  /** True while an announce is in progress. */
  asking: boolean
  /** Failures in a row. */
  failures: number
  /** The clock times of its last announce and of its last answer. */
  askedAt: number | undefined
  answeredAt: number | undefined
  /** Its last answer, without the peers. */
  reply: AnswerCounts | undefined
  /** Clock time before which it is not asked. */
  notBefore: number
  trackerId: Uint8Array | undefined
  /** Its last failure. Cleared by the next success. */
  error: DiscoveryError | undefined
}

/**
 * Opens the trackers of a torrent, each once (BEP 12). `skipped` has one error for each invalid URL, and one for each
 * unsupported scheme.
 */
export function openTrackers(
  tiers: readonly (readonly string[])[],
  makeTracker: (url: string) => Tracker,
): { tiers: TrackerEntry[][]; skipped: DiscoveryError[] } {
  const seen = new Set<string>()
  const unsupported = new Map<string, string[]>()
  const skipped: DiscoveryError[] = []
  const open = (text: string): TrackerEntry[] => {
    const url = text.trim()
    const key = urlOf(url)?.href ?? url
    if (seen.has(key)) return []
    seen.add(key)
    const scheme = schemeOf(url)
    if (/^[a-z][a-z0-9+.-]*:\/\//i.test(url) && !isSupportedScheme(scheme)) {
      unsupported.set(scheme, [...(unsupported.get(scheme) ?? []), trackerName(url)])
      return []
    }
    try {
      return [entry(url, makeTracker(url))]
    } catch (error) {
      skipped.push(new DiscoveryError('ERR_TRACKER', `skipped: ${messageOf(error)}`, error))
      return []
    }
  }
  // Copied to the exact length: a list that grew keeps spare room, and a client may have thousands of torrents.
  const opened = tiers.map(tier => tier.flatMap(open).slice())
  for (const [scheme, names] of unsupported) {
    const which = names.length === 1 ? names[0] : `${names[0]} and ${names.length - 1} more`
    skipped.push(new DiscoveryError('ERR_TRACKER', `${scheme} trackers are not supported: skipped ${which}`))
  }
  return { tiers: opened, skipped }
}

/** Records an answered announce. @param paused true if it had event=paused */
export function recordReply(entry: TrackerEntry, reply: AnnounceReply, paused: boolean, now: number): void {
  entry.asking = false
  entry.answeredAt = now
  const { leechers, peers, seeders } = reply
  entry.reply = { peers: peers.length, seeders, leechers }
  entry.reached = true
  entry.started = true
  entry.paused = paused
  entry.failures = 0
  entry.error = undefined
  entry.trackerId = reply.trackerId ?? entry.trackerId
}

/** Records a failed announce, and when the tracker may be asked again. */
export function recordFailure(
  entry: TrackerEntry,
  error: DiscoveryError,
  { clock, random }: { readonly clock: Clock; readonly random: () => number },
): void {
  const retryIn = error instanceof TrackerFailure ? error.retryIn : undefined
  entry.asking = false
  entry.failures++
  entry.error = error
  entry.reached = entry.started
  const delay = retryIn === undefined ? retryDelay(entry.failures, random()) : retryIn * 1_000
  entry.notBefore = clock.now() + delay
}

function entry(url: string, tracker: Tracker): TrackerEntry {
  return {
    name: tracker.name ?? trackerName(url),
    url,
    tracker,
    reached: false,
    started: false,
    paused: false,
    asking: false,
    failures: 0,
    askedAt: undefined,
    answeredAt: undefined,
    reply: undefined,
    notBefore: 0,
    trackerId: undefined,
    error: undefined,
  }
}
