import { pipeline, Readable } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import type { AddressFamily } from '../../codec/address-family.ts'
import { parseAddressRange } from '../../codec/address-range.ts'
import { AddressCollector, type AddressRanges } from '../../codec/address-ranges.ts'
import { checkArgument, checkOptions } from '../../codec/check-arguments.ts'
import { runInTurns } from '../../codec/steps.ts'
import { urlOf } from '../../codec/url.ts'
import { InputError, messageOf } from '../../errors.ts'
import { type FileSystem, nodeFileSystem } from '../../ports/file-system.ts'
import { HttpClient, type HttpOpen } from '../../ports/http-client.ts'
import { follow, targetOf } from '../../ports/http-follow.ts'
import { reasonOf } from '../../ports/reason-of.ts'
import { VERSION } from '../../version.ts'

/** Options of `loadBlocklist`. */
export interface LoadBlocklistOptions {
  /** The only address family to connect with, without `http`. @default both */
  readonly family?: AddressFamily
  /** The file system of a path. @default that of this machine */
  readonly fs?: FileSystem
  /** Requests a URL. @default node:http and node:https */
  readonly http?: HttpOpen
  /** Aborts the loading, which then rejects with the signal's reason. */
  readonly signal?: AbortSignal
}

/** Maximum length of a list in bytes, decompressed, and of one of its lines. */
const MAX_LIST_BYTES = 256 << 20
const MAX_LINE_BYTES = 4096
/** Milliseconds that a server has for sending a list. */
const FETCH_TIMEOUT_MS = 120_000
/** Bytes that are read, and parsed, in one turn of the event loop. */
const READ_BYTES = 1 << 16

/**
 * Reads the ranges of addresses at a path or an http(s) URL: a list in the P2P or DAT (eMule) format, or of networks
 * (CIDR), in gzip or not.
 * Rejects with an InputError ERR_USAGE that names the source if it cannot be read, and the line that is invalid.
 */
export async function loadBlocklist(
  source: string,
  options: LoadBlocklistOptions = {},
): Promise<AddressRanges> {
  checkArgument('source', source, 'text')
  checkOptions(options, { family: 'family', fs: 'object', http: 'function', signal: 'signal' })
  const { signal } = options
  try {
    signal?.throwIfAborted()
    return await readRanges(
      decompress(/^https?:\/\//i.test(source) ? fetchList(source, options) : readList(source, options)),
    )
  } catch (error) {
    if (signal?.aborted) throw signal.reason
    const reason = error instanceof InputError ? messageOf(error) : `cannot be read: ${reasonOf(error)}`
    throw new InputError('ERR_USAGE', `blocklist ${source}: ${reason}`, error)
  }
}

/** Parses the lines of a list, some in each turn of the event loop. */
async function readRanges(chunks: AsyncIterable<Uint8Array>): Promise<AddressRanges> {
  const ranges = new AddressCollector()
  let lineNumber = 0
  let length = 0
  let rest = ''
  const parse = (line: string) => {
    lineNumber++
    try {
      if (line.length > MAX_LINE_BYTES)
        throw new InputError('ERR_USAGE', `longer than ${MAX_LINE_BYTES} bytes`)
      const range = parseAddressRange(line)
      if (range) ranges.add(range)
    } catch (error) {
      throw new InputError('ERR_USAGE', `line ${lineNumber}: ${messageOf(error)}`, error)
    }
  }
  for await (const chunk of chunks) {
    length += chunk.length
    if (length > MAX_LIST_BYTES) throw new InputError('ERR_USAGE', `longer than ${MAX_LIST_BYTES} bytes`)
    // names may be in any encoding; addresses are ASCII
    const lines = (rest + Buffer.from(chunk).toString('latin1')).split('\n')
    rest = lines.pop()!
    for (const line of lines) parse(line)
    if (rest.length > MAX_LINE_BYTES) parse(rest)
    await setImmediate()
  }
  parse(rest)
  return runInTurns(ranges.createSet())
}

/** Decompresses gzip, which its first two bytes show. */
async function* decompress(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const iterator = chunks[Symbol.asyncIterator]()
  let head = Buffer.alloc(0)
  while (head.length < 2) {
    const { done, value } = await iterator.next()
    if (done) break
    head = Buffer.concat([head, value])
  }
  const all = (async function* () {
    if (head.length > 0) yield head
    yield* { [Symbol.asyncIterator]: () => iterator }
  })()
  if (head[0] !== 0x1f || head[1] !== 0x8b) return yield* all
  const { createGunzip } = await import('node:zlib')
  try {
    yield* pipeline(Readable.from(all), createGunzip(), () => {})
  } catch (error) {
    if (!(error as NodeJS.ErrnoException).code?.startsWith('Z_')) throw error
    throw new InputError('ERR_USAGE', `its gzip is invalid: ${messageOf(error)}`, error)
  }
}

async function* fetchList(source: string, options: LoadBlocklistOptions): AsyncGenerator<Uint8Array> {
  const { family, http = new HttpClient({ family }).open, signal } = options
  const url = urlOf(source)
  if (!url) throw new InputError('ERR_USAGE', 'it is not a valid URL')
  const timeout = AbortSignal.timeout(FETCH_TIMEOUT_MS)
  try {
    const { reply } = await follow(http, targetOf(url, 'torrent', 'user'), {
      headers: { 'user-agent': `tsdl/${VERSION}`, accept: '*/*' },
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
      purpose: 'torrent',
      trust: 'user',
    })
    try {
      if (reply.status !== 200) throw new InputError('ERR_USAGE', `HTTP status ${reply.status}`)
      yield* reply.body
    } finally {
      reply.body.destroy()
    }
  } catch (error) {
    if (!timeout.aborted) throw error
    throw new InputError('ERR_USAGE', `no reply within ${FETCH_TIMEOUT_MS / 1000} s`, error)
  }
}

async function* readList(
  path: string,
  { fs = nodeFileSystem, signal }: LoadBlocklistOptions,
): AsyncGenerator<Uint8Array> {
  const file = await fs.open(path, fs.constants.O_RDONLY)
  try {
    for (;;) {
      const part = Buffer.allocUnsafe(READ_BYTES)
      const { bytesRead } = await file.read(part, 0, part.length, null)
      signal?.throwIfAborted()
      if (bytesRead === 0) return
      yield part.subarray(0, bytesRead)
    }
  } finally {
    await file.close()
  }
}
