import type { Trust } from '../ports/address-policy.ts'
import type { Clock } from '../ports/clock.ts'
import { HttpTracker } from './http-tracker.ts'
import type { Tracker } from './tracker.ts'
import { schemeOf } from './tracker-url.ts'
import { UdpSockets } from './udp-sockets.ts'
import { type Lookup, UdpTracker } from './udp-tracker.ts'

export interface OpenTrackerOptions {
  /** Sent to HTTP trackers: `tsdl/VERSION`. */
  readonly userAgent: string
  /** Who named it: see `reachOf`. @default 'user' */
  readonly trust?: Trust
  /** @default the machine's */
  readonly clock?: Clock
  /** @default those that the whole process shares */
  readonly sockets?: UdpSockets
  /** @default node:dns */
  readonly lookup?: Lookup
}

/** One socket an address family for all torrents of the process: open only while a tracker uses it. */
const shared = new UdpSockets()

/** The tracker at an address, by its scheme. Throws InputError ERR_USAGE, naming the address, where there can't be one. */
export function openTracker(url: string, options: OpenTrackerOptions): Tracker {
  const { clock, lookup, sockets = shared, trust = 'user', userAgent } = options
  const given = { trust, ...(clock && { clock }), ...(lookup && { lookup }) }
  return schemeOf(url) === 'udp'
    ? new UdpTracker(url, { sockets, ...given })
    : new HttpTracker(url, { userAgent, trust, ...(clock && { clock }) })
}
