import { type ErrorCode, InputError, messageOf, TsdlError } from '../errors.ts'
import { joined, type Magnet } from '../metainfo/magnet.ts'
import { unboundedAbortController } from '../ports/abort.ts'
import { type LoadTorrentOptions, loadTorrent } from './sources/load-torrent.ts'
import type { Torrent } from './torrent.ts'

/**
 * Requests the .torrent from the URLs in a magnet link (`xs`, `as`), until the torrent's metadata is known.
 * A URL that fails is a `warning` of the torrent.
 */
export function loadFromLink(torrent: Torrent, magnet: Magnet, options: LoadTorrentOptions): void {
  if (magnet.sources.length === 0) return
  const closing = unboundedAbortController()
  for (const event of ['metadata', 'close'] as const) torrent.once(event, () => closing.abort())
  for (const url of magnet.sources) {
    loadTorrent(url, { ...options, signal: closing.signal })
      .then(metainfo => torrent.takeMetainfo(joined(metainfo, magnet)))
      .catch(error => {
        if (!closing.signal.aborted) torrent.emit('warning', warningOf(error, url))
      })
  }
}

function warningOf(error: unknown, url: string): TsdlError {
  const code: ErrorCode = error instanceof TsdlError ? error.code : 'ERR_USAGE'
  const text = messageOf(error)
  return new InputError(code, text.includes(url) ? text : `${url}: ${text}`, error)
}
