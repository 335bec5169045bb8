import type { Client } from '../../pipeline/client.ts'
import type { FreeSpace } from '../../ports/file-system.ts'
import type { SessionTotals } from '../../session/records/session-record.ts'
import type { Session } from '../../session/session.ts'
import type { KnownFacts } from '../api/known-facts.ts'
import type { KnownFiles } from '../api/known-files.ts'
import type { RecentChanges } from './recent-changes.ts'
import type { Dialect } from './rpc-request.ts'
import type { TrackerTexts } from './tracker-texts.ts'

/** What clients of the APIs may do, and see of the program that runs the session. */
export interface ProgramControl {
  /** Ends the program, after the reply was sent. */
  readonly shutDown?: (() => void) | undefined
  /** Returns the space at a path. Rejects if there is no such directory. */
  readonly freeSpaceAt: (path: string) => Promise<FreeSpace>
  /** The directory in which the program keeps its state. @default '' */
  readonly stateDirectory?: string | undefined
  /** Options of the client that a session cannot change. */
  readonly fixed: FixedOptions
}

/** Options of a client, as clients of the APIs see them. */
export interface FixedOptions {
  readonly dht: boolean
  readonly encryption: 'prefer' | 'require' | 'off'
  readonly lsd: boolean
  readonly maxPeers: number
  readonly pex: boolean
}

/** The objects that the methods work on. */
export interface RpcContext {
  readonly session: Session
  readonly client: Client
  readonly program: ProgramControl
  readonly facts: KnownFacts
  readonly files: KnownFiles
  readonly changes: RecentChanges
  readonly sessionId: string
  readonly trackers: Readonly<Record<Dialect, TrackerTexts>>
  /** The totals of the session when the program started. */
  readonly totalsBefore: SessionTotals
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** Reports a failure of work that continues after the reply. */
  readonly warn: (error: unknown) => void
}

/** The reply of a method. */
export interface MethodReply {
  readonly value: object
  /** The legacy style of its keys. @default 'camel' */
  readonly style?: 'camel' | 'kebab'
  /** An array that is generated while it is sent: its key, and its items as JSON. */
  readonly list?: { readonly key: string; readonly items: AsyncIterable<string> }
}

/** Arguments with keys in snake_case. */
export type Parameters = Readonly<Record<string, unknown>>

/** A method. Rejects with an RpcError or an error of the session. */
export type Method = (
  parameters: Parameters,
  context: RpcContext,
  isLegacy: boolean,
) => Promise<MethodReply | undefined>
