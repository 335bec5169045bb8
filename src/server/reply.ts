import { type OutgoingHttpHeaders, type ServerResponse, STATUS_CODES } from 'node:http'
import { pipeline, Readable } from 'node:stream'

/** Characters of a page that are written at once. */
const BATCH = 65_536

/** Answers in a sentence: why not. */
export function refuse(
  response: ServerResponse,
  status: number,
  why: string,
  headers: OutgoingHttpHeaders = {},
): void {
  const body = Buffer.from(`${status} ${STATUS_CODES[status]}: ${why}\n`)
  response.writeHead(status, {
    'Cache-Control': 'no-store',
    ...headers,
    'Content-Type': 'text/plain; charset=utf-8',
    'Content-Length': body.length,
  })
  response.end(body)
}

/** Answers with a text that is made while it is sent: a torrent may have half a million files. */
export function sendText(
  response: ServerResponse,
  type: string,
  policy: string,
  parts: Generator<string>,
): void {
  // What it says changes, and it carries the token. It is JSON or a page, as `Accept` says.
  const headers = { 'Cache-Control': 'no-store', 'Content-Security-Policy': policy, Vary: 'Accept' }
  response.writeHead(200, { ...headers, 'Content-Type': `${type}; charset=utf-8` })
  if (response.req.method === 'HEAD') response.end()
  else pipeline(Readable.from(batched(parts)), response, () => {}) // whoever went away needs no answer
}

function* batched(parts: Generator<string>): Generator<string> {
  let batch = ''
  for (const part of parts) {
    batch += part
    if (batch.length < BATCH) continue
    yield batch
    batch = ''
  }
  if (batch !== '') yield batch
}
