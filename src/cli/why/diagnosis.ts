import type { Bottleneck } from '../../index.ts'
import type { ExchangeOptions, PeerOptions } from '../client.ts'
import type { SourceOptions } from '../source.ts'

/** The options of `tsdl why`. */
export interface WhyOptions extends PeerOptions, ExchangeOptions, SourceOptions {
  /** The files to measure, as in a download. @default all */
  readonly file?: readonly string[]
  readonly exclude?: readonly string[]
  readonly sequential?: boolean
  readonly json?: boolean
  /** Milliseconds for which a download is measured. */
  readonly for?: number
  /** The token of a server. */
  readonly token?: string
  readonly quiet?: boolean
}

/** The time and the size of a completed download. */
export interface CompletedDownload {
  readonly seconds: number
  readonly bytes: number
}

/** A torrent, and what limits it. */
export interface Diagnosis {
  readonly name: string
  readonly infoHash: string
  /** The state of the torrent, such as `downloading`. */
  readonly status: string
  /** Null while it does not run. */
  readonly bottleneck: Bottleneck | null
  /** The seconds for which each kind limited a measured download. */
  readonly kinds?: Readonly<Record<string, number>>
  /** A measured download that was completed: the seconds that it took, and its bytes. */
  readonly completed?: CompletedDownload
}
