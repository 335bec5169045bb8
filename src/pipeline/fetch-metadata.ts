import { checkArgument, checkOptions } from '../codec/check-arguments.ts'
import { messageOf, StalledError, type TsdlError } from '../errors.ts'
import type { Metainfo } from '../metainfo/metainfo.ts'
import { type AddTorrentOptions, addTorrent } from './add-torrent.ts'
import type { ContentOptions } from './pieces/content-options.ts'
import type { TorrentSource } from './sources/torrent-source.ts'
import type { MetadataProgress } from './torrent/progress.ts'
import type { Torrent } from './torrent.ts'

/** Callbacks for events while metadata is fetched. */
export interface MetadataListeners {
  /** Called every second. */
  readonly progress?: (progress: MetadataProgress & { readonly reason: string }) => void
  /** Called when a peer, a tracker or a URL failed; the others are still asked. */
  readonly warning?: (error: TsdlError) => void
}

/** Options of `fetchMetadata`. */
export interface FetchMetadataOptions
  extends Omit<AddTorrentOptions, keyof ContentOptions>,
    MetadataListeners {}

/** Milliseconds between reports of progress. */
const REPORT_INTERVAL_MS = 1000

/**
 * Fetches the metadata of a magnet link from peers (BEP 9) and from the URLs in the link, and then disconnects. To continue
 * over the same connections, use `download`, `stream` or `Client.add`.
 *
 * Rejects as `Client.add` does, with ERR_STALLED when nothing was received within `timeout`, and with ERR_ABORTED after an
 * abort.
 */
export async function fetchMetadata(
  source: TorrentSource,
  options: FetchMetadataOptions = {},
): Promise<Metainfo> {
  checkOptions(options, { progress: 'function', signal: 'signal', warning: 'function' })
  const { progress, warning, signal } = options
  try {
    const torrent = await addTorrent(source, options)
    try {
      return await whenReady(torrent, { ...(progress && { progress }), ...(warning && { warning }) })
    } finally {
      await torrent.close()
    }
  } catch (error) {
    if (!signal?.aborted) throw error
    const message = `fetching the metadata was aborted: ${messageOf(signal.reason)}`
    throw new StalledError('ERR_ABORTED', message, signal.reason)
  }
}

/** Resolves with the metadata of a torrent, and reports until then. Rejects with the error that ended the torrent. */
export async function whenReady(torrent: Torrent, listeners: MetadataListeners): Promise<Metainfo> {
  checkArgument('torrent', torrent, 'object')
  checkArgument('listeners', listeners, 'object')
  const { progress, warning } = listeners
  const report = () => {
    const { metadata } = torrent.progress
    if (metadata) progress?.({ ...metadata, reason: torrent.reason })
  }
  const warn = (error: TsdlError) => warning?.(error)
  torrent.on('warning', warn)
  const timer = setInterval(report, REPORT_INTERVAL_MS)
  try {
    return await torrent.ready
  } finally {
    clearInterval(timer)
    torrent.off('warning', warn)
  }
}
