import { messageOf, StalledError, type TsdlError } from '../errors.ts'
import type { Magnet } from '../metainfo/magnet.ts'
import type { Metainfo } from '../metainfo/metainfo.ts'
import type { ContentOptions } from './pieces/content-options.ts'
import type { MetadataProgress } from './progress.ts'
import { Torrent } from './torrent.ts'
import type { TorrentOptions } from './torrent-options.ts'

export interface FetchMetadataOptions extends Omit<TorrentOptions, keyof ContentOptions | 'prepare'> {
  /** Gives it up: the promise is rejected. */
  readonly signal?: AbortSignal
  /** Called whenever a peer connects or leaves, and every second. */
  readonly progress?: (progress: MetadataProgress & { readonly reason: string }) => void
  /** A peer or a tracker failed; the others are still asked. */
  readonly warning?: (error: TsdlError) => void
}

/** Milliseconds between reports of progress. */
const REPORT_INTERVAL_MS = 1000

/**
 * Fetches the metadata of a magnet link from peers (BEP 9), and disconnects from them. To go on over the same
 * connections, make a `Torrent` of the link.
 * Rejects with ERR_USAGE for a link without a v1 info-hash, ERR_STALLED after `timeout`, ERR_ABORTED, and with an InputError
 * when the metadata is no torrent that can be used.
 */
export async function fetchMetadata(magnet: Magnet, options: FetchMetadataOptions = {}): Promise<Metainfo> {
  const { signal, progress, warning, clock, ...rest } = options
  if (signal?.aborted) throw aborted(signal)
  const torrent = new Torrent(magnet, { ...rest, ...(clock ? { clock } : {}) })
  const report = () => {
    const { metadata } = torrent.progress
    if (metadata) progress?.({ ...metadata, reason: torrent.reason })
  }
  const abort = () => torrent.destroy(aborted(signal!))
  signal?.addEventListener('abort', abort, { once: true })
  torrent.on('warning', error => warning?.(error))
  torrent.on('connected', report)
  torrent.on('disconnected', report)
  const timer = setInterval(report, REPORT_INTERVAL_MS)
  try {
    return await torrent.start().ready
  } finally {
    clearInterval(timer)
    signal?.removeEventListener('abort', abort)
    await torrent.close()
  }
}

function aborted({ reason }: AbortSignal): Error {
  return new StalledError('ERR_ABORTED', `fetching metadata was given up: ${messageOf(reason)}`, reason)
}
