import PQueue from 'p-queue'
import { DiscoveryError, messageOf } from '../errors.ts'
import type { Metainfo } from '../metainfo/metainfo.ts'
import { unboundedAbortController } from '../ports/abort.ts'
import { type Clock, systemClock } from '../ports/clock.ts'
import { VERSION } from '../version.ts'
import { type OpenTrackerOptions, openTracker } from './open-tracker.ts'
import type { Scrape } from './scrape-reply.ts'
import type { Tracker } from './tracker.ts'
import { trackerName } from './tracker-url.ts'

/** Trackers that are asked at once. */
const AT_ONCE = 50

export interface ScrapeOptions {
  /** Milliseconds for all of it. @default 20,000: a UDP packet that is lost is sent again after 15,000 */
  readonly timeout?: number
  /** Gives up; what has come by then is the result. */
  readonly signal?: AbortSignal
  readonly clock?: Clock
  /** Whether trackers may be of this machine and its network, whatever they look like. @default false */
  readonly allowLocal?: boolean
  /** Opens a tracker. @default by its scheme: http, https, udp */
  readonly makeTracker?: (url: string) => Tracker
}

/** What one tracker counts, or why it did not say. */
export interface ScrapeResult extends Scrape {
  /** Its address without credentials, query and passkey. */
  readonly tracker: string
  readonly error?: DiscoveryError
}

/**
 * Asks all trackers of a torrent at once how many peers it has, and takes part in no swarm (BEP 48, 15).
 * Resolves with one result a tracker, in the torrent's order; never rejects for what a tracker does.
 */
export async function scrape(
  { infoHash, trackers }: Pick<Metainfo, 'infoHash' | 'trackers'>,
  options: ScrapeOptions = {},
): Promise<ScrapeResult[]> {
  const { allowLocal, clock = systemClock, signal, timeout = 20_000 } = options
  const given: OpenTrackerOptions = {
    userAgent: `tsdl/${VERSION}`,
    clock,
    trust: allowLocal ? 'all' : 'remote',
  }
  const { makeTracker = url => openTracker(url, given) } = options
  const control = unboundedAbortController()
  const abort = () => control.abort()
  const timer = clock.setTimeout(abort, timeout)
  signal?.addEventListener('abort', abort)
  if (signal?.aborted) abort()
  const late = (name: string) =>
    new DiscoveryError(
      'ERR_TRACKER',
      `tracker ${name}: ${signal?.aborted ? 'given up' : `no answer within ${timeout / 1_000} s`}`,
    )

  const ask = async (url: string): Promise<ScrapeResult> => {
    const name = trackerName(url)
    let tracker: Tracker | undefined
    try {
      control.signal.throwIfAborted()
      tracker = makeTracker(url)
      const [counts] = await tracker.scrape([infoHash], { signal: control.signal })
      if (counts) return { tracker: name, ...counts }
      throw new DiscoveryError('ERR_TRACKER', `tracker ${name}: it knows nothing of this torrent`)
    } catch (error) {
      if (control.signal.aborted) return { tracker: name, error: late(name) }
      if (error instanceof DiscoveryError) return { tracker: name, error }
      return { tracker: name, error: new DiscoveryError('ERR_TRACKER', messageOf(error), error) }
    } finally {
      tracker?.close?.()
    }
  }

  const queue = new PQueue({ concurrency: AT_ONCE })
  try {
    return await Promise.all(trackers.flat().map(url => queue.add(() => ask(url))))
  } finally {
    clock.clearTimeout(timer)
    signal?.removeEventListener('abort', abort)
  }
}
