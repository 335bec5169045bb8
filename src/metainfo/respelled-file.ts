/** A file with a path that differs from its names in the torrent. */
import { asBytes, asList, type BencodeValue } from '../codec/bencode.ts'
import { dictSpans } from '../codec/bencode-scan.ts'
import { BencodeView } from '../codec/bencode-view.ts'
import type { FileEntry } from './metainfo.ts'

/** Reads the original names from `info` on request. Keeping them for each file would need too much memory. */
export class RespelledFile implements FileEntry {
  readonly path: string
  readonly length: number
  readonly offset: number
  readonly pad: boolean
  readonly executable: boolean
  readonly hidden: boolean
  declare readonly symlink?: string
  declare readonly md5sum?: string
  declare readonly piecesRoot?: Buffer
  readonly #info: Buffer
  readonly #start: number

  /** @param start the offset of the file's dictionary in `info` */
  constructor(file: FileEntry, info: Buffer, start: number) {
    this.path = file.path
    this.length = file.length
    this.offset = file.offset
    this.pad = file.pad
    this.executable = file.executable
    this.hidden = file.hidden
    if (file.symlink !== undefined) this.symlink = file.symlink
    if (file.md5sum !== undefined) this.md5sum = file.md5sum
    this.#info = info
    this.#start = start
  }

  get spelled(): readonly Uint8Array[] {
    const file = new BencodeView(this.#info, dictSpans(this.#info, this.#start))
    return namesBelow((asList(file.get(pathFieldOf(file))) ?? []) as Uint8Array[])
  }
}

/** Returns the key of a file's path: `path.utf-8` if it has a valid path, otherwise `path`. */
export function pathFieldOf(file: { get(key: string): BencodeValue | undefined }): 'path' | 'path.utf-8' {
  const names = asList(file.get('path.utf-8'))
  return names && names.length > 0 && names.every(name => asBytes(name) !== undefined) ? 'path.utf-8' : 'path'
}

/** Removes empty names and `.` from a path. They are in no file path and in no URL. */
export function namesBelow(names: readonly Uint8Array[]): readonly Uint8Array[] {
  return names.filter(name => name.length > 0 && !(name.length === 1 && name[0] === 0x2e))
}
