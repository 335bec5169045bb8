import type { Metainfo } from '../metainfo/metainfo.ts'
import { WindowStorage } from '../storage/window-storage.ts'
import { FileReader } from '../streams/read/file-reader.ts'
import type { TarBody, TarPacker } from '../streams/read/tar-packer.ts'
import { fedBy, type StreamOptions } from './download.ts'
import { type TarChoice, tarOf } from './sinks/tar.ts'
import { Torrent } from './torrent.ts'

export interface StreamTarOptions extends Omit<StreamOptions, 'file' | 'start' | 'end'>, TarChoice {
  /** Sees the bytes of each file on their way, in order. */
  readonly passing?: (fileIndex: number, chunk: Uint8Array) => void
}

/** An archive as it comes, and the download behind it. */
export interface TarStream extends TarPacker {
  readonly torrent: Torrent
}

/**
 * The chosen files of a torrent as one tar archive, without a disk: no further ahead of the reader than `memory`.
 * Ends when every byte was read, else fails: an archive cut short is an error, never an end.
 */
export function streamTar(
  metainfo: Metainfo,
  { select, strip = false, lend = false, passing, signal, ...options }: StreamTarOptions = {},
): TarStream {
  const chosen = select ? { select } : {}
  const torrent = new Torrent(metainfo, { ...options, ...chosen, storage: new WindowStorage() })
  return fedBy(torrent, packTar(torrent, { ...chosen, strip, lend, ...(passing ? { passing } : {}) }), signal)
}

export interface PackTarOptions extends TarChoice {
  /** Whether chunks are lent: see FileReader. @default false */
  readonly lend?: boolean
  /** Sees the bytes of each file on their way, in order. */
  readonly passing?: (fileIndex: number, chunk: Uint8Array) => void
}

/** The chosen files of a torrent that has a storage, as one tar archive. */
export function packTar(
  torrent: Torrent,
  { select, strip = false, lend = false, passing }: PackTarOptions,
): TarPacker {
  const { metainfo } = torrent
  // one reader for all files: what comes next is fetched while the file before is read
  const source = torrent.open(0, metainfo.length)
  const open = (fileIndex: number) => {
    const { offset, length } = metainfo.files[fileIndex]!
    const take = (position: number, length: number) => source.take(position, length)
    const reader = new FileReader({ source: { take }, start: offset, end: offset + length, lend })
    return passing ? watched(reader, chunk => passing(fileIndex, chunk)) : reader
  }
  const packer = tarOf(metainfo, { ...(select ? { select } : {}), strip, lend, open })
  for (const event of ['end', 'close'] as const) packer.on(event, () => source.close())
  return packer
}

function watched(reader: FileReader, see: (chunk: Uint8Array) => void): TarBody {
  return {
    async *[Symbol.asyncIterator]() {
      for await (const chunk of reader) {
        see(chunk)
        yield chunk
      }
    },
    destroy: error => reader.destroy(error),
    release: chunk => reader.release(chunk),
  }
}
