import type { ServerResponse } from 'node:http'
import type { Clock } from '../clock.ts'
import { drained } from './drained.ts'
import type { FileReply } from './file-reply.ts'
import type { ReaderSlot } from './reader-slots.ts'
import type { ByteRange, ByteStream } from './shelf.ts'

/** Milliseconds until the first byte has to be there. */
export const FIRST_BYTE = 60_000
/** Bytes written at once: few while the client is slow, so that its progress shows; many while it is fast. */
const MIN_SLICE_BYTES = 65_536
const MAX_SLICE_BYTES = 1 << 20
/** Milliseconds that a client of middling speed takes for a slice. */
const SLICE_TIME_MS = 100

/** Nothing was verified in time: no head has been sent. */
export class Overdue extends Error {}

/**
 * Sends a file's bytes as they come, one part after the other.
 *
 * in            a ByteStream for each part, opened when its turn has come
 * out           the response; its head goes with the first byte, so that until then it can become another
 * backpressure  takes no chunk while the socket has not taken the last
 * fails with    what the stream fails with, Overdue, ReaderRevoked, or an end at the wrong byte; with the client gone,
 *               or cut off because its slot was revoked, it just ends
 */
export async function transfer(
  { status, headers, parts, epilogue }: FileReply,
  response: ServerResponse,
  open: (range: ByteRange) => ByteStream,
  slot: ReaderSlot,
  clock: Clock,
): Promise<void> {
  const { socket } = response.req
  let stream: ByteStream | undefined
  const gone = () => stream?.destroy()
  socket.on('close', gone)
  slot.onRevoke(error => {
    if (response.headersSent) socket.destroy()
    else stream?.destroy(error)
  })
  const timer = clock.setTimeout(() => stream?.destroy(new Overdue('no byte in time')), FIRST_BYTE)
  const send = slicer(response, slot, clock)
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
        await send(chunk)
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

/** Writes chunks in slices that the client takes in about SLICE_TIME_MS, and counts them for its slot. */
function slicer(response: ServerResponse, slot: ReaderSlot, clock: Clock) {
  const { socket } = response.req
  let size = MIN_SLICE_BYTES
  return async (chunk: Uint8Array): Promise<void> => {
    for (let at = 0; at < chunk.length && !socket.destroyed; ) {
      const slice = chunk.subarray(at, at + size)
      at += slice.length
      const begun = clock.now()
      if (!response.write(slice)) {
        slot.waitsForClient = true
        await drained(response)
        slot.waitsForClient = false
      }
      slot.take(slice.length)
      const slow = clock.now() - begun > SLICE_TIME_MS
      size = slow ? Math.max(MIN_SLICE_BYTES, size / 2) : Math.min(MAX_SLICE_BYTES, size * 2)
    }
  }
}
