import { InputError } from '../errors.ts'
import {
  loadSource,
  MAX_TORRENT_SIZE,
  type Magnet,
  type Metainfo,
  type NameOptions,
  parseTorrent,
} from '../index.ts'
import { reasonOf } from '../ports/reason-of.ts'

/**
 * Loads what SOURCE names: a path or URL of a .torrent, a magnet link, an info-hash, or `-` for a .torrent on standard
 * input.
 * @throws InputError that names the source and what is wrong with it
 */
export async function openSource(source: string, options: NameOptions): Promise<Metainfo | Magnet> {
  if (source !== '-') return loadSource(source, options)
  return parseTorrent(await readStdin(MAX_TORRENT_SIZE), 'standard input', options)
}

/**
 * Reads all of standard input.
 * @throws InputError if it cannot be read, or is longer than `maxLength` bytes
 */
export async function readStdin(maxLength: number): Promise<Buffer> {
  const parts: Uint8Array[] = []
  let length = 0
  try {
    for await (const chunk of process.stdin as AsyncIterable<Uint8Array>) {
      parts.push(chunk)
      length += chunk.length
      if (length > maxLength) break
    }
  } catch (error) {
    throw new InputError('ERR_USAGE', `cannot read standard input: ${reasonOf(error)}`, error)
  }
  if (length <= maxLength) return Buffer.concat(parts, length)
  throw new InputError('ERR_METAINFO', `standard input: longer than ${maxLength} bytes`)
}
