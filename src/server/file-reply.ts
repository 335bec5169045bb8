import { randomBytes } from 'node:crypto'
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http'
import { create as contentDisposition } from 'content-disposition'
import type { Metainfo } from '../metainfo/metainfo.ts'
import { conditionOf, rangeApplies } from './conditions.ts'
import { contentTypeOf } from './content-type.ts'
import { rangesOf } from './ranges.ts'
import type { ByteRange } from './shelf.ts'
import { nameOf } from './tree.ts'

/** A run of a file's bytes, and what goes before it. */
export interface Part extends ByteRange {
  readonly preamble: string
}

/** A reply that is bytes of a file, before any of them is there. */
export interface FileReply {
  readonly status: 200 | 206 | 304 | 412 | 416
  readonly headers: OutgoingHttpHeaders
  /** The body, none of them empty; after them comes `epilogue`. */
  readonly parts: readonly Part[]
  readonly epilogue: string
}

/**
 * What a file may do that a browser shows as a page: nothing that reaches beyond itself. It is a stranger's, and on
 * our origin: scripts and forms are off, and what it embeds comes from the torrents.
 */
const FILE_POLICY =
  "default-src 'none'; img-src 'self'; media-src 'self'; font-src 'self'; style-src 'self' 'unsafe-inline'"

/**
 * What a browser shows in a player of its own, which no stranger wrote. In a sandbox that player would be of another
 * origin than the file, and Chromium would not let it read it.
 */
const PLAYED = /^(audio|video)\//

/**
 * How a request for a file is answered (RFC 9110, 13 to 15).
 *
 * Depends on: the torrent, which file, whether it is GET, the conditions and the range in the headers.
 */
export function fileReply(
  { files, infoHash }: Metainfo,
  index: number,
  method: 'GET' | 'HEAD',
  request: IncomingHttpHeaders,
): FileReply {
  const { path, length } = files[index]!
  const name = nameOf(path)
  const type = contentTypeOf(name)
  // The content's hash is in the info-hash, so this tag is a strong one, and for ever.
  const etag = `"${infoHash.toString('hex')}-${index}"`
  const headers = { ETag: etag, 'Cache-Control': 'private, no-cache', 'Accept-Ranges': 'bytes' }
  const condition = conditionOf(request, etag)
  if (condition) return { status: condition, headers, parts: [], epilogue: '' }
  const found = {
    ...headers,
    'Content-Disposition': contentDisposition(name, { type: 'inline' }),
    'Content-Security-Policy': PLAYED.test(type) ? FILE_POLICY : `sandbox; ${FILE_POLICY}`,
  }
  // A range is a matter of GET alone (RFC 9110, 14.2).
  const ranges =
    method === 'GET' && rangeApplies(request, etag) ? rangesOf(request.range, length) : ('all' as const)
  if (ranges === 'none') {
    return {
      status: 416,
      headers: { ...headers, 'Content-Range': `bytes */${length}` },
      parts: [],
      epilogue: '',
    }
  }
  if (ranges === 'all') {
    const parts = length === 0 ? [] : [{ start: 0, end: length, preamble: '' }]
    return {
      status: 200,
      headers: { ...found, 'Content-Type': type, 'Content-Length': length },
      parts,
      epilogue: '',
    }
  }
  const [only] = ranges
  if (ranges.length === 1) {
    const { start, end } = only!
    const range = {
      'Content-Type': type,
      'Content-Range': contentRange(only!, length),
      'Content-Length': end - start,
    }
    return {
      status: 206,
      headers: { ...found, ...range },
      parts: [{ start, end, preamble: '' }],
      epilogue: '',
    }
  }
  return { status: 206, ...multipart(ranges, length, type, found) }
}

/** Several ranges in one body (RFC 9110, 14.6). */
function multipart(
  ranges: readonly ByteRange[],
  length: number,
  type: string,
  headers: OutgoingHttpHeaders,
): Omit<FileReply, 'status'> {
  const boundary = randomBytes(16).toString('hex') // nobody can have put it into a file
  const parts = ranges.map((range, at) => ({
    ...range,
    preamble: `${at === 0 ? '' : '\r\n'}--${boundary}\r\nContent-Type: ${type}\r\nContent-Range: ${contentRange(range, length)}\r\n\r\n`,
  }))
  const epilogue = `\r\n--${boundary}--\r\n`
  const total = parts.reduce((sum, { start, end, preamble }) => sum + preamble.length + end - start, 0)
  return {
    parts,
    epilogue,
    headers: {
      ...headers,
      'Content-Type': `multipart/byteranges; boundary=${boundary}`,
      'Content-Length': total + epilogue.length,
    },
  }
}

function contentRange({ start, end }: ByteRange, length: number): string {
  return `bytes ${start}-${end - 1}/${length}`
}
