import { addAbortListener } from 'node:events'
import { type AddressFamily, addressFamilyOf, familiesOf } from '../codec/address-family.ts'
import { canonicalHost } from '../codec/compact.ts'
import { encodeAnnounce, encodeScrape, type TrackerPacket } from '../codec/udp-tracker.ts'
import { DiscoveryError } from '../errors.ts'
import { allowedScopeOfUdp, isAllowedAddress, type Trust } from '../ports/address-policy.ts'
import { type Clock, systemClock } from '../ports/clock.ts'
import { type AnnounceReply, udpAnnounceReply } from './announce-reply.ts'
import type { AnnounceRequest } from './announce-request.ts'
import { failureTextOf } from './failure-text.ts'
import { plausiblePeersOf } from './plausible-peers.ts'
import { printable } from './printable.ts'
import type { Scrape } from './scrape-reply.ts'
import {
  type AnnounceOptions,
  type AskOptions,
  checkScrape,
  type Tracker,
  TrackerFailure,
} from './tracker.ts'
import { parseUdpTrackerUrl, trackerName, type UdpTrackerUrl } from './tracker-url.ts'
import { exchange } from './udp-exchange.ts'
import type { Endpoint, UdpSockets } from './udp-sockets.ts'

/** Resolves with all addresses of a name in the order of preference. Rejects with the system error. */
export type Lookup = (
  host: string,
) => Promise<readonly { readonly address: string; readonly family: number }[]>

export interface UdpTrackerOptions {
  /** Shared with all other UDP trackers. */
  readonly sockets: UdpSockets
  /** Milliseconds for event=stopped, which delays the end of a run. Others have the times of BEP 15. @default 1,500 */
  readonly stopTimeout?: number
  /** The origin of the URL: see `allowedScopeOfUdp`. @default 'user' */
  readonly trust?: Trust
  /** @default the machine's */
  readonly clock?: Clock
  /** The only address family to use. @default both */
  readonly family?: AddressFamily | undefined
  /** @default node:dns */
  readonly lookup?: Lookup
}

/** A request to a tracker, for each of its addresses. */
interface Question<T> {
  readonly action: 'announce' | 'scrape'
  readonly encode: (connection: Uint8Array, transaction: number) => Uint8Array
  readonly read: (packet: TrackerPacket, from: Endpoint) => T
  /** Called with each answer after the first. */
  readonly more?: ((answer: T) => void) | undefined
  /** True for event=stopped: sent to the addresses that know us, within `stopTimeout`, until all have answered. */
  readonly isGoodbye: boolean
  readonly signal: AbortSignal | undefined
}

/**
 * A tracker with a udp: URL (BEP 15, 41). It is asked over IPv4 and over IPv6 if its name has addresses of both.
 * The constructor throws InputError ERR_USAGE for an invalid URL; `announce` and `scrape` reject with
 * DiscoveryError when no address answered: ERR_TRACKER, ERR_TRACKER_FAILURE (a TrackerFailure) or, by the signal,
 * ERR_ABORTED. A silent tracker fails after two hours, so a caller with other trackers should not wait for it.
 */
export class UdpTracker implements Tracker {
  /** The name in messages, without query and passkey. */
  readonly name: string
  readonly #url: UdpTrackerUrl
  readonly #options: UdpTrackerOptions
  /** The address families that answered an announce of this run. */
  readonly #answeredFamilies = new Set<AddressFamily>()
  /** The last announce, which may still be in progress at one of the addresses. */
  #announce: AbortController | undefined
  #release: (() => void) | undefined

  constructor(url: string, options: UdpTrackerOptions) {
    this.#url = parseUdpTrackerUrl(url)
    this.#options = options
    this.name = trackerName(url.trim())
  }

  async announce(request: AnnounceRequest, { signal, more }: AnnounceOptions = {}): Promise<AnnounceReply> {
    // An earlier announce that is still in progress is outdated.
    this.#announce?.abort()
    const control = new AbortController()
    this.#announce = control
    return this.#ask(
      {
        action: 'announce',
        encode: (connection, transaction) =>
          encodeAnnounce(connection, transaction, request, this.#url.target),
        read: (packet, { host }) => {
          const reply = udpAnnounceReply(packet as Extract<TrackerPacket, { action: 'announce' }>)
          return { ...reply, peers: plausiblePeersOf(host, reply.peers) }
        },
        more,
        isGoodbye: request.event === 'stopped',
        signal,
      },
      control,
    )
  }

