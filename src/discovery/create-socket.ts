import type { Socket, SocketOptions } from 'node:dgram'

/** Makes a UDP socket, as in node:dgram. */
export type CreateSocket = (options: SocketOptions) => Socket | Promise<Socket>

/** The machine's own sockets. node:dgram is loaded with the first of them: most runs need none. */
export const systemSocket: CreateSocket = async options => {
  const { createSocket } = await import('node:dgram')
  return createSocket(options)
}

/** Binds a socket; one that can't be bound is closed, and the system's error thrown. */
export async function bound(socket: Socket, port: number): Promise<Socket> {
  await new Promise<void>((resolve, reject) => {
    const failed = (error: Error) => {
      socket.close()
      reject(error)
    }
    socket.once('error', failed)
    socket.bind(port, () => {
      socket.off('error', failed)
      resolve()
    })
  })
  // Some systems report here that an earlier packet found no one.
  socket.on('error', () => {})
  return socket
}
