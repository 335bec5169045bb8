import type { NameOptions } from '../index.ts'
import type { ExchangeOptions, PeerOptions } from './client.ts'
import type { DestinationOptions } from './destinations/choose.ts'

/** The options of `tsdl get`. */
export interface GetOptions extends DestinationOptions, PeerOptions, ExchangeOptions, NameOptions {
  /** A file that lists sources, or `-` for standard input. */
  readonly input?: string
  readonly timeout?: number
  /** A program to run when the download is complete. */
  readonly onComplete?: string
  /** A file that the events of `--json` are appended to. */
  readonly log?: string
  readonly dryRun?: boolean
  readonly interactive?: boolean
  /** True to show the progress on a page. */
  readonly page?: boolean
  readonly json?: boolean
  readonly quiet?: boolean
  readonly verbose?: boolean
}
