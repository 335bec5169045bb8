import { MAX_SCRAPE } from '../codec/udp-tracker.ts'
import type { ErrorCode } from '../errors.ts'
import { DiscoveryError, InputError } from '../errors.ts'
import type { AnnounceReply } from './announce-reply.ts'
import type { AnnounceRequest } from './announce-request.ts'
import type { Scrape } from './scrape-reply.ts'

export interface AskOptions {
  /** Gives the question up. */
  readonly signal?: AbortSignal
}

export interface AnnounceOptions extends AskOptions {
  /** Called with what comes after the answer: a tracker may be asked over IPv4 and IPv6, and one be slower. */
  readonly more?: (reply: AnnounceReply) => void
}

/** One tracker that can be told about us and asked for peers. */
export interface Tracker {
  /**
   * Sends one announce and answers what the tracker said. Rejects with DiscoveryError, also when the
   * tracker refuses (then a TrackerFailure, which may say when to come back).
   */
  announce(request: AnnounceRequest, options?: AnnounceOptions): Promise<AnnounceReply>
  /**
   * How many peers each of these torrents has, in their order; undefined for one that the tracker said nothing of.
   * Takes part in no swarm. At most 74 info-hashes. Rejects as `announce` does, also when a tracker can't be scraped.
   */
  scrape(infoHashes: readonly Uint8Array[], options?: AskOptions): Promise<(Scrape | undefined)[]>
  /** Whether it can be told that we are a partial seed (BEP 21). @default false */
  readonly takesPaused?: boolean
  /** Gives back what is kept between announces; the next one takes it again. */
  close?(): void
}

/** The refusal of a tracker that works: its `failure reason`. */
export class TrackerFailure extends DiscoveryError {
  /** Seconds to wait before asking again, if the tracker said. */
  readonly retryIn: number | undefined

  constructor(message: string, retryIn?: number) {
    super('ERR_TRACKER_FAILURE' satisfies ErrorCode, message)
    this.name = 'DiscoveryError'
    this.retryIn = retryIn
  }
}

/** Throws InputError ERR_USAGE for no info-hash, or more than one question may hold. */
export function checkScrape(infoHashes: readonly Uint8Array[]): void {
  const { length } = infoHashes
  if (length < 1 || length > MAX_SCRAPE) {
    throw new InputError('ERR_USAGE', `expected 1 to ${MAX_SCRAPE} info-hashes to scrape, got ${length}`)
  }
}
