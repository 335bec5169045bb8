import type { Message } from '../../codec/message.ts'
import type { RequestWindow } from '../block-source.ts'
import type { RequesterTorrent } from './interest.ts'
import type { RequestWaits } from './request-waits.ts'

/** Options of `Requester`. */
export interface RequesterOptions extends Partial<RequesterTorrent> {
  readonly window: RequestWindow
  /** Sends messages to the peer: a batch of requests is one call. */
  readonly send: (messages: Message | readonly Message[]) => void
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number
  /** The sums to which its waits are added. @default waits are not measured */
  readonly waits?: RequestWaits
}
