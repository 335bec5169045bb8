import type { Metainfo } from '../metainfo/metainfo.ts'
import { WindowStorage } from '../storage/window-storage.ts'
import { FileReader } from '../streams/file-reader.ts'
import type { TarPacker } from '../streams/tar-packer.ts'
import { fedBy, type StreamOptions } from './download.ts'
import { type TarChoice, tarOf } from './tar.ts'
import { Torrent } from './torrent.ts'

export interface StreamTarOptions extends Omit<StreamOptions, 'file'>, TarChoice {}

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
  { select, strip = false, lend = false, signal, ...options }: StreamTarOptions = {},
): TarStream {
  const storage = new WindowStorage()
  const chosen = select ? { select } : {}
  const open = (fileIndex: number) => {
    const { offset, length } = metainfo.files[fileIndex]!
    return new FileReader({ source: storage, start: offset, end: offset + length, lend })
  }
  const packer = tarOf(metainfo, { ...chosen, strip, lend, open })
  const torrent = new Torrent(metainfo, { ...options, ...chosen, storage, windowed: true })
  return fedBy(torrent, storage, packer, signal)
}
