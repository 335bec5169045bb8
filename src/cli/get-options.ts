import type { NameOptions } from '../index.ts'
import type { ExchangeOptions, PeerOptions } from './client.ts'
import type { DestinationOptions } from './destinations/choose.ts'

/** The options of `tsdl get`. */
export interface GetOptions extends DestinationOptions, PeerOptions, ExchangeOptions, NameOptions {
  /** A file that lists sources, or `-` for standard input. */
  readonly input?: string
  readonly timeout?: number
  readonly json?: boolean
  readonly quiet?: boolean
  readonly verbose?: boolean
}
