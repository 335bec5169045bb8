import { checkRequired } from '../../codec/check-arguments.ts'
import type { AddOptions, Client } from '../../pipeline/client.ts'
import { type Clock, systemClock } from '../../ports/clock.ts'
import { freeSpaceAt, readSmallFile } from '../../ports/file-system.ts'
import type { Session } from '../../session/session.ts'
import type { HttpApi } from '../api/http-api.ts'
import { Bodies } from '../api/read-body.ts'
import { ClientPageTorrents } from './client-page-torrents.ts'
import { LivePage } from './live-page.ts'
import { PageAssets } from './page-assets.ts'
import { FreeSpaceGauge } from './page-totals.ts'
import { Previews } from './previews.ts'
import { SessionPageTorrents } from './session-page-torrents.ts'

/** Options of `createPage`: a session, or a client without one. */
export interface PageOptions {
  /** The client with the torrents that the page shows. */
  readonly client: Client
  /** The session of that client, which the page shows and changes. @default none: the page changes nothing */
  readonly session?: Session
  /** Options of torrents, for the metadata of links that are not added yet. */
  readonly torrentOptions?: Pick<AddOptions, 'allowLocal' | 'maxPeersPerAddress' | 'portableNames'>
  /** The rate limits of that client, in bytes per second. */
  readonly limits?: { readonly up?: number; readonly down?: number }
  /**
   * False if files cannot be opened, because the server does not serve them. `verified` if it serves only verified pieces, as
   * `serveVerified` does; the page then shows what is on disk of the whole torrent. @default true
   */
  readonly servesFiles?: boolean | 'verified'
  /** The directory with the built files of the page. @default that of the package */
  readonly directory?: string
  /** Called with failures of work that continues after its answer, and with our own faults. */
  readonly onWarning?: (error: unknown) => void
  readonly clock?: Clock
}

/** Creates the live page: give it to `HttpServer` as `page`. */
export function createPage(options: PageOptions): HttpApi {
  checkRequired(options, { client: 'object' })
  const { client, clock = systemClock, directory, limits, onWarning, session } = options
  const { servesFiles = true, torrentOptions = {} } = options
  const torrents = session
    ? new SessionPageTorrents(session, new FreeSpaceGauge(freeSpaceAt, clock))
    : new ClientPageTorrents(client, { limits, servesFiles })
  return new LivePage({
    previews: session && new Previews({ session, client, torrentOptions, clock }),
    ...{
      torrents,
      session,
      clock,
      now: () => Date.now(),
      bodies: new Bodies(),
      assets: new PageAssets(readSmallFile, directory),
    },
    warn: onWarning ?? (() => {}),
  })
}