  async scrape(
    infoHashes: readonly Uint8Array[],
    { signal }: AskOptions = {},
  ): Promise<(Scrape | undefined)[]> {
    checkScrape(infoHashes)
    return this.#ask({
      action: 'scrape',
      encode: (connection, transaction) => encodeScrape(connection, transaction, infoHashes),
      read: packet => {
        const { counts } = packet as Extract<TrackerPacket, { action: 'scrape' }>
        return infoHashes.map((_, index) => counts[index])
      },
      isGoodbye: false,
      signal,
    })
  }

  close(): void {
    this.#announce?.abort()
    this.#answeredFamilies.clear()
    this.#release?.()
    this.#release = undefined
  }

  /** Resolves with the first answer of any address. The exchange with the other address continues. */
  async #ask<T>(question: Question<T>, control = new AbortController()): Promise<T> {
    const { clock = systemClock, sockets, stopTimeout = 1_500 } = this.#options
    const { isGoodbye, more, signal } = question
    this.#release ??= sockets.use()
    const timeoutError = new Error(`no answer within ${stopTimeout / 1_000} s`)
    const abort = () => control.abort()
    const listener = signal && addAbortListener(signal, abort)
    if (signal?.aborted) abort()
    const timer = isGoodbye ? clock.setTimeout(() => control.abort(timeoutError), stopTimeout) : undefined
    const end = () => {
      clock.clearTimeout(timer)
      listener?.[Symbol.dispose]()
    }
    try {
      const endpoints = await this.#endpoints(control.signal)
      const known = endpoints.filter(({ family }) => this.#answeredFamilies.has(family))
      let answered = false
      const answers = (isGoodbye && known.length > 0 ? known : endpoints).map(async to => {
        const answer = await this.#one(question, to, control.signal)
        if (answered) more?.(answer)
        answered = true
        return answer
      })
      const all = Promise.allSettled(answers).then(end)
      if (isGoodbye) await all
      const first = await Promise.any(answers)
      // An announce continues at the other address. A scrape needs one answer.
      if (question.action === 'scrape') abort()
      return first
    } catch (error) {
      end()
      if (signal?.aborted || (control.signal.aborted && control.signal.reason !== timeoutError))
        throw new DiscoveryError('ERR_ABORTED', `${this.#label}: aborted`, error)
      throw this.#error(error)
    }
  }

  async #one<T>({ action, encode, read }: Question<T>, to: Endpoint, signal: AbortSignal): Promise<T> {
    const { clock = systemClock, sockets } = this.#options
    const packet = await exchange({ sockets, to, action, encode, clock, signal })
    if (packet.action === 'error') {
      throw new TrackerFailure(`${this.#label}: ${printable(packet.message) || 'no reason given'}`)
    }
    if (action === 'announce') this.#answeredFamilies.add(to.family)
    return read(packet, to)
  }

  /** Resolves with the first allowed address of each family. */
  async #endpoints(signal: AbortSignal): Promise<Endpoint[]> {
    const { host, port } = this.#url
    const { family: wanted, lookup = systemLookup, trust = 'user' } = this.#options
    const allowedScope = allowedScopeOfUdp(trust)
    const literal = addressFamilyOf(host)
    const addresses = literal ? [{ address: host, family: literal }] : await orAbort(signal, lookup(host))
    const allowed = addresses.filter(({ address }) => isAllowedAddress(address, allowedScope))
    if (addresses.length > 0 && allowed.length === 0)
      throw new Error(`${addresses[0]!.address} is not a valid address of a tracker`)
    const endpoints = familiesOf(wanted).flatMap(family => {
      const found = allowed.find(address => address.family === family)
      return found ? [{ host: canonicalHost(found.address), port, family }] : []
    })
    if (allowed.length > 0 && endpoints.length === 0) throw new Error(`it has no IPv${wanted} address`)
    return endpoints
  }

  get #label() {
    return `tracker ${this.name}`
  }

  /** Returns the error for the case that no address answered. */
  #error(cause: unknown): DiscoveryError {
    const causes: unknown[] = cause instanceof AggregateError ? cause.errors : [cause]
    const refusal = causes.find(error => error instanceof TrackerFailure)
    if (refusal) return refusal
    const text = [...new Set(causes.map(failureTextOf))].join('; ') || 'its name has no address'
    return new DiscoveryError('ERR_TRACKER', `${this.#label}: ${text}`, causes[0])
  }
}

/** Settles as `work` does, or rejects when the signal aborts. A DNS look-up itself cannot be aborted. */
async function orAbort<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  signal.throwIfAborted()
  let listener: Disposable | undefined
  const aborted = new Promise<never>((_, reject) => {
    listener = addAbortListener(signal, () => reject(signal.reason))
  })
  try {
    return await Promise.race([work, aborted])
  } finally {
    listener?.[Symbol.dispose]()
  }
}

async function systemLookup(host: string) {
  const { lookup } = await import('node:dns/promises')
  return lookup(host, { all: true })
}
