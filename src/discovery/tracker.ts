import type { ErrorCode } from '../errors.ts'
import { DiscoveryError } from '../errors.ts'
import type { AnnounceReply } from './announce-reply.ts'
import type { AnnounceRequest } from './announce-request.ts'

/** One tracker that can be told about us and asked for peers. */
export interface Tracker {
  /**
   * Sends one announce and answers what the tracker said. Rejects with DiscoveryError, also when the
   * tracker refuses (then a TrackerFailure, which may say when to come back).
   */
  announce(request: AnnounceRequest, options?: { readonly signal?: AbortSignal }): Promise<AnnounceReply>
}

/** The refusal of a tracker that works: its `failure reason`. */
export class TrackerFailure extends DiscoveryError {
  /** Seconds to wait before asking again, if the tracker said; Infinity means never. */
  readonly retryIn: number | undefined

  constructor(message: string, retryIn?: number) {
    super('ERR_TRACKER_FAILURE' satisfies ErrorCode, message)
    this.name = 'DiscoveryError'
    this.retryIn = retryIn
  }
}
