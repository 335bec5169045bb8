import { type OutgoingHttpHeaders, type ServerResponse, STATUS_CODES } from 'node:http'
import type { LoopTurns } from './loop-turns.ts'
import { waitForRoom } from './wait-for-room.ts'

/** A batch of a text is written when it has this many characters, or this many parts. */
const MAX_BATCH_LENGTH = 65_536
const MAX_BATCH_PARTS = 256

/** Sends a status and a sentence with the reason. */
export function sendRefusal(
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
 * Sends a text that is generated while it is sent: a torrent may have half a million files.
 *
 * in            the parts, generated batch by batch
 * out           the response
 * backpressure  generates no batch while the socket has not taken the previous one; one batch in each turn of the loop
 * fails with    what the generator throws; when the client disconnects, it returns
 */
export async function sendText(
  response: ServerResponse,
  type: string,
  policy: string,
  parts: Generator<string>,
  turns: LoopTurns,
  onProgress: () => void,
): Promise<void> {
  // The text changes, and its links carry the token. `Accept` decides whether it is JSON or a page.
  const headers = { 'Cache-Control': 'no-store', 'Content-Security-Policy': policy, Vary: 'Accept' }
  response.writeHead(200, { ...headers, 'Content-Type': `${type}; charset=utf-8` })
  const { method, socket } = response.req
  if (method !== 'HEAD') {
    for (const batch of batched(parts)) {
      if (socket.destroyed) return
      if (batch !== '' && !response.write(batch)) await waitForRoom(response)
      onProgress()
      await turns.next()
    }
  }
  response.end()
}

/** Joins parts into batches of bounded work. A batch may be empty. */
function* batched(parts: Generator<string>): Generator<string> {
  let batch = ''
  let count = 0
  for (const part of parts) {
    batch += part
    if (batch.length < MAX_BATCH_LENGTH && ++count < MAX_BATCH_PARTS) continue
    yield batch
    batch = ''
    count = 0
  }
  yield batch
}
