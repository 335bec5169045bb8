import { checkArgument, checkOptions } from '../codec/check-arguments.ts'
import { WindowStorage } from '../storage/window-storage.ts'
import type { FileReader } from '../streams/read/file-reader.ts'
import type { TarBody, TarPacker } from '../streams/read/tar-packer.ts'
import { openReader, type ReaderOptions, type TorrentReader } from './open-reader.ts'
import { FileSequence } from './reading/file-sequence.ts'
import { type TarChoice, tarOf } from './sinks/tar.ts'
import type { TorrentSource } from './sources/torrent-source.ts'
import type { Torrent } from './torrent.ts'

/** Options of `streamTar`. */
export interface StreamTarOptions extends ReaderOptions, TarChoice {
  /** Called with the bytes of each file before they are read, in order. */
  readonly passing?: (fileIndex: number, chunk: Uint8Array) => void
}

/**
 * Streams files of a torrent as one tar archive, without a disk: the download is at most `memory` bytes ahead of the
 * reader. The same torrent and selection always give the same bytes.
 *
 * The stream ends after the last byte, else it fails: an archive that is cut short never ends. It fails as `Client.add`
 * rejects, and with ERR_PATH for a path or a symlink that leaves the archive.
 * @throws InputError for an invalid option
 */
export function streamTar(source: TorrentSource, options: StreamTarOptions = {}): TorrentReader {
  checkOptions(options, { lend: 'boolean', passing: 'function', select: 'function', strip: 'boolean' })
  const { select, strip = false, lend = false, passing, ...rest } = options
  return openReader(source, rest, (torrent, _metainfo, selected) => {
    const wanted = select ?? (selected && ((index: number) => selected.includes(index)))
    const chosen = wanted ? { select: wanted } : {}
    torrent.begin({ ...chosen, storage: new WindowStorage() })
    return packTar(torrent, { ...chosen, strip, lend, ...(passing ? { passing } : {}) })
  })
}

/** Options of `packTar`. */
export interface PackTarOptions extends TarChoice {
  /** True to lend chunks: call `release` for each. @default false */
  readonly lend?: boolean
  /** Called with the bytes of each file before they are read, in order. */
  readonly passing?: (fileIndex: number, chunk: Uint8Array) => void
}

/** Packs the chosen files of a torrent that has a storage as one tar archive. */
export function packTar(torrent: Torrent, options: PackTarOptions): TarPacker {
  checkArgument('torrent', torrent, 'object')
  checkOptions(options, { lend: 'boolean', passing: 'function', select: 'function', strip: 'boolean' })
  const { select, strip = false, lend = false, passing } = options
  const { metainfo } = torrent
  const chosen = select ? { select } : {}
  const files = new FileSequence(torrent, chosen)
  const open = (fileIndex: number) => {
    const reader = files.read(fileIndex, lend)
    return passing ? watched(reader, chunk => passing(fileIndex, chunk)) : reader
  }
  const peek = (fileIndex: number) => {
    const bytes = files.peek(fileIndex)
    if (bytes) passing?.(fileIndex, bytes)
    return bytes
  }
  const packer = tarOf(metainfo, { ...chosen, strip, lend, open, peek })
  for (const event of ['end', 'close'] as const) packer.on(event, () => files.close())
  return packer
}

function watched(reader: FileReader, watch: (chunk: Uint8Array) => void): TarBody {
  return {
    async *[Symbol.asyncIterator]() {
      for await (const chunk of reader) {
        watch(chunk)
        yield chunk
      }
    },
    destroy: error => reader.destroy(error),
    release: chunk => reader.release(chunk),
  }
}
