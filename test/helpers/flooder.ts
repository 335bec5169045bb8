/** A peer in a separate thread that sends the same bytes repeatedly, as fast as they are read. */
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'

export interface Flooder {
  readonly address: { readonly host: string; readonly port: number }
  /** The number of messages of the flood that were read. */
  sent(): Promise<number>
  close(): Promise<void>
}

export interface FloodOptions {
  /** Its first bytes: a handshake and the messages after it. */
  readonly greeting: Uint8Array
  /** The bytes that it repeats. */
  readonly flood: Uint8Array
}

const CHILD_SCRIPT = `
  const net = require('node:net')
  const { parentPort, workerData: { greeting, flood } } = require('node:worker_threads')
  const times = Math.max(1, Math.floor(262144 / flood.length))
  const batch = Buffer.concat(Array(times).fill(flood))
  let sent = 0
  const sockets = new Set()
  const server = net.createServer(socket => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('data', () => {})
    socket.once('data', () => {
      socket.write(greeting)
      const more = () => {
        while (!socket.destroyed) {
          const going = socket.write(batch, error => { if (!error) sent += times })
          if (!going) return
        }
      }
      socket.on('drain', more)
      more()
    })
  })
  server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port))
  parentPort.on('message', () => parentPort.postMessage(sent))
`

/** Starts a flooder. It waits for a connection. */
export async function startFlooder({ greeting, flood }: FloodOptions): Promise<Flooder> {
  const worker = new Worker(CHILD_SCRIPT, { eval: true, workerData: { greeting, flood } })
  const [port] = await once(worker, 'message')
  return {
    address: { host: '127.0.0.1', port },
    sent: async () => {
      worker.postMessage('sent')
      return (await once(worker, 'message'))[0]
    },
    close: async () => {
      await worker.terminate()
    },
  }
}
