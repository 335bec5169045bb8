import { randomBytes } from 'node:crypto'
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http'
import { create as contentDisposition } from 'content-disposition'
import type { Metainfo } from '../metainfo/metainfo.ts'
import { lastNameOf } from '../metainfo/path-parts.ts'
import { conditionOf, rangeApplies } from './conditions.ts'
import { contentTypeOf } from './content-type.ts'
import { rangesOf } from './ranges.ts'
import type { ResponseRange } from './served-torrents.ts'

/** A range of a file, and the text that precedes it in the body. */
export interface ResponsePart extends ResponseRange {
  readonly preamble: string
}

/** A response with bytes of a file as its body, planned before any byte is read. */
export interface FileResponse {
  readonly status: 200 | 206 | 304 | 412 | 416
  readonly headers: OutgoingHttpHeaders
  /** The parts of the body, none of them empty; `epilogue` follows the last. */
  readonly parts: readonly ResponsePart[]
  readonly epilogue: string
}

/**
 * The policy for a file that a browser shows as a page. Its content is untrusted and of the server's own origin: scripts
 * and forms are off, and it embeds nothing from elsewhere.
 */
const FILE_POLICY =
  "default-src 'none'; img-src 'self'; media-src 'self'; font-src 'self'; style-src 'self' 'unsafe-inline'"

/**
 * Types that a browser shows in its own, trusted player. They get no sandbox: in a sandbox the player
 * would have another origin than the file, and Chromium would not let it read the file.
 */
const PLAYABLE_TYPES = /^(audio|video)\//

/**
 * Plans the response to a request for a file (RFC 9110, 13 to 15).
 *
 * Inputs: the torrent, the index of the file, the method, the conditions and the range in the headers.
 */
export function fileResponseOf(
  { files, infoHash }: Metainfo,
  index: number,
  method: 'GET' | 'HEAD',
  request: IncomingHttpHeaders,
): FileResponse {
  const { path, length, piecesRoot } = files[index]!
  const name = lastNameOf(path)
  const type = contentTypeOf(name)
  // Both cover the content, so the tag is strong and never changes. Equal files of v2 torrents have the same root (BEP 52).
  const etag = piecesRoot ? `"${piecesRoot.toString('hex')}"` : `"${infoHash.toString('hex')}-${index}"`
  const headers = { ETag: etag, 'Cache-Control': 'private, no-cache', 'Accept-Ranges': 'bytes' }
  const condition = conditionOf(request, etag)
  if (condition) return { status: condition, headers, parts: [], epilogue: '' }
  const found = {
    ...headers,
    'Content-Disposition': contentDisposition(name, { type: 'inline' }),
    'Content-Security-Policy': PLAYABLE_TYPES.test(type) ? FILE_POLICY : `sandbox; ${FILE_POLICY}`,
  }
  // Range is defined for GET only (RFC 9110, 14.2).
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
  const [range] = ranges
  if (ranges.length === 1) {
    const { start, end } = range!
    const rangeHeaders = {
      'Content-Type': type,
      'Content-Range': contentRange(range!, length),
      'Content-Length': end - start,
    }
    return {
      status: 206,
      headers: { ...found, ...rangeHeaders },
      parts: [{ start, end, preamble: '' }],
      epilogue: '',
    }
  }
  return { status: 206, ...multipart(ranges, length, type, found) }
}

/** A response with several ranges in one body (RFC 9110, 14.6). */
function multipart(
  ranges: readonly ResponseRange[],
  length: number,
  type: string,
  headers: OutgoingHttpHeaders,
): Omit<FileResponse, 'status'> {
  const boundary = randomBytes(16).toString('hex') // unpredictable, so no file can contain it
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

function contentRange({ start, end }: ResponseRange, length: number): string {
  return `bytes ${start}-${end - 1}/${length}`
}
