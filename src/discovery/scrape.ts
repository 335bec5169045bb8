import { addAbortListener } from 'node:events'
import PQueue from 'p-queue'
import type { AddressFamily } from '../codec/address-family.ts'
import { checkArgument, checkOptions } from '../codec/check-arguments.ts'
import { DiscoveryError, messageOf } from '../errors.ts'
import type { Metainfo } from '../metainfo/metainfo.ts'
import { unboundedAbortController } from '../ports/abort.ts'
import { type Clock, systemClock } from '../ports/clock.ts'
import { VERSION } from '../version.ts'
import { type OpenTrackerOptions, openTracker } from './open-tracker.ts'
import type { Scrape } from './scrape-reply.ts'
import type { Tracker } from './tracker.ts'
import { trackerName } from './tracker-url.ts'

/** Maximum number of trackers that are asked at once. */
const MAX_PARALLEL_SCRAPES = 50

/** Options of `scrape`. */
export interface ScrapeOptions {
  /** Milliseconds for all trackers. @default 20,000, because a lost UDP packet is sent again after 15,000 */
  readonly timeout?: number
  /** Ends the scrape with the results so far. */
  readonly signal?: AbortSignal
  readonly clock?: Clock
  /** True if any tracker may be on this machine and its network. @default false */
  readonly allowLocal?: boolean
  /** The only address family to use. @default both */
  readonly family?: AddressFamily
  /** Opens a tracker. @default by its scheme: http, https, udp @internal */
  readonly makeTracker?: (url: string) => Tracker
}

/** The counts of one tracker, or its error. */
export interface ScrapeResult extends Scrape {
  /** Its address without credentials, query and passkey. */
  readonly tracker: string
  readonly error?: DiscoveryError
}

/**
 * Asks all trackers of a torrent at once for the number of its peers, without joining the swarm (BEP 48, 15).
 * Resolves with one result for each tracker, in the torrent's order. A failed tracker does not reject it.
 */
export async function scrape(
  metainfo: Pick<Metainfo, 'infoHash' | 'trackers'>,
  options: ScrapeOptions = {},
): Promise<ScrapeResult[]> {
  checkArgument('metainfo', metainfo, 'object')
  checkOptions(options, {
    allowLocal: 'boolean',
    family: 'family',
    makeTracker: 'function',
    signal: 'signal',
    timeout: 'number',
  })
  const { infoHash, trackers } = metainfo
  const { allowLocal, clock = systemClock, family, signal, timeout = 20_000 } = options
  const given: OpenTrackerOptions = {
    userAgent: `tsdl/${VERSION}`,
    clock,
    family,
    trust: allowLocal ? 'all' : 'remote',
  }
  const { makeTracker = url => openTracker(url, given) } = options
  const control = unboundedAbortController()
  const abort = () => control.abort()
  const timer = clock.setTimeout(abort, timeout)
  const listener = signal && addAbortListener(signal, abort)
  if (signal?.aborted) abort()
  const abortError = (name: string) =>
    new DiscoveryError(
      'ERR_TRACKER',
      `tracker ${name}: ${signal?.aborted ? 'aborted' : `no answer within ${timeout / 1_000} s`}`,
    )

  const ask = async (url: string): Promise<ScrapeResult> => {
    const name = trackerName(url)
    let tracker: Tracker | undefined
    try {
      control.signal.throwIfAborted()
      tracker = makeTracker(url)
      const [counts] = await tracker.scrape([infoHash], { signal: control.signal })
      if (counts) return { tracker: name, ...counts }
      throw new DiscoveryError('ERR_TRACKER', `tracker ${name}: it does not know this torrent`)
    } catch (error) {
      if (control.signal.aborted) return { tracker: name, error: abortError(name) }
      if (error instanceof DiscoveryError) return { tracker: name, error }
      return { tracker: name, error: new DiscoveryError('ERR_TRACKER', messageOf(error), error) }
    } finally {
      tracker?.close?.()
    }
  }

  const queue = new PQueue({ concurrency: MAX_PARALLEL_SCRAPES })
  try {
    return await Promise.all(trackers.flat().map(url => queue.add(() => ask(url))))
  } finally {
    clock.clearTimeout(timer)
    listener?.[Symbol.dispose]()
  }
}
