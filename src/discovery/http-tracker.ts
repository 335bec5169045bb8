import { addAbortListener } from 'node:events'
import type { AddressFamily } from '../codec/address-family.ts'
import { percentEncode } from '../codec/url.ts'
import { DiscoveryError, messageOf } from '../errors.ts'
import type { Trust } from '../ports/address-policy.ts'
import type { Clock } from '../ports/clock.ts'
import { systemClock } from '../ports/clock.ts'
import { readBody } from '../ports/http-body.ts'
import { HttpClient, type HttpOpen } from '../ports/http-client.ts'
import { follow, targetOf } from '../ports/http-follow.ts'
import { type AnnounceReply, parseAnnounceReply } from './announce-reply.ts'
import { type AnnounceRequest, announceQuery } from './announce-request.ts'
import { failureTextOf } from './failure-text.ts'
import { plausiblePeersOf } from './plausible-peers.ts'
import { parseScrapeReply, type Scrape } from './scrape-reply.ts'
import { type AskOptions, checkScrape, type Tracker, TrackerFailure } from './tracker.ts'
import { httpTrackerName, scrapeUrl } from './tracker-url.ts'

/** Maximum length of a reply body in bytes, on the wire and inflated. 2,000 peers take 36,000. */
const MAX_BODY_BYTES = 2 * 1024 * 1024

/** Clients for both families and for one. They keep no connections open, because the next announce is half an hour away. */
const FAMILY_CLIENTS = {
  both: new HttpClient(),
  4: new HttpClient({ family: 4 }),
  6: new HttpClient({ family: 6 }),
}

export interface HttpTrackerOptions {
  /** Sent as User-Agent: `tsdl/VERSION`. */
  readonly userAgent: string
  /** Milliseconds for a whole exchange, redirects included. @default 30,000 */
  readonly timeout?: number
  /** The same for event=stopped, which delays the end of a run. @default 1,500 */
  readonly stopTimeout?: number
  /** @default the machine's */
  readonly clock?: Clock
  /** The origin of the URL: see `allowedScopeOf`. @default 'user' */
  readonly trust?: Trust
  /** The only address family to connect with. @default both */
  readonly family?: AddressFamily | undefined
  /** @default node:http and node:https */
  readonly open?: HttpOpen
}

/** The HTTP reply of a tracker. */
interface TrackerReply {
  readonly status: number
  readonly body: Buffer
  /** The IP address that answered, '' if it is not known. */
  readonly address: string | undefined
}

/** A reply that may be a refusal. */
interface Refusable {
  readonly failureReason?: string
  readonly retryIn?: number
}

/**
 * A tracker with an http: or https: URL (BEP 3, 7, 12, 23, 48).
 * The constructor throws InputError ERR_USAGE for an invalid URL; `announce` and `scrape` reject with
 * DiscoveryError: ERR_TRACKER, ERR_TRACKER_FAILURE (a TrackerFailure) or, by the signal, ERR_ABORTED.
 */
export class HttpTracker implements Tracker {
  /** The name in messages, without credentials, query and passkey. */
  readonly name: string
  readonly takesPaused = true
  /** A valid URL, kept as text: a `URL` object takes several times the memory. */
  readonly #url: string
  readonly #options: HttpTrackerOptions

  constructor(url: string, options: HttpTrackerOptions) {
    this.name = httpTrackerName(url)
    this.#url = url
    this.#options = options
  }

  async announce(request: AnnounceRequest, { signal }: AskOptions = {}): Promise<AnnounceReply> {
    const { timeout = 30_000, stopTimeout = 1_500 } = this.#options
    const url = withQuery(new URL(this.#url), announceQuery(request))
    const reply = await this.#exchange(url, request.event === 'stopped' ? stopTimeout : timeout, signal)
    const answer = this.#read(reply, parseAnnounceReply)
    return { ...answer, peers: plausiblePeersOf(reply.address, answer.peers) }
  }

  async scrape(
    infoHashes: readonly Uint8Array[],
    { signal }: AskOptions = {},
  ): Promise<(Scrape | undefined)[]> {
    checkScrape(infoHashes)
    const target = scrapeUrl(new URL(this.#url))
    if (!target) throw this.#error(new Error('cannot be scraped: there is no "announce" in its path'))
    const url = withQuery(target, infoHashes.map(hash => `info_hash=${percentEncode(hash)}`).join('&'))
    const reply = await this.#exchange(url, this.#options.timeout ?? 30_000, signal)
    return this.#read(reply, body => parseScrapeReply(body, infoHashes)).counts
  }

  /** Sends a GET request. `limit` is in milliseconds, redirects included. */
  async #exchange(url: URL, limit: number, signal: AbortSignal | undefined): Promise<TrackerReply> {
    const { clock = systemClock } = this.#options
    const timeoutError = new Error(`no answer within ${limit / 1000} s`)
    const control = new AbortController()
    const abort = () => control.abort()
    const timer = clock.setTimeout(() => control.abort(timeoutError), limit)
    const listener = signal && addAbortListener(signal, abort)
    if (signal?.aborted) abort()
    try {
      return await this.#get(url, control.signal)
    } catch (error) {
      if (signal?.aborted) throw new DiscoveryError('ERR_ABORTED', `${this.#label}: aborted`, error)
      throw this.#error(control.signal.reason === timeoutError ? timeoutError : error)
    } finally {
      clock.clearTimeout(timer)
      listener?.[Symbol.dispose]()
    }
  }

  async #get(url: URL, signal: AbortSignal): Promise<TrackerReply> {
    const { family = 'both', trust = 'user', userAgent } = this.#options
    const { open = FAMILY_CLIENTS[family].open } = this.#options
    const headers = { 'User-Agent': userAgent, Accept: '*/*', 'Accept-Encoding': 'gzip' }
    const first = targetOf(url, 'tracker', trust)
    const { reply } = await follow(open, first, { headers, signal, purpose: 'tracker', trust })
    return { status: reply.status, address: reply.address, body: await readBody(reply, MAX_BODY_BYTES) }
  }

  #read<T extends Refusable>({ status, body }: TrackerReply, parse: (body: Uint8Array) => T): T {
    const ok = status >= 200 && status < 300
    let reply: T | undefined
    try {
      reply = parse(body)
    } catch (error) {
      // The body of an error status may be anything. A body of a good status has to be a reply.
      if (ok) throw this.#error(new Error(`invalid reply: ${messageOf(error)}`, { cause: error }))
    }
    const failed = reply?.failureReason
    const prefix = ok ? '' : `HTTP ${status}${failed === undefined ? '' : ': '}`
    if (failed !== undefined) throw new TrackerFailure(`${this.#label}: ${prefix}${failed}`, reply?.retryIn)
    if (!ok || !reply) throw this.#error(new Error(prefix))
    return reply
  }

  get #label() {
    return `tracker ${this.name}`
  }

  #error(cause: unknown) {
    return new DiscoveryError('ERR_TRACKER', `${this.#label}: ${failureTextOf(cause)}`, cause)
  }
}

function withQuery(url: URL, query: string): URL {
  const full = new URL(url)
  const kept = url.search.slice(1).replace(/&+$/, '')
  full.search = kept ? `${kept}&${query}` : query
  return full
}
