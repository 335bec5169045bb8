import { InputError } from '../errors.ts'
import type { Metainfo } from '../metainfo/metainfo.ts'
import { FileStorage } from '../storage/file-storage.ts'
import type { FileSystem } from '../storage/file-system.ts'
import { WindowStorage } from '../storage/window-storage.ts'
import { FileReader } from '../streams/file-reader.ts'
import type { Stage } from '../streams/stage.ts'
import { resumeAt } from './stock.ts'
import { StoredBytes } from './stored-bytes.ts'
import { Torrent } from './torrent.ts'
import type { TorrentOptions } from './torrent-options.ts'

export interface DownloadOptions extends Omit<TorrentOptions, 'storage' | 'windowed'> {
  /** The directory that the files go to. */
  readonly output: string
  /**
   * A file that says what was verified and at rest, so that the next run need not hash it all again: read at the
   * start, written at the end and now and then. See `resumePath`. @default none
   */
  readonly record?: string
  /** Where directories are. @default the disk of this machine */
  readonly fs?: FileSystem
  /** Ends it. */
  readonly signal?: AbortSignal
}

/** A download to a directory. */
export interface Download extends Torrent {
  /** The bytes of one file, from `start` to before `end`, each as soon as it is verified. */
  read(fileIndex: number, range?: { readonly start?: number; readonly end?: number }): FileReader
}

/** Downloads a torrent's files into a directory; what is right there already is kept. Starts at once. */
export function download(metainfo: Metainfo, given: DownloadOptions): Download {
  const { output, fs, record, signal, ...options } = given
  const storage = new FileStorage(metainfo, {
    directory: output,
    ...(fs ? { fs } : {}),
    ...(options.select ? { selected: options.select } : {}),
  })
  const resume = record === undefined ? {} : { resume: resumeAt(record, metainfo, storage, fs) }
  const torrent = new Torrent(metainfo, { ...options, ...resume, storage })
  follow(signal, torrent)
  const source = new StoredBytes(torrent, storage)
  return Object.assign(torrent.start(), {
    read(fileIndex: number, { start = 0, end }: { start?: number; end?: number } = {}) {
      const { offset, length } = fileOf(metainfo, fileIndex)
      if (options.select?.(fileIndex) === false) {
        throw new InputError(
          'ERR_USAGE',
          `file ${fileIndex} is not among the selected: its bytes will not come`,
        )
      }
      const last = Math.min(end ?? length, length)
      if (!(start >= 0 && start <= last)) {
        throw new InputError(
          'ERR_USAGE',
          `no bytes ${start} to ${last} in file ${fileIndex} of ${length} bytes`,
        )
      }
      return new FileReader({ source, start: offset + start, end: offset + last })
    },
  })
}

export interface StreamOptions
  extends Omit<TorrentOptions, 'storage' | 'windowed' | 'select' | 'sequential'> {
  /** Which file, by index. Needed when there are several. */
  readonly file?: number
  /** Chunks are lent: see FileReader. @default false */
  readonly lend?: boolean
  /** Ends it. */
  readonly signal?: AbortSignal
}

/** A file as it comes, and the download behind it. */
export interface TorrentStream extends FileReader {
  readonly torrent: Torrent
}

/**
 * The bytes of one file of a torrent, in order, without a disk: no further ahead of the reader than `memory`.
 * Ends when every byte was read, else fails: a stream cut short is an error, never an end.
 */
export function stream(
  metainfo: Metainfo,
  { file, lend = false, signal, ...options }: StreamOptions = {},
): TorrentStream {
  const index = file ?? onlyFile(metainfo)
  const { offset, length } = fileOf(metainfo, index)
  const storage = new WindowStorage()
  const torrent = new Torrent(metainfo, { ...options, storage, windowed: true, select: at => at === index })
  const reader = new FileReader({ source: storage, start: offset, end: offset + length, lend })
  return fedBy(torrent, storage, reader, signal)
}

/** Starts a torrent for whoever reads what it gives to `storage`: they fail together, and after the end it closes. */
export function fedBy<Reader extends Stage>(
  torrent: Torrent,
  storage: WindowStorage,
  reader: Reader,
  signal?: AbortSignal,
): Reader & { readonly torrent: Torrent } {
  torrent.on('error', error => reader.destroy(error))
  let ended = false
  reader.on('end', () => {
    ended = true
    storage.skip(Number.MAX_SAFE_INTEGER) // what lies behind the last byte read, in its piece
    torrent.done.finally(() => torrent.close()).catch(() => {})
  })
  reader.on('error', error => torrent.destroy(error))
  reader.on('close', () => {
    if (!ended) void torrent.close()
  })
  follow(signal, torrent)
  return Object.assign(reader, { torrent: torrent.start() })
}

/** Where the owner of a signal hears it: streamx would keep the listener for ever. */
function follow(signal: AbortSignal | undefined, torrent: Torrent): void {
  if (!signal) return
  const abort = () => torrent.destroy(signal.reason)
  if (signal.aborted) queueMicrotask(abort)
  else {
    signal.addEventListener('abort', abort, { once: true })
    torrent.once('close', () => signal.removeEventListener('abort', abort))
  }
}

function fileOf(metainfo: Metainfo, index: number) {
  const file = metainfo.files[index]
  if (file) return file
  throw new InputError('ERR_USAGE', `no file ${index}: the torrent has ${metainfo.files.length}`)
}

function onlyFile(metainfo: Metainfo): number {
  const files = metainfo.files.filter(file => !file.pad)
  if (files.length === 1) return metainfo.files.indexOf(files[0]!)
  throw new InputError('ERR_USAGE', `the torrent has ${files.length} files: say which one`)
}
