import { checkOptions } from '../codec/check-arguments.ts'
import { selectedByLink } from '../metainfo/magnet.ts'
import type { Metainfo } from '../metainfo/metainfo.ts'
import { pick } from '../ports/pick.ts'
import { DeferredReader, type LendingReader } from '../streams/read/deferred-reader.ts'
import { type AddTorrentOptions, addTorrent } from './add-torrent.ts'
import type { ContentOptions } from './pieces/content-options.ts'
import { isMetainfo, loadSource, type TorrentSource } from './sources/torrent-source.ts'
import type { Torrent } from './torrent.ts'

/** Options of `stream` and `streamTar`. */
export interface ReaderOptions extends Omit<AddTorrentOptions, Exclude<keyof ContentOptions, 'select'>> {
  /** True to lend chunks: call `release` for each. Otherwise every chunk has its own memory. @default false */
  readonly lend?: boolean
}

/** A stream of the bytes of a torrent, with that torrent. */
export interface TorrentReader extends DeferredReader {
  /** Resolves when the torrent was added, before its metadata is known. Rejects with the error of the stream. */
  readonly torrent: Promise<Torrent>
}

/**
 * Adds a torrent and opens a reader of it. The torrent closes after the last byte, or when the reader is destroyed. An error
 * of either ends the other.
 * @param begin begins the torrent and opens its reader, once the metadata is known
 * @internal
 */
export function openReader(
  source: TorrentSource,
  given: ReaderOptions,
  begin: (torrent: Torrent, metainfo: Metainfo, selectedByLink: number[] | undefined) => LendingReader,
): TorrentReader {
  checkOptions(given, { signal: 'signal' })
  const { lend: _, select: __, signal, ...options } = given
  const closed = new AbortController()
  const loading = loadSource(source, {
    ...pick(options.client ?? options, 'family', 'fs'),
    ...pick(options, 'http', 'platform', 'portableNames'),
    signal: signal ? AbortSignal.any([signal, closed.signal]) : closed.signal,
  })
  const adding = loading.then(parsed => addTorrent(parsed, { ...options, ...pick({ signal }, 'signal') }))
  adding.catch(() => {}) // the reader fails with it
  const reader = new DeferredReader(async () => {
    const [parsed, torrent] = await Promise.all([loading, adding])
    tie(reader, torrent)
    const metainfo = await torrent.ready
    return begin(torrent, metainfo, isMetainfo(parsed) ? undefined : selectedByLink(parsed, metainfo))
  })
  reader.once('close', () => closed.abort())
  return Object.assign(reader, { torrent: adding })
}

/** Ties the ends of a reader and its torrent. */
function tie(reader: DeferredReader, torrent: Torrent): void {
  if (reader.destroying) {
    void torrent.close()
    return
  }
  let isEnded = false
  torrent.on('error', error => reader.destroy(error))
  reader.on('end', () => {
    isEnded = true
    torrent.done.finally(() => torrent.close()).catch(() => {})
  })
  reader.on('error', error => torrent.destroy(error))
  reader.on('close', () => {
    if (!isEnded) void torrent.close()
  })
}
