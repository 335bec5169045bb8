import { MAX_SCRAPE } from '../codec/udp-tracker.ts'
import type { ErrorCode } from '../errors.ts'
import { DiscoveryError, InputError } from '../errors.ts'
import type { AnnounceReply } from './announce-reply.ts'
import type { AnnounceRequest } from './announce-request.ts'
import type { Scrape } from './scrape-reply.ts'

export interface AskOptions {
  /** Aborts the request. */
  readonly signal?: AbortSignal
}

export interface AnnounceOptions extends AskOptions {
  /** Called with a later answer. A tracker is asked over IPv4 and IPv6, and one may be slower. */
  readonly more?: (reply: AnnounceReply) => void
}

/** A tracker. */
export interface Tracker {
  /** Its name in messages. @default `trackerName` of its URL */
  readonly name?: string
  /**
   * Sends one announce and resolves with the answer. Rejects with a DiscoveryError; with a TrackerFailure if the tracker
   * refuses, which may say when to ask again.
   */
  announce(request: AnnounceRequest, options?: AnnounceOptions): Promise<AnnounceReply>
  /**
   * Resolves with the number of peers of each torrent, in order; undefined for one that is not in the answer. Does not
   * join the swarm. At most 74 info-hashes. Rejects as `announce` does, also if the tracker cannot be scraped.
   */
  scrape(infoHashes: readonly Uint8Array[], options?: AskOptions): Promise<(Scrape | undefined)[]>
  /** True if it supports event=paused from partial seeds (BEP 21). @default false */
  readonly takesPaused?: boolean
  /** Releases what is kept between announces. The next announce acquires it again. */
  close?(): void
}

/** A tracker refused a request, with a `failure reason`. */
export class TrackerFailure extends DiscoveryError {
  /** Seconds to wait before asking again, if the tracker named them. */
  readonly retryIn: number | undefined

  constructor(message: string, retryIn?: number) {
    super('ERR_TRACKER_FAILURE' satisfies ErrorCode, message)
    this.name = 'DiscoveryError'
    this.retryIn = retryIn
  }
}

/** Throws InputError ERR_USAGE for no info-hash, or more than one request may contain. */
export function checkScrape(infoHashes: readonly Uint8Array[]): void {
  const { length } = infoHashes
  if (length < 1 || length > MAX_SCRAPE) {
    throw new InputError('ERR_USAGE', `expected 1 to ${MAX_SCRAPE} info-hashes to scrape, got ${length}`)
  }
}
