import { InputError } from '../errors.ts'
import {
  loadSource,
  MAX_TORRENT_SIZE,
  type Magnet,
  type Metainfo,
  type NameOptions,
  parseTorrent,
} from '../index.ts'
import { pick } from '../ports/pick.ts'
import { reasonOf } from '../ports/reason-of.ts'
import { addressFamilyFor, type FamilyOptions } from './address-family.ts'
import { findCredentials } from './netrc.ts'

/** Options that say how a source is read. */
export interface SourceOptions extends NameOptions, FamilyOptions {
  /** Trackers that are added to those of the torrent; false for none at all. */
  readonly tracker?: false | readonly string[]
  /** Headers for the server of a .torrent, as name and value. */
  readonly header?: readonly (readonly [name: string, value: string])[]
  readonly userAgent?: string
}

/**
 * Loads what SOURCE names: a path or URL of a .torrent, a magnet link, an info-hash, or `-` for a .torrent on standard
 * input.
 * @throws InputError that names the source and what is wrong with it
 */
export async function openSource(source: string, options: SourceOptions): Promise<Metainfo | Magnet> {
  const parsed = await readSource(source, options)
  const { tracker } = options
  return tracker ? { ...parsed, trackers: [...parsed.trackers, ...tracker.map(url => [url])] } : parsed
}

async function readSource(source: string, options: SourceOptions): Promise<Metainfo | Magnet> {
  const names = pick(options, 'portableNames')
  const family = addressFamilyFor(options)
  if (source === '-') return parseTorrent(await readStdin(MAX_TORRENT_SIZE), 'standard input', names)
  const url = /^https?:/i.test(source) && URL.canParse(source) ? new URL(source) : undefined
  return loadSource(source, {
    ...{ ...names, ...pick({ family }, 'family') },
    ...(url ? { headers: headersFor(url, options) } : {}),
  })
}

/** Returns the headers that the options add to a request, and the credentials of ~/.netrc. */
function headersFor({ hostname, username }: URL, { header = [], userAgent }: SourceOptions) {
  const credentials = username === '' ? findCredentials(hostname) : undefined
  return {
    ...(credentials === undefined ? {} : { authorization: credentials }),
    ...(userAgent === undefined ? {} : { 'user-agent': userAgent }),
    ...Object.fromEntries(header.map(([name, value]) => [name.toLowerCase(), value])),
  }
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
