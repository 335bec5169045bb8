import type { AddressFamily } from '../../codec/address-family.ts'
import { checkArgument, checkOptions } from '../../codec/check-arguments.ts'
import { urlOf } from '../../codec/url.ts'
import { InputError } from '../../errors.ts'
import type { Metainfo } from '../../metainfo/metainfo.ts'
import type { NameOptions } from '../../metainfo/name.ts'
import { MAX_TORRENT_SIZE, openMetainfo } from '../../metainfo/parse.ts'
import type { Trust } from '../../ports/address-policy.ts'
import { type FileSystem, nodeFileSystem } from '../../ports/file-system.ts'
import { readBody } from '../../ports/http-body.ts'
import { HttpClient, type HttpOpen } from '../../ports/http-client.ts'
import { follow, targetOf } from '../../ports/http-follow.ts'
import { reasonOf } from '../../ports/reason-of.ts'
import { VERSION } from '../../version.ts'

/** Options of `loadTorrent`. */
export interface LoadTorrentOptions extends NameOptions {
  /** The file system of a path. @default that of this machine */
  readonly fs?: FileSystem
  /** Requests a URL. @default node:http and node:https */
  readonly http?: HttpOpen
  /** The only address family to connect with, without `http`. @default both */
  readonly family?: AddressFamily
  /** What a URL may reach: `remote` for one that a torrent or a link names. @default 'user' */
  readonly trust?: Trust
  /** Headers of the requests to the server of a URL; their names in lower case. Redirects to other servers carry none of them. */
  readonly headers?: Readonly<Record<string, string>>
  /** Aborts the loading, which then rejects with the signal's reason. */
  readonly signal?: AbortSignal
}

/** Milliseconds that a server has for sending a .torrent. */
const FETCH_TIMEOUT_MS = 30_000
/** Bytes that are read from a file at once. */
const READ_BYTES = 1 << 18

/**
 * Reads and parses the .torrent at a path or an http(s) URL.
 * Rejects with an InputError that names the source: ERR_USAGE if it cannot be read, else as `openMetainfo` does.
 */
export async function loadTorrent(source: string, options: LoadTorrentOptions = {}): Promise<Metainfo> {
  checkArgument('source', source, 'text')
  checkOptions(options, { family: 'family', signal: 'signal' })
  const { signal } = options
  let bytes: Uint8Array
  try {
    signal?.throwIfAborted()
    bytes = await (isUrl(source) ? fetchTorrent(source, options) : readTorrent(source, options))
  } catch (error) {
    if (signal?.aborted) throw signal.reason
    if (error instanceof InputError) throw error
    throw new InputError('ERR_USAGE', `cannot read ${source}: ${reasonOf(error)}`, error)
  }
  return parseTorrent(bytes, source, options)
}

/** Parses a .torrent as `openMetainfo` does. @param name what error messages begin with */
export async function parseTorrent(
  bytes: Uint8Array,
  name: string,
  options: NameOptions = {},
): Promise<Metainfo> {
  try {
    return await openMetainfo(bytes, options)
  } catch (error) {
    if (!(error instanceof InputError)) throw error
    throw new InputError(error.code, `${name}: ${error.message}`, error)
  }
}

function isUrl(source: string): boolean {
  return /^https?:\/\//i.test(source)
}

async function fetchTorrent(
  source: string,
  {
    family,
    headers = {},
    http = new HttpClient({ family }).open,
    signal,
    trust = 'user',
  }: LoadTorrentOptions,
): Promise<Uint8Array> {
  const url = urlOf(source)
  if (!url) throw new InputError('ERR_USAGE', `cannot read ${source}: it is not a valid URL`)
  const timeout = AbortSignal.timeout(FETCH_TIMEOUT_MS)
  try {
    const { reply } = await follow(http, targetOf(url, 'torrent', trust), {
      headers: { 'user-agent': `tsdl/${VERSION}`, accept: '*/*', 'accept-encoding': 'gzip' },
      originHeaders: headers,
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
      purpose: 'torrent',
      trust,
    })
    if (reply.status >= 200 && reply.status <= 299) return await readBody(reply, MAX_TORRENT_SIZE)
    reply.body.destroy()
    throw new InputError('ERR_USAGE', `cannot read ${source}: HTTP status ${reply.status}`)
  } catch (error) {
    if (!timeout.aborted) throw error
    const message = `cannot read ${source}: no reply within ${FETCH_TIMEOUT_MS / 1000} s`
    throw new InputError('ERR_USAGE', message, error)
  }
}

/** Reads to the end without asking for the size first, since the path may be that of a pipe. */
async function readTorrent(
  path: string,
  { fs = nodeFileSystem, signal }: LoadTorrentOptions,
): Promise<Uint8Array> {
  const file = await fs.open(path, fs.constants.O_RDONLY)
  const parts: Uint8Array[] = []
  let length = 0
  try {
    for (;;) {
      const part = Buffer.allocUnsafe(READ_BYTES)
      const { bytesRead } = await file.read(part, 0, part.length, null)
      signal?.throwIfAborted()
      if (bytesRead === 0) return Buffer.concat(parts, length)
      parts.push(part.subarray(0, bytesRead))
      length += bytesRead
      if (length > MAX_TORRENT_SIZE) {
        throw new InputError('ERR_METAINFO', `${path}: not a torrent: longer than ${MAX_TORRENT_SIZE} bytes`)
      }
    }
  } finally {
    await file.close()
  }
}
