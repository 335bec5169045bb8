import { type OutgoingHttpHeaders, type ServerResponse, STATUS_CODES } from 'node:http'
import { drained } from './drained.ts'
import type { LoopTurns } from './loop-turns.ts'

/** A batch of a text is written when it has so many characters, or so many parts went into it. */
const BATCH_LENGTH = 65_536
const BATCH_PARTS = 256

/** Answers with a status and a sentence that says why. */
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

/**
 * Answers with a text that is made while it is sent: a torrent may have half a million files.
 *
 * in            the parts, made batch by batch
 * out           the response
 * backpressure  makes no batch while the socket has not taken the last one, and one batch of one text per loop turn
 * fails with    nothing; with the client gone it ends
 */
export async function sendText(
  response: ServerResponse,
  type: string,
  policy: string,
  parts: Generator<string>,
  turns: LoopTurns,
  onProgress: () => void,
): Promise<void> {
  // The text changes, and it carries the token. It is JSON or a page, as `Accept` says.
  const headers = { 'Cache-Control': 'no-store', 'Content-Security-Policy': policy, Vary: 'Accept' }
  response.writeHead(200, { ...headers, 'Content-Type': `${type}; charset=utf-8` })
  const { method, socket } = response.req
  if (method !== 'HEAD') {
    for (const batch of batched(parts)) {
      if (socket.destroyed) return
      if (batch !== '' && !response.write(batch)) await drained(response)
      onProgress()
      await turns.next()
    }
  }
  response.end()
}

/** Batches of bounded work; an empty one is a step without text. */
function* batched(parts: Generator<string>): Generator<string> {
  let batch = ''
  let count = 0
  for (const part of parts) {
    batch += part
    if (batch.length < BATCH_LENGTH && ++count < BATCH_PARTS) continue
    yield batch
    batch = ''
    count = 0
  }
  yield batch
}
