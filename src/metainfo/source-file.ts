import { bytesOfName, nameOfBytes } from '../codec/byte-names.ts'

/** A file to include in a torrent. */
export interface SourceFile {
  /** Names below the torrent's directory, as text or bytes. Empty for the file of a single-file torrent. */
  readonly path: readonly (string | Uint8Array)[]
  /** Number of bytes that `read` returns. */
  readonly length: number
  /** @default false */
  readonly executable?: boolean
  /** @default false */
  readonly hidden?: boolean
  /**
   * The names of the target below the torrent's directory, if the file is a symlink (BEP 47). Its length is 0, and it is not
   * read. @default the file is no symlink
   */
  readonly symlink?: readonly (string | Uint8Array)[] | undefined
  /** Reads the file. */
  read(): AsyncIterable<Uint8Array>
}

/** Returns the attributes of a file as the torrent has them (BEP 47), in the order of libtorrent; '' if it has none. */
export function attributesOf({ executable, hidden, symlink }: SourceFile): string {
  return `${hidden ? 'h' : ''}${executable ? 'x' : ''}${symlink ? 'l' : ''}`
}

/** Returns a name as text, which `nameBytes` reverses. */
export function nameText(name: string | Uint8Array): string {
  return typeof name === 'string' ? name : nameOfBytes(name)
}

/** Returns a name as bytes. */
export function nameBytes(name: string | Uint8Array): Buffer {
  return typeof name === 'string' ? bytesOfName(name) : Buffer.from(name)
}
