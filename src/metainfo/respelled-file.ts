/** A file whose path could not be written as the torrent spells it. */
import { asList, type BencodeValue, bytes } from '../codec/bencode.ts'
import { dictSpans } from '../codec/bencode-scan.ts'
import { BencodeView } from '../codec/bencode-view.ts'
import type { FileEntry } from './metainfo.ts'

/** Reads the spelling from `info` when it is asked for: held for each file it would take more memory than all else. */
export class RespelledFile implements FileEntry {
  readonly path: string
  readonly length: number
  readonly offset: number
  readonly pad: boolean
  readonly executable: boolean
  readonly hidden: boolean
  declare readonly symlink?: string
  declare readonly md5sum?: string
  readonly #info: Buffer
  readonly #start: number

  /** @param start where in `info` the dictionary of the file starts */
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
    return namesBelow((asList(file.get(pathKey(file))) ?? []) as Uint8Array[])
  }
}

/** Which key of a file's dictionary its path is read from: the one that says its encoding, if there is a path. */
export function pathKey(file: { get(key: string): BencodeValue | undefined }): 'path' | 'path.utf-8' {
  const names = asList(file.get('path.utf-8'))
  return names && names.length > 0 && names.every(name => bytes(name) !== undefined) ? 'path.utf-8' : 'path'
}

/** The names of a path that count: empty ones and dots are in no path, and in no URL. */
export function namesBelow(names: readonly Uint8Array[]): readonly Uint8Array[] {
  return names.filter(name => name.length > 0 && !(name.length === 1 && name[0] === 0x2e))
}
