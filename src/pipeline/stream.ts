import { checkArgument, checkOptions } from '../codec/check-arguments.ts'
import { InputError } from '../errors.ts'
import type { Metainfo } from '../metainfo/metainfo.ts'
import { WindowStorage } from '../storage/window-storage.ts'
import { openReader, type ReaderOptions, type TorrentReader } from './open-reader.ts'
import type { ContentOptions } from './pieces/content-options.ts'
import { piecesOf } from './pieces/wanted.ts'
import type { ByteRange } from './reading/torrent-file.ts'
import { isMetainfo, type TorrentSource } from './sources/torrent-source.ts'

/** Options of `stream`. */
export interface StreamOptions extends Omit<ReaderOptions, 'select'>, ByteRange {
  /** The index of the file. @default the only file, or the only one that a magnet link selects (BEP 53) */
  readonly file?: number
}

/**
 * Streams one file of a torrent in order, without a disk: the download is at most `memory` bytes ahead of the reader.
 *
 * The stream ends after the last byte, else it fails: a stream that is cut short never ends. It fails as `Client.add`
 * rejects, and with ERR_USAGE for a file or range that the torrent does not have.
 * @throws InputError for an invalid option, and for a parsed torrent that does not have the file or the range
 */
export function stream(source: TorrentSource, options: StreamOptions = {}): TorrentReader {
  checkOptions(options, { end: 'number', file: 'whole', lend: 'boolean', start: 'whole' })
  if (isMetainfo(source)) rangeOf(source, options)
  const { file, start, end, lend = false, ...rest } = options
  return openReader(source, rest, (torrent, metainfo, selected) => {
    const range = rangeOf(metainfo, options, selected)
    torrent.begin(rangeContent(metainfo, range.file, range.start, range.end))
    return torrent.files[range.file]!.stream({ start: range.start, end: range.end, lend })
  })
}

/** Returns the content options for a reader of a range of one file, for `Torrent.begin`. */
export function rangeContent(
  metainfo: Metainfo,
  fileIndex: number,
  start: number,
  end: number,
): Pick<ContentOptions, 'storage' | 'wanted'> {
  checkArgument('metainfo', metainfo, 'object')
  const file = metainfo.files?.[fileIndex]
  if (!file) throw new InputError('ERR_USAGE', 'fileIndex: the torrent has no such file')
  const { offset } = file
  return { storage: new WindowStorage(), wanted: piecesOf(metainfo, offset + start, offset + end) }
}

function rangeOf(
  metainfo: Metainfo,
  { file, start = 0, end = Number.POSITIVE_INFINITY }: StreamOptions,
  selected?: readonly number[],
): { readonly file: number; readonly start: number; readonly end: number } {
  const index = file ?? onlyFile(metainfo, selected)
  const entry = metainfo.files[index]
  if (!entry)
    throw new InputError('ERR_USAGE', `file: no file ${index}, the torrent has ${metainfo.files.length}`)
  const last = Math.min(end, entry.length)
  if (Number.isSafeInteger(start) && start >= 0 && start <= last) return { file: index, start, end: last }
  throw new InputError(
    'ERR_USAGE',
    `start, end: no bytes ${start} to ${last} in file ${index} of ${entry.length} bytes`,
  )
}

function onlyFile({ files }: Metainfo, selected: readonly number[] = [...files.keys()]): number {
  const indices = selected.filter(index => !files[index]!.pad)
  if (indices.length === 1) return indices[0]!
  throw new InputError('ERR_USAGE', `file: the torrent has ${indices.length} files: choose one`)
}
