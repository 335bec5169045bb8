import type { WebSite } from '../../metainfo/web-site.ts'
import type { Trust } from '../../ports/address-policy.ts'
import type { Clock } from '../../ports/clock.ts'
import type { HttpOpen } from '../../ports/http-client.ts'
import type { BlockSource, RequestWindow } from '../block-source.ts'
import type { ByteLimit } from '../byte-limit.ts'

/** Options of `WebSeed`. */
export interface WebSeedOptions {
  /** Its name in messages and statistics. */
  readonly name: string
  readonly pieceCount: number
  readonly pieceLength: number
  readonly source: BlockSource
  readonly window: RequestWindow
  readonly site: WebSite
  readonly open: HttpOpen
  /** Sent as User-Agent. */
  readonly userAgent: string
  readonly clock: Clock
  readonly limit?: ByteLimit
  /** The origin of the URL: see `allowedScopeOf`. @default 'remote' */
  readonly trust?: Trust
}
