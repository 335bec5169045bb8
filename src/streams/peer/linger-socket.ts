import type net from 'node:net'
import type { Clock } from '../../ports/clock.ts'

/** Milliseconds for which a connection stays open after its end, until the peer has ended its side. */
const LINGER_MS = 2_000

/**
 * Ends a connection once what was written is sent. Bytes of the peer are discarded until it ends its side: to close with
 * unread bytes resets the connection, and then the peer loses the bytes that it has not read.
 * @param clock times the wait for the peer
 */
export function lingerSocket(socket: net.Socket, clock: Clock): void {
  if (socket.connecting || socket.destroyed) {
    socket.destroy()
    return
  }
  socket.end()
  socket.resume()
  socket.unref?.()
  const timer = clock.setTimeout(() => socket.destroy(), LINGER_MS)
  socket.on('close', () => clock.clearTimeout(timer))
}
