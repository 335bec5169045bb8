import type { Socket, SocketOptions } from 'node:dgram'

/** Creates a UDP socket, as in node:dgram. */
export type CreateSocket = (options: SocketOptions) => Socket | Promise<Socket>

/** Creates sockets of this machine. Loads node:dgram at the first call, because most runs need none. */
export const systemSocket: CreateSocket = async options => {
  const { createSocket } = await import('node:dgram')
  return createSocket(options)
}

/** Binds a socket. Closes it and throws the system error if that fails. */
export async function bindSocket(socket: Socket, port: number): Promise<Socket> {
  await new Promise<void>((resolve, reject) => {
    const onError = (error: Error) => {
      socket.close()
      reject(error)
    }
    socket.once('error', onError)
    socket.bind(port, () => {
      socket.off('error', onError)
      resolve()
    })
  })
  // Some systems report here that an earlier packet was not delivered.
  socket.on('error', () => {})
  return socket
}
