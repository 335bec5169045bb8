import { InputError } from '../errors.ts'
import type { Metainfo } from '../metainfo/metainfo.ts'
import type { FileSystem } from '../ports/file-system.ts'
import { pick } from '../ports/pick.ts'
import type { FileLocks } from '../storage/file-locks.ts'
import { FileStorage } from '../storage/file-storage.ts'
import { WindowStorage } from '../storage/window-storage.ts'
import type { FileReader } from '../streams/read/file-reader.ts'
import type { Stage } from '../streams/stage.ts'
import type { ContentOptions } from './pieces/content-options.ts'
import { piecesOf } from './pieces/wanted.ts'
import type { ByteRange } from './reading/torrent-file.ts'
import { resumeAt } from './resume/find-verified-pieces.ts'
import { Torrent } from './torrent.ts'
import type { TorrentOptions } from './torrent-options.ts'

export interface DownloadOptions extends Omit<TorrentOptions, 'storage'> {
  /** The directory that the files go to. What may lie there under other names is found by `findFiles`, before. */
  readonly output: string
  /**
   * A file that says what was verified and at rest, so that the next run need not hash it all again: read at the
   * start, written at the end and now and then. See `resumePath`. @default none
   */
  readonly record?: string
  /** Keeps other processes from writing the same files: see `LockDirectory`. @default only torrents of this process */
  readonly locks?: FileLocks
  /** Where directories are. @default the disk of this machine */
  readonly fs?: FileSystem
  /** Ends it. */
  readonly signal?: AbortSignal
}

/** Downloads a torrent's files into a directory; what is right there already is kept. Starts at once. */
export function download(metainfo: Metainfo, given: DownloadOptions): Torrent {
  const { output, fs, locks, record, signal, ...options } = given
  const content = directoryContent(metainfo, given)
  const torrent = new Torrent(metainfo, { ...options, ...content })
  follow(signal, torrent)
  return torrent.start()
}

/** Where the bytes of a download to a directory go: for `Torrent.begin`. */
export function directoryContent(
  metainfo: Metainfo,
  options: Pick<DownloadOptions, 'output' | 'fs' | 'locks' | 'record' | 'select'>,
): Pick<ContentOptions, 'storage' | 'resume'> {
  const { output, fs, locks, record } = options
  const storage = new FileStorage(metainfo, {
    directory: output,
    ...pick({ fs, locks }, 'fs', 'locks'),
    ...(options.select ? { selected: options.select } : {}),
  })
  return { storage, ...(record === undefined ? {} : { resume: resumeAt(record, metainfo, storage, fs) }) }
}

export interface StreamOptions
  extends Omit<TorrentOptions, 'storage' | 'select' | 'wanted' | 'onDemand' | 'sequential'>,
    ByteRange {
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
  { file, start = 0, end, lend = false, signal, ...options }: StreamOptions = {},
): TorrentStream {
  const index = file ?? onlyFile(metainfo)
  const last = Math.min(end ?? Number.POSITIVE_INFINITY, fileOf(metainfo, index).length)
  const torrent = new Torrent(metainfo, { ...options, ...rangeContent(metainfo, index, start, last) })
  return fedBy(torrent, torrent.files[index]!.stream({ start, end: last, lend }), signal)
}

/** What a reader of these bytes of one file needs: for `Torrent.begin`. */
export function rangeContent(
  metainfo: Metainfo,
  fileIndex: number,
  start: number,
  end: number,
): Pick<ContentOptions, 'storage' | 'wanted'> {
  const { offset } = fileOf(metainfo, fileIndex)
  return { storage: new WindowStorage(), wanted: piecesOf(metainfo, offset + start, offset + end) }
}

/** Starts a torrent for the one who reads it: they fail together, and after the end it closes. */
export function fedBy<Reader extends Stage>(
  torrent: Torrent,
  reader: Reader,
  signal?: AbortSignal,
): Reader & { readonly torrent: Torrent } {
  torrent.on('error', error => reader.destroy(error))
  let ended = false
  reader.on('end', () => {
    ended = true
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
