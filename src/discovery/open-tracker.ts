import type { AddressFamily } from '../codec/address-family.ts'
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
  /** The origin of the URL: see `allowedScopeOf`. @default 'user' */
  readonly trust?: Trust
  /** @default the machine's */
  readonly clock?: Clock
  /** The only address family to use. @default both */
  readonly family?: AddressFamily | undefined
  /** @default the sockets that the whole process shares */
  readonly sockets?: UdpSockets
  /** @default node:dns */
  readonly lookup?: Lookup
}

/** The UDP sockets of the process, one per address family. A socket is open only while a tracker uses it. */
const shared = new UdpSockets()

/** Creates the tracker for a URL by its scheme. Throws InputError ERR_USAGE, naming the URL, if it is invalid. */
export function openTracker(url: string, options: OpenTrackerOptions): Tracker {
  const { clock, family, lookup, sockets = shared, trust = 'user', userAgent } = options
  const given = { family, trust, ...(clock && { clock }) }
  return schemeOf(url) === 'udp'
    ? new UdpTracker(url, { sockets, ...given, ...(lookup && { lookup }) })
    : new HttpTracker(url, { userAgent, ...given })
}
