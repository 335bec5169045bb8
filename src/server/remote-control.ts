import { checkRequired } from '../codec/check-arguments.ts'
import type { Client } from '../pipeline/client.ts'
import { type Clock, systemClock } from '../ports/clock.ts'
import { freeSpaceAt, readSmallFile } from '../ports/file-system.ts'
import type { Session } from '../session/session.ts'
import type { HttpApi } from './api/http-api.ts'
import { KnownFacts } from './api/known-facts.ts'
import { Bodies } from './api/read-body.ts'
import { StaticFiles } from './api/static-files.ts'
import { QbittorrentApi } from './qbittorrent/qbittorrent-api.ts'
import { ReportsApi } from './reports/reports-api.ts'
import { createWhyApi } from './reports/why-api.ts'
import { RecentChanges } from './transmission/recent-changes.ts'
import type { FixedOptions } from './transmission/rpc-context.ts'
import { TransmissionApi } from './transmission/transmission-api.ts'

/** Milliseconds until the program ends at a client's request, so that the reply is sent. */
const CLOSE_DELAY_MS = 100

/** Options of `createRemoteControl`. */
export interface RemoteControlOptions {
  readonly session: Session
  /** The client of the session. */
  readonly client: Client
  /** Options of the client, which clients of the APIs can see. */
  readonly fixed: FixedOptions
  /** A directory with the files of a page for Transmission, served at `/transmission/web/`. @default none */
  readonly webDirectory?: string | undefined
  /** The directory that holds the state, as clients see it. */
  readonly stateDirectory?: string | undefined
  /** Ends the program when a client asks for it. @default clients cannot */
  readonly shutDown?: (() => void) | undefined
  /** Called with failures of work that continues after its answer, and with our own faults. */
  readonly onWarning?: (error: unknown) => void
  readonly clock?: Clock
  /** Milliseconds since 1970. @default Date.now */
  readonly now?: () => number
}

/** Creates the APIs that other programs speak: give them to `HttpServer`. They drive the session. */
export function createRemoteControl(options: RemoteControlOptions): HttpApi[] {
  checkRequired(options, { client: 'object' })
  const { client, clock = systemClock, fixed, now = Date.now, onWarning = () => {}, session } = options
  const { shutDown, stateDirectory, webDirectory } = options
  const bodies = new Bodies()
  const facts = new KnownFacts()
  const context = {
    ...{ session, client, now },
    program: {
      ...{ fixed, freeSpaceAt, stateDirectory },
      shutDown: shutDown && (() => void clock.setTimeout(shutDown, CLOSE_DELAY_MS)),
    },
    facts,
    changes: new RecentChanges(session, clock),
    totalsBefore: session.totals,
    warn: onWarning,
  }
  const page = webDirectory === undefined ? undefined : new StaticFiles(webDirectory, readSmallFile)
  return [
    new TransmissionApi(context, bodies, page),
    new QbittorrentApi({ ...context, fixed, freeSpaceAt }, bodies),
    new ReportsApi(session, clock, now),
    createWhyApi({ session }),
  ]
}
