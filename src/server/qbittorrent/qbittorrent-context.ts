import type { Client } from '../../pipeline/client.ts'
import type { FreeSpace } from '../../ports/file-system.ts'
import type { SessionTotals } from '../../session/records/session-record.ts'
import type { Session } from '../../session/session.ts'
import type { SessionTorrent } from '../../session/session-torrent.ts'
import type { KnownFacts } from '../api/known-facts.ts'
import type { FixedOptions } from '../transmission/rpc-context.ts'
import type { Form } from './form.ts'
import { RequestError } from './request-error.ts'

/** The objects that the actions work on. */
export interface QbittorrentContext {
  readonly session: Session
  readonly client: Client
  readonly facts: KnownFacts
  readonly fixed: FixedOptions
  /** Returns the space at a path. Rejects if there is no such directory. */
  readonly freeSpaceAt: (path: string) => Promise<FreeSpace>
  /** The totals of the session when the program started. */
  readonly totalsBefore: SessionTotals
  /** Reports a failure of work that continues after the answer. */
  readonly warn: (error: unknown) => void
}

/** An answer: JSON, a text, or an array or any JSON that is made while it is sent. */
export type ApiAnswer =
  | { readonly json: unknown }
  | { readonly text: string }
  | { readonly items: AsyncIterable<string> }
  | { readonly parts: AsyncIterable<string> }

/** The action of a path. Rejects with a RequestError or an error of the session. */
export type Action = (form: Form, context: QbittorrentContext) => Promise<ApiAnswer> | ApiAnswer

/** The answer of an action without a result. */
export const OK_ANSWER: ApiAnswer = { text: 'Ok.' }

/** Returns a field. @throws RequestError if it is missing */
export function required({ fields }: Form, name: string): string {
  const value = fields.get(name)
  if (value === undefined) throw new RequestError(400, `${name}: missing`)
  return value
}

/** Returns the torrents that `hashes` names: hashes with `|` between them, or `all`. */
export function selectByHashes(form: Form, { session }: QbittorrentContext): readonly SessionTorrent[] {
  const text = required(form, 'hashes')
  if (text === 'all') return session.torrents
  return text.split('|').flatMap(hash => session.get(hash.trim()) ?? [])
}

/** Returns the torrent that `hash` names. @throws RequestError 404 */
export function selectByHash(form: Form, { session }: QbittorrentContext): SessionTorrent {
  const torrent = session.get(required(form, 'hash'))
  if (!torrent) throw new RequestError(404, 'no such torrent')
  return torrent
}
