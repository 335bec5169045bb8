import { open } from 'node:fs/promises'
import { urlOf } from '../codec/url.ts'
import { InputError } from '../errors.ts'
import type { Metainfo } from '../metainfo/metainfo.ts'
import type { NameOptions } from '../metainfo/name.ts'
import { MAX_TORRENT_SIZE, openMetainfo } from '../metainfo/parse.ts'
import type { Trust } from '../ports/address-policy.ts'
import { readBody } from '../ports/http-body.ts'
import { HttpClient } from '../ports/http-client.ts'
import { follow, targetOf } from '../ports/http-follow.ts'
import { VERSION } from '../version.ts'
import { reasonOf } from './exit.ts'

/** Options for reading a source. */
export interface SourceOptions extends NameOptions {
  /** The origin of a URL, which decides what addresses it may reach. @default 'user' */
  readonly trust?: Trust
  /** Aborts the request. */
  readonly signal?: AbortSignal
}

/** Milliseconds within which a server has to send a .torrent. */
const FETCH_TIMEOUT_MS = 30_000

/**
 * Reads and parses a .torrent: a path, a URL, or `-` for standard input.
 * @throws InputError that names the source and the fault
 */
export async function loadTorrent(source: string, options: SourceOptions = {}): Promise<Metainfo> {
  const name = source === '-' ? 'standard input' : source
  let bytes: Uint8Array
  try {
    bytes = await read(source, options)
  } catch (error) {
    if (error instanceof InputError) throw error
    throw new InputError('ERR_USAGE', `cannot read ${name}: ${reasonOf(error)}`, error)
  }
  try {
    return await openMetainfo(bytes, options)
  } catch (error) {
    if (!(error instanceof InputError)) throw error
    throw new InputError(error.code, `${name}: ${error.message}`, error)
  }
}

async function read(source: string, options: SourceOptions): Promise<Uint8Array> {
  if (source === '-') return readAll(process.stdin, 'standard input')
  if (/^https?:\/\//i.test(source)) {
    return fetchTorrent(source, options)
  }
  const file = await open(source)
  try {
    return await readAll(file.createReadStream({ autoClose: false }), source)
  } finally {
    await file.close()
  }
}

async function fetchTorrent(source: string, { signal, trust = 'user' }: SourceOptions): Promise<Uint8Array> {
  const url = urlOf(source)
  if (!url) throw new InputError('ERR_USAGE', `cannot read ${source}: invalid URL`)
  const timeout = AbortSignal.timeout(FETCH_TIMEOUT_MS)
  try {
    const { reply } = await follow(new HttpClient().open, targetOf(url, 'torrent', trust), {
      headers: { 'User-Agent': `tsdl/${VERSION}`, Accept: '*/*', 'Accept-Encoding': 'gzip' },
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
      purpose: 'torrent',
      trust,
    })
    if (reply.status >= 200 && reply.status <= 299) return await readBody(reply, MAX_TORRENT_SIZE)
    reply.body.destroy()
    throw new InputError('ERR_USAGE', `cannot read ${source}: HTTP status ${reply.status}`)
  } catch (error) {
    if (!timeout.aborted) throw error
    throw new InputError(
      'ERR_USAGE',
      `cannot read ${source}: no answer within ${FETCH_TIMEOUT_MS / 1000} s`,
      error,
    )
  }
}

async function readAll(
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
