import { bytesOfName, nameOfBytes } from '../codec/byte-names.ts'

/** A file to include in a torrent. */
export interface SourceFile {
  /** Names below the torrent's directory, as text or bytes. Empty for the file of a single-file torrent. */
  readonly path: readonly (string | Uint8Array)[]
  /** Number of bytes that `read` returns. */
  readonly length: number
  /** Reads the file. */
  read(): AsyncIterable<Uint8Array>
}

/** Returns a name as text, which `nameBytes` reverses. */
export function nameText(name: string | Uint8Array): string {
  return typeof name === 'string' ? name : nameOfBytes(name)
}

/** Returns a name as bytes. */
export function nameBytes(name: string | Uint8Array): Buffer {
  return typeof name === 'string' ? bytesOfName(name) : Buffer.from(name)
}
