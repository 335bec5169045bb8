import { urlOf } from '../codec/url.ts'
import { DiscoveryError, messageOf } from '../errors.ts'
import type { Tracker } from './tracker.ts'
import { isSupportedScheme, schemeOf, trackerName } from './tracker-url.ts'

/** One tracker of a torrent and how it has been doing. */
export interface TrackerEntry {
  /** How it is named in events and messages. */
  readonly name: string
  readonly tracker: Tracker
  /** Whether it may count us as a peer, so that it wants to hear of our end. */
  reached: boolean
  /** Whether it has answered an announce of this run. */
  started: boolean
  /** Whether it knows that we are a partial seed (BEP 21). */
  paused: boolean
  /** Whether an announce is under way. */
  asking: boolean
  /** Failures in a row. */
  failures: number
  /** Clock time before which it isn't asked. */
  notBefore: number
  trackerId: Uint8Array | undefined
  /** Its last failure, gone with the next success. */
  error: DiscoveryError | undefined
}

/**
 * Opens the trackers of a torrent, each once (BEP 12), and says which ones could not be: one sentence
 * for each unusable address, one for all those of a scheme that we don't speak.
 */
export function openTrackers(
  tiers: readonly (readonly string[])[],
  makeTracker: (url: string) => Tracker,
): { tiers: TrackerEntry[][]; skipped: DiscoveryError[] } {
  const seen = new Set<string>()
  const foreign = new Map<string, string[]>()
  const skipped: DiscoveryError[] = []
  const open = (text: string): TrackerEntry[] => {
    const url = text.trim()
    const key = urlOf(url)?.href ?? url
    if (seen.has(key)) return []
    seen.add(key)
    const scheme = schemeOf(url)
    if (/^[a-z][a-z0-9+.-]*:\/\//i.test(url) && !isSupportedScheme(scheme)) {
      foreign.set(scheme, [...(foreign.get(scheme) ?? []), trackerName(url)])
      return []
    }
    try {
      return [entry(trackerName(url), makeTracker(url))]
    } catch (error) {
      skipped.push(new DiscoveryError('ERR_TRACKER', `skipped: ${messageOf(error)}`, error))
      return []
    }
  }
  const opened = tiers.map(tier => tier.flatMap(open))
  for (const [scheme, names] of foreign) {
    const which = names.length === 1 ? names[0] : `${names[0]} and ${names.length - 1} more`
    skipped.push(
      new DiscoveryError('ERR_TRACKER', `${scheme} trackers aren't supported yet: skipped ${which}`),
    )
  }
  return { tiers: opened, skipped }
}

function entry(name: string, tracker: Tracker): TrackerEntry {
  return {
    name,
    tracker,
    reached: false,
    started: false,
    paused: false,
    asking: false,
    failures: 0,
    notBefore: 0,
    trackerId: undefined,
    error: undefined,
  }
}
