import { open } from 'node:fs/promises'
import { InputError } from '../errors.ts'
import type { Metainfo } from '../metainfo/metainfo.ts'
import type { NameOptions } from '../metainfo/name.ts'
import { MAX_TORRENT_SIZE, openMetainfo } from '../metainfo/parse.ts'
import { reasonOf } from './exit.ts'

/** Milliseconds that a server may take to hand out a .torrent. */
const FETCH_TIMEOUT = 30_000

/**
 * Reads and parses what SOURCE names: a path or URL of a .torrent, or `-` for standard input.
 * @throws InputError that names the source and what is wrong with it
 */
export async function loadTorrent(source: string, names: NameOptions = {}): Promise<Metainfo> {
  const name = source === '-' ? 'standard input' : source
  let bytes: Uint8Array
  try {
    bytes = await read(source)
  } catch (error) {
    if (error instanceof InputError) throw error
    throw new InputError('ERR_USAGE', `cannot read ${name}: ${reasonOf(error)}`, error)
  }
  try {
    return await openMetainfo(bytes, names)
  } catch (error) {
    if (!(error instanceof InputError)) throw error
    throw new InputError(error.code, `${name}: ${error.message}`, error)
  }
}

async function read(source: string): Promise<Uint8Array> {
  if (source === '-') return gather(process.stdin, 'standard input')
  if (/^https?:\/\//i.test(source)) {
    const reply = await fetch(source, { signal: AbortSignal.timeout(FETCH_TIMEOUT) })
    if (!reply.ok) throw new InputError('ERR_USAGE', `cannot read ${source}: HTTP status ${reply.status}`)
    return gather(reply.body ?? [], source)
  }
  const file = await open(source)
  try {
    return await gather(file.createReadStream({ autoClose: false }), source)
  } finally {
    await file.close()
  }
}

async function gather(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  name: string,
): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  let length = 0
  for await (const chunk of chunks) {
    parts.push(chunk)
    length += chunk.length
    if (length > MAX_TORRENT_SIZE) {
      throw new InputError('ERR_METAINFO', `${name}: not a torrent: longer than ${MAX_TORRENT_SIZE} bytes`)
    }
  }
  return Buffer.concat(parts, length)
}
