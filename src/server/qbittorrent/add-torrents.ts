import { join } from 'node:path'
import { DuplicateTorrentError } from '../../session/session-options.ts'
import type { NewTorrentOptions } from '../../session/torrent/new-torrent.ts'
import type { Form } from './form.ts'
import { type Action, OK_ANSWER } from './qbittorrent-context.ts'
import { RequestError } from './request-error.ts'
import { readShareLimits } from './share-limits.ts'

/** Maximum number of torrents in one request. */
const MAX_SOURCES = 1000

/** Adds torrents: URLs and magnet links, one in each line, and .torrent files. */
export const addTorrents: Action = async (form, { session, warn }) => {
  const lines = (form.fields.get('urls') ?? '').split('\n').map(line => line.trim())
  const sources = [...lines.filter(line => line !== ''), ...form.files]
  if (sources.length === 0) throw new RequestError(400, 'no torrents')
  if (sources.length > MAX_SOURCES) throw new RequestError(400, `more than ${MAX_SOURCES} torrents`)
  const options = readOptions(form)
  const { categories, directory } = session.settings
  const { category } = options
  if (category && !Object.hasOwn(categories, category))
    await session.set({ categories: { ...categories, [category]: join(directory, category) } })
  let isAdded = false
  for (const source of sources) {
    // A path of this machine would let clients read its files.
    if (typeof source === 'string' && !/^(https?:\/\/|magnet:|[\da-f]{40}$)/i.test(source)) continue
    try {
      await session.add(source, options)
      isAdded = true
    } catch (error) {
      if (!(error instanceof DuplicateTorrentError)) warn(error)
    }
  }
  return isAdded ? OK_ANSWER : { text: 'Fails.' }
}

/** Reads tags with commas between them. */
export function readTags(text: string): string[] {
  return [...new Set(text.split(',').map(tag => tag.trim()))].filter(tag => tag !== '')
}

function readOptions(form: Form): NewTorrentOptions {
  const { fields } = form
  const [category, directory, tags] = ['category', 'savepath', 'tags'].map(name => fields.get(name))
  const stopped = fields.get('stopped') ?? fields.get('paused')
  const isTrue = (text: string) => text.toLowerCase() === 'true'
  const sequential = fields.get('sequentialDownload')
  return {
    ...(category ? { category } : {}),
    ...(directory ? { directory } : {}),
    ...(tags ? { labels: readTags(tags) } : {}),
    ...(stopped === undefined ? {} : { start: !isTrue(stopped) }),
    ...(sequential === undefined ? {} : { sequential: isTrue(sequential) }),
    ...readShareLimits(form),
  }
}
