import type { ServerResponse } from 'node:http'

/** Resolves when the response accepts more data, or its connection is closed. */
export function waitForRoom(response: ServerResponse): Promise<void> {
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
