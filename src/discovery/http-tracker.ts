import type { Clock } from '../clock.ts'
import { systemClock } from '../clock.ts'
import { percentEncode } from '../codec/url.ts'
import { DiscoveryError, InputError, messageOf } from '../errors.ts'
import { type AnnounceReply, parseAnnounceReply } from './announce-reply.ts'
import { type AnnounceRequest, announceQuery } from './announce-request.ts'
import { wordsFor } from './failure-words.ts'
import { type HttpGet, type HttpReply, httpGet } from './http-get.ts'
import { printable } from './printable.ts'
import { parseScrapeReply, type Scrape } from './scrape-reply.ts'
import { type AskOptions, checkScrape, type Tracker, TrackerFailure } from './tracker.ts'
import { parseTrackerUrl, scrapeUrl, trackerName } from './tracker-url.ts'

/** Longest reply body, in bytes, on the wire and inflated: 2,000 peers take 36,000. */
const MAX_BODY = 2 * 1024 * 1024
const MAX_REDIRECTS = 5
const REDIRECTS = new Set([301, 302, 303, 307, 308])

export interface HttpTrackerOptions {
  /** Sent as User-Agent: `tsdl/VERSION`. */
  readonly userAgent: string
  /** Milliseconds for a whole exchange, redirects included. @default 30,000 */
  readonly timeout?: number
  /** The same for event=stopped, which somebody waits for. @default 1,500 */
  readonly stopTimeout?: number
  /** @default the machine's */
  readonly clock?: Clock
  /** @default node:http and node:https */
  readonly get?: HttpGet
}

/** A reply that may be a refusal. */
interface Refusable {
  readonly failureReason?: string
  readonly retryIn?: number
}

/**
 * A tracker behind http: or https: (BEP 3, 7, 12, 23, 48).
 * The constructor throws InputError ERR_USAGE for an address that can't be one; `announce` and `scrape` reject with
 * DiscoveryError: ERR_TRACKER, ERR_TRACKER_FAILURE (a TrackerFailure) or, by the signal, ERR_ABORTED.
 */
export class HttpTracker implements Tracker {
  /** How messages name it: no credentials, no query, no passkey. */
  readonly name: string
  readonly takesPaused = true
  readonly #url: URL
  readonly #authorization: string | undefined
  readonly #options: HttpTrackerOptions

  constructor(url: string, options: HttpTrackerOptions) {
    const parsed = parseTrackerUrl(url)
    this.#authorization = takeCredentials(parsed)
    this.#url = parsed
    this.#options = options
    this.name = trackerName(parsed)
  }

  async announce(request: AnnounceRequest, { signal }: AskOptions = {}): Promise<AnnounceReply> {
    const { timeout = 30_000, stopTimeout = 1_500 } = this.#options
    const url = withQuery(this.#url, announceQuery(request))
    const reply = await this.#exchange(url, request.event === 'stopped' ? stopTimeout : timeout, signal)
    return this.#read(reply, parseAnnounceReply)
  }

  async scrape(
    infoHashes: readonly Uint8Array[],
    { signal }: AskOptions = {},
  ): Promise<(Scrape | undefined)[]> {
    checkScrape(infoHashes)
    const target = scrapeUrl(this.#url)
    if (!target) throw this.#error(new Error('cannot be scraped: there is no "announce" in its path'))
    const url = withQuery(target, infoHashes.map(hash => `info_hash=${percentEncode(hash)}`).join('&'))
    const reply = await this.#exchange(url, this.#options.timeout ?? 30_000, signal)
    return this.#read(reply, body => parseScrapeReply(body, infoHashes)).counts
  }

  /** A GET within `limit` ms, redirects included. */
  async #exchange(url: URL, limit: number, signal: AbortSignal | undefined): Promise<HttpReply> {
    const { clock = systemClock } = this.#options
    const late = new Error(`no answer within ${limit / 1000} s`)
    const control = new AbortController()
    const abort = () => control.abort()
    const timer = clock.setTimeout(() => control.abort(late), limit)
    signal?.addEventListener('abort', abort)
    if (signal?.aborted) abort()
    try {
      return await this.#get(url, control.signal)
    } catch (error) {
      if (signal?.aborted) throw new DiscoveryError('ERR_ABORTED', `${this.#label}: given up`, error)
      throw this.#error(control.signal.reason === late ? late : error)
    } finally {
      clock.clearTimeout(timer)
      signal?.removeEventListener('abort', abort)
    }
  }

  async #get(first: URL, signal: AbortSignal): Promise<HttpReply> {
    const { userAgent, get = httpGet } = this.#options
    let url = first
    let authorization = this.#authorization
    for (let hops = 0; ; hops++) {
      const headers = {
        'User-Agent': userAgent,
        Accept: '*/*',
        ...(authorization && { Authorization: authorization }),
      }
      const reply = await get(url, { headers, signal, maxBytes: MAX_BODY })
      if (!REDIRECTS.has(reply.status) || !reply.location) return reply
      if (hops === MAX_REDIRECTS) throw new Error(`more than ${MAX_REDIRECTS} redirects`)
      url = redirectTarget(reply.location, url)
      // Credentials that the target's address carries are meant for it; ours are for their origin only.
      authorization =
        takeCredentials(url) ?? (url.origin === this.#url.origin ? this.#authorization : undefined)
    }
  }

  #read<T extends Refusable>({ status, body }: HttpReply, parse: (body: Uint8Array) => T): T {
    const ok = status >= 200 && status < 300
    let reply: T | undefined
    try {
      reply = parse(body)
    } catch (error) {
      // An error page is no news; that a good status brought no reply is.
      if (ok) throw this.#error(new Error(`the reply can't be read: ${messageOf(error)}`, { cause: error }))
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
    return new DiscoveryError('ERR_TRACKER', `${this.#label}: ${wordsFor(cause)}`, cause)
  }
}

/** Removes user and password from a URL; answers them as Basic auth (RFC 7617), if there were any. */
function takeCredentials(url: URL): string | undefined {
  const { username, password } = url
  if (!username && !password) return undefined
  url.username = ''
  url.password = ''
  return `Basic ${Buffer.from(`${decode(username)}:${decode(password)}`).toString('base64')}`
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

function withQuery(url: URL, query: string): URL {
  const full = new URL(url)
  const kept = url.search.slice(1).replace(/&+$/, '')
  full.search = kept ? `${kept}&${query}` : query
  return full
}

function redirectTarget(location: string, from: URL): URL {
  const base = new URL(from)
  let url: URL
  try {
    url = new URL(location, base)
  } catch (error) {
    throw new Error(`redirected to an invalid address: ${printable(location)}`, { cause: error })
  }
  try {
    return parseTrackerUrl(url.href)
  } catch (error) {
    if (!(error instanceof InputError)) throw error
    throw new Error(`redirected to ${trackerName(url)}, which is refused`, { cause: error })
  }
}
