import { InputError } from '../../errors.ts'
import { flag, limit, list, object, oneOf, readChanges, text, whole } from '../../session/records/fields.ts'
import type { Session } from '../../session/session.ts'
import type { SessionTorrent } from '../../session/session-torrent.ts'
import type { Previews } from './previews.ts'

/** Maximum characters of a .torrent in base64: those of a body. */
const MAX_METAINFO_LENGTH = 64 << 20
/** Maximum number of torrents that an action names. */
const MAX_TORRENTS = 100_000

/** The objects that actions work on. */
export interface ActionContext {
  readonly session: Session
  readonly previews: Previews
  /** Reports a failure of work that continues after the answer. */
  readonly warn: (error: unknown) => void
}

/** An action of the page, which returns the answer. Rejects with an error of the session. */
export type PageAction = (body: unknown, context: ActionContext) => Promise<object>

const SOURCE_FIELDS = { source: text(1 << 20), metainfo: text(MAX_METAINFO_LENGTH) }
const NEW_TORRENT_FIELDS = {
  ...{ ...SOURCE_FIELDS, preview: text(40), start: flag, sequential: flag },
  ...{ directory: text(), labels: list(text(255), 100), off: list(whole, 500_000) },
}
const SETTINGS_FIELDS = { down: limit, up: limit, isSlow: flag }
const filesOf = object({
  ...{ infoHash: text(40), files: list(whole, 500_000) },
  priority: oneOf('off', 'low', 'normal', 'high'),
})
const named = object({ torrents: list(text(40), MAX_TORRENTS) })

/** The actions of a page with a session, by name. */
export const PAGE_ACTIONS: Readonly<Record<string, PageAction>> = {
  /** Adds a torrent: a link, a URL, a .torrent in base64, or one that was previewed. */
  async add(body, { previews, session }) {
    const { source, metainfo, preview, ...options } = readChanges(NEW_TORRENT_FIELDS, body, 'body')
    const taken = preview === undefined ? undefined : await previews.take(preview)
    if (preview !== undefined && !taken)
      throw new InputError('ERR_USAGE', 'this preview has ended: add it again')
    const own = taken?.peers.length ? { ...options, peers: taken.peers } : options
    const torrent = await session.add(taken?.source ?? sourceOf(source, metainfo), own)
    if (preview !== undefined) previews.drop(preview)
    return { infoHash: torrent.infoHash, name: torrent.name }
  },
  /** Begins a preview, which the topic `preview:ID` shows. */
  async preview(body, { previews }) {
    const { source, metainfo } = readChanges(SOURCE_FIELDS, body, 'body')
    return { id: await previews.open(sourceOf(source, metainfo)) }
  },
  /** Closes a preview on one page. */
  async forget(body, { previews }) {
    previews.release(text(40)((body as { preview?: unknown } | null)?.preview, 'preview'))
    return {}
  },
  start: forEach(torrent => torrent.start()),
  force: forEach(torrent => torrent.start({ force: true })),
  stop: forEach(torrent => torrent.stop()),
  announce: forEach(torrent => torrent.torrent?.discovery.announce()),
  recheck: forEach((torrent, _, { warn }) => void torrent.recheck().catch(warn)),
  remove: forEach((torrent, { withData }, { session }) =>
    session.remove(torrent, { withData: withData === true }),
  ),
  /** Changes options of torrents: limits, labels, order of pieces. */
  set: forEach((torrent, { options }) => torrent.set((options ?? {}) as object)),
  /** Changes the priority of files, by index. */
  async priority(body, { session }) {
    const { files, infoHash, priority } = filesOf(body, 'body')
    const torrent = session.get(infoHash)
    if (!torrent) throw new InputError('ERR_USAGE', 'there is no such torrent')
    await torrent.setPriority(files, priority)
    return { count: files.length }
  },
  /** Adds and removes labels of torrents. */
  label: forEach((torrent, { add = [], remove = [] }) => {
    const without = new Set(texts(remove))
    const kept = torrent.record.labels.filter(label => !without.has(label))
    return torrent.set({ labels: [...new Set([...kept, ...texts(add)])] })
  }),
  /** Changes rate limits of the session, and switches the alternative ones without changing their values. */
  async settings(body, { session }) {
    const { isSlow, ...changes } = readChanges(SETTINGS_FIELDS, body, 'body')
    const { alternative } = session.settings
    await session.set(
      isSlow === undefined ? changes : { ...changes, alternative: { ...alternative, enabled: isSlow } },
    )
    return {}
  },
}

const texts = (value: unknown) => list(text(255), 100)(value, 'labels')

/** Does something with each torrent that a body names. */
function forEach(
  act: (torrent: SessionTorrent, body: Readonly<Record<string, unknown>>, context: ActionContext) => unknown,
): PageAction {
  return async (body, context) => {
    const { torrents } = named(body, 'body')
    const chosen = torrents.flatMap(infoHash => context.session.get(infoHash) ?? [])
    for (const torrent of chosen) await act(torrent, body as Record<string, unknown>, context)
    return { count: chosen.length }
  }
}

/** @throws InputError ERR_USAGE for a path of this machine, which would let the page read its files */
function sourceOf(source: string | undefined, metainfo: string | undefined): string | Uint8Array {
  if (metainfo !== undefined) return Buffer.from(metainfo, 'base64')
  const given = source?.trim() ?? ''
  if (/^(https?:\/\/|magnet:|[\da-f]{40}$)/i.test(given)) return given
  throw new InputError('ERR_USAGE', 'this is no magnet link, info-hash or URL of a .torrent')
}
