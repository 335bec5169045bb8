import type { ServerResponse } from 'node:http'
import type { Clock } from '../clock.ts'
import type { FileReply } from './file-reply.ts'
import type { ByteRange, ByteStream } from './shelf.ts'

/** Milliseconds until the first byte has to be there. */
export const FIRST_BYTE = 60_000

/** Nothing was verified in time: no head has been sent. */
export class Overdue extends Error {}

/**
 * Sends a file's bytes as they come, one part after the other.
 *
 * in            a ByteStream for each part, opened when its turn has come
 * out           the response; its head goes with the first byte, so that until then it can become another
 * backpressure  takes no chunk while the socket has not taken the last
 * fails with    what the stream fails with, Overdue, or an end at the wrong byte; with the client gone it just ends
 */
export async function transfer(
  { status, headers, parts, epilogue }: FileReply,
  response: ServerResponse,
  open: (range: ByteRange) => ByteStream,
  clock: Clock,
): Promise<void> {
  // The socket, not the response: one that still waits behind others on its connection is told nothing.
  const { socket } = response.req
  let stream: ByteStream | undefined
  const gone = () => stream?.destroy()
  socket.on('close', gone)
  const timer = clock.setTimeout(() => stream?.destroy(new Overdue('no byte in time')), FIRST_BYTE)
  try {
    for (const part of parts) {
      if (socket.destroyed) return
      stream = open(part)
      stream.on('error', () => {}) // the loop hears of it, but not after it has left
      let begun = false
      let left = part.end - part.start
      for await (const chunk of stream) {
        if (socket.destroyed) return
        if (chunk.length > left) throw new Error(`${chunk.length - left} bytes more than were asked for`)
        left -= chunk.length
        if (!response.headersSent) {
          clock.clearTimeout(timer)
          response.writeHead(status, headers)
        }
        if (!begun && part.preamble !== '') response.write(part.preamble, 'latin1')
        begun = true
        if (!response.write(chunk)) await drained(response)
      }
      if (socket.destroyed) return
      if (left > 0) throw new Error(`ended ${left} bytes before its end`)
    }
    response.end(epilogue, 'latin1')
  } finally {
    clock.clearTimeout(timer)
    socket.off('close', gone)
    stream?.destroy()
  }
}

/** Resolves once the response takes more, or its connection is closed. */
function drained(response: ServerResponse): Promise<void> {
  const { socket } = response.req
  if (socket.destroyed) return Promise.resolve()
  return new Promise(resolve => {
    const done = () => {
      response.off('drain', done)
      socket.off('close', done)
      resolve()
    }
    response.on('drain', done)
    socket.on('close', done)
  })
}
