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
  return parseTorrent(await readStdin(), 'standard input', options)
}

async function readStdin(): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  let length = 0
  try {
    for await (const chunk of process.stdin as AsyncIterable<Uint8Array>) {
      parts.push(chunk)
      length += chunk.length
      if (length > MAX_TORRENT_SIZE) break
    }
  } catch (error) {
    throw new InputError('ERR_USAGE', `cannot read standard input: ${reasonOf(error)}`, error)
  }
  if (length <= MAX_TORRENT_SIZE) return Buffer.concat(parts, length)
  throw new InputError('ERR_METAINFO', `standard input: not a torrent: longer than ${MAX_TORRENT_SIZE} bytes`)
}
