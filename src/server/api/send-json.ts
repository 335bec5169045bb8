import type { OutgoingHttpHeaders, ServerResponse } from 'node:http'
import type { LoopTurns } from '../loop-turns.ts'
import { waitForRoom } from '../wait-for-room.ts'

/** A batch is written when it has this many characters. */
const MAX_BATCH_LENGTH = 131_072
/** Number of parts that are generated in one turn of the event loop. */
const TURN_PARTS = 16

/** Headers of every answer of an API. */
export const API_HEADERS = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy': "default-src 'none'",
  'Content-Type': 'application/json; charset=utf-8',
}

/** Sends a value as JSON. */
export function sendJson(
  response: ServerResponse,
  status: number,
  value: unknown,
  headers: OutgoingHttpHeaders = {},
): void {
  const body = Buffer.from(JSON.stringify(value))
  response.writeHead(status, { ...API_HEADERS, ...headers, 'Content-Length': body.length })
  response.end(body)
}

/**
 * Sends JSON that is generated while it is sent, because there may be ten thousand torrents.
 *
 * in            the parts
 * out           the response; a short one has a length
 * backpressure  takes no part while the socket has not taken the previous batch; a few parts in each turn of the loop
 * fails with    what the parts throw; when the client disconnects, it returns
 */
export async function streamJson(
  response: ServerResponse,
  parts: AsyncIterable<string>,
  turns: LoopTurns,
  touch: () => void,
): Promise<void> {
  const { socket } = response.req
  let batch: string[] = []
  let length = 0
  let count = 0
  for await (const part of parts) {
    batch.push(part)
    length += part.length
    if (length >= MAX_BATCH_LENGTH) {
      if (!response.headersSent) response.writeHead(200, API_HEADERS)
      if (!response.write(Buffer.from(batch.join('')))) await waitForRoom(response)
      touch()
      batch = []
      length = 0
    }
    if (++count % TURN_PARTS === 0) await turns.next()
    if (socket.destroyed) return
  }
  const body = Buffer.from(batch.join(''))
  if (response.headersSent) response.end(body)
  else {
    response.writeHead(200, { ...API_HEADERS, 'Content-Length': body.length }).end(body)
  }
}

/** Joins items of an array of JSON with what comes before and after it. */
export async function* wrapItems(
  before: string,
  items: AsyncIterable<string>,
  after: string,
): AsyncGenerator<string> {
  yield before
  let comma = ''
  for await (const item of items) {
    yield comma + item
    comma = ','
  }
  yield after
}
