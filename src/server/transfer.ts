import type { ServerResponse } from 'node:http'
import type { Clock } from '../ports/clock.ts'
import type { FileResponse } from './file-response.ts'
import type { ReaderSlot } from './reader-slots.ts'
import type { ByteStream, ResponseRange } from './served-torrents.ts'
import { waitForRoom } from './wait-for-room.ts'

/** Milliseconds within which the first byte has to be read. */
export const FIRST_BYTE_TIMEOUT_MS = 60_000
/** Bytes written at once: few while the client is slow, so that its progress shows; many while it is fast. */
const MIN_SLICE_BYTES = 65_536
const MAX_SLICE_BYTES = 1 << 20
/** Milliseconds that a client should need for a slice. */
const SLICE_TIME_MS = 100

/** No byte was read in time. No header has been sent. */
export class FirstByteTimeout extends Error {}

/**
 * Sends a file's bytes as they come, one part after the other.
 *
 * in            a ByteStream for each part, opened when the part before it was sent
 * out           the response; its headers are sent with the first byte, so that before it a failure can be a status
 * backpressure  takes no chunk while the socket has not taken the previous one
 * fails with    the stream's error, FirstByteTimeout, ReaderRevoked, or an Error if the stream has too many or too few
 *               bytes; when the client disconnects, or is cut off because its slot was revoked, it returns
 */
export async function transfer(
  { status, headers, parts, epilogue }: FileResponse,
  response: ServerResponse,
  open: (range: ResponseRange) => ByteStream,
  slot: ReaderSlot,
  clock: Clock,
): Promise<void> {
  const { socket } = response.req
  let stream: ByteStream | undefined
  const onClose = () => stream?.destroy()
  socket.on('close', onClose)
  slot.onRevoke(error => {
    if (response.headersSent) socket.destroy()
    else stream?.destroy(error)
  })
  const timer = clock.setTimeout(
    () => stream?.destroy(new FirstByteTimeout('no byte in time')),
    FIRST_BYTE_TIMEOUT_MS,
  )
  const send = slicer(response, slot, clock)
  try {
    for (const part of parts) {
      if (socket.destroyed) return
      stream = open(part)
      stream.on('error', () => {}) // the loop below reports it, but only until it has ended
      let isBegun = false
      let left = part.end - part.start
      for await (const chunk of stream) {
        if (socket.destroyed) return
        if (chunk.length > left) throw new Error(`${chunk.length - left} bytes more than requested`)
        left -= chunk.length
        if (!response.headersSent) {
          clock.clearTimeout(timer)
          response.writeHead(status, headers)
        }
        if (!isBegun && part.preamble !== '') response.write(part.preamble, 'latin1')
        isBegun = true
        await send(chunk)
      }
      if (socket.destroyed) return
      if (left > 0) throw new Error(`ended ${left} bytes before its end`)
    }
    response.end(epilogue, 'latin1')
  } finally {
    clock.clearTimeout(timer)
    socket.off('close', onClose)
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
      const startedAt = clock.now()
      if (!response.write(slice)) {
        slot.waitsForClient = true
        await waitForRoom(response)
        slot.waitsForClient = false
      }
      slot.take(slice.length)
      const slow = clock.now() - startedAt > SLICE_TIME_MS
      size = slow ? Math.max(MIN_SLICE_BYTES, size / 2) : Math.min(MAX_SLICE_BYTES, size * 2)
    }
  }
}
