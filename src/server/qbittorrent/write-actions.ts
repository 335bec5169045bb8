import { isAbsolute, join } from 'node:path'
import type { SessionTorrent } from '../../session/session-torrent.ts'
import type { QueueMove } from '../../session/torrent-queue.ts'
import { addTorrents, readTags } from './add-torrents.ts'
import type { Form } from './form.ts'
import {
  type Action,
  OK_ANSWER,
  type QbittorrentContext,
  required,
  selectByHashes,
} from './qbittorrent-context.ts'
import { RequestError } from './request-error.ts'
import { readShareLimits } from './share-limits.ts'

const isSet = ({ fields }: Form, name: string) => fields.get(name)?.toLowerCase() === 'true'

/** Does something with each torrent that the request names. */
const forEach =
  (act: (torrent: SessionTorrent, form: Form, context: QbittorrentContext) => unknown): Action =>
  async (form, context) => {
    for (const torrent of selectByHashes(form, context)) await act(torrent, form, context)
    return OK_ANSWER
  }

const move =
  (to: QueueMove): Action =>
  async (form, context) => {
    const { downloadQueue, seedQueue } = context.session.settings
    if (!downloadQueue.enabled && !seedQueue.enabled)
      throw new RequestError(409, 'torrent queueing is not enabled')
    await context.session.queue.move(selectByHashes(form, context), to)
    return OK_ANSWER
  }

const saveCategory =
  (isKnown: boolean): Action =>
  async (form, { session }) => {
    const name = required(form, 'category')
    const { categories, directory } = session.settings
    if (name === '' || /^\/|\/$|\/\/|\\|(^|\/)\.\.?(\/|$)/.test(name))
      throw new RequestError(409, 'incorrect category name')
    if (Object.hasOwn(categories, name) !== isKnown)
      throw new RequestError(409, isKnown ? 'no such category' : 'the category exists already')
    const path = form.fields.get('savePath') || name
    const own = isAbsolute(path) ? path : join(directory, path)
    await session.set({ categories: { ...categories, [name]: own } })
    return OK_ANSWER
  }

const setCategory = forEach((torrent, form) => torrent.set({ category: required(form, 'category') }))
const start = forEach(torrent => torrent.start())
const stop = forEach(torrent => torrent.stop())

/** Actions that change something. They need POST. */
export const WRITE_ACTIONS: Readonly<Record<string, Action>> = {
  'torrents/add': addTorrents,
  'torrents/addTags': forEach((torrent, form) => {
    const { labels } = torrent.record
    return torrent.set({ labels: [...new Set([...labels, ...readTags(required(form, 'tags'))])] })
  }),
  'torrents/bottomPrio': move('bottom'),
  'torrents/createCategory': saveCategory(false),
  // tags exist as long as a torrent has them
  'torrents/createTags': () => OK_ANSWER,
  'torrents/decreasePrio': move('down'),
  'torrents/delete': forEach((torrent, form, { session }) =>
    session.remove(torrent, { withData: isSet(form, 'deleteFiles') }),
  ),
  'torrents/editCategory': saveCategory(true),
  'torrents/increasePrio': move('up'),
  'torrents/pause': stop,
  'torrents/reannounce': forEach(torrent => torrent.torrent?.discovery.announce()),
  'torrents/recheck': forEach((torrent, _, { warn }) => void torrent.recheck().catch(warn)),
  'torrents/removeTags': forEach((torrent, form) => {
    const removed = readTags(form.fields.get('tags') ?? '')
    const isKept = (label: string) => removed.length > 0 && !removed.includes(label)
    return torrent.set({ labels: torrent.record.labels.filter(isKept) })
  }),
  'torrents/resume': start,
  'torrents/setCategory': (form, context) => {
    const category = required(form, 'category')
    if (category !== '' && !Object.hasOwn(context.session.settings.categories, category))
      throw new RequestError(409, 'incorrect category name')
    return setCategory(form, context)
  },
  'torrents/setForceStart': forEach((torrent, form) => torrent.start({ force: isSet(form, 'value') })),
  'torrents/setShareLimits': forEach((torrent, form) => torrent.set(readShareLimits(form))),
  'torrents/start': start,
  'torrents/stop': stop,
  'torrents/topPrio': move('top'),
}
