import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemCode } from '../ports/file-system.ts'

/** Bytes that the path of a socket may have on every system. */
const MAX_SOCKET_PATH = 100

/**
 * Shows other processes that this one runs: a local socket that accepts connections. The kernel closes it when the
 * process ends, however it ends, and keeps accepting while the process is stopped. Unlike a process id it is never
 * used again, and it means the same in every container of this machine.
 */
export class Beacon {
  /** Where it is: a path, on Windows the name of a pipe. */
  readonly address: string
  readonly #server: net.Server

  private constructor(address: string, server: net.Server) {
    this.address = address
    this.#server = server
  }

  /** Lights one in `directory`, or among temporary files if that path is too long. Rejects with a system error. */
  static async light(directory: string, id: string): Promise<Beacon> {
    const address = addressOf(directory, id)
    const server = net.createServer(socket => socket.destroy())
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(address, resolve)
    })
    server.unref()
    server.on('error', () => {}) // a connection that could not be accepted was made all the same
    return new Beacon(address, server)
  }

  /** Ends it. Idempotent. */
  close(): Promise<void> {
    return new Promise(resolve => this.#server.close(() => resolve()))
  }
}

/** True unless the process that lit the beacon has ended. */
export function isLit(address: string): Promise<boolean> {
  return new Promise(resolve => {
    const socket = net.connect(address)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', error => {
      const code = systemCode(error)
      resolve(code !== 'ECONNREFUSED' && code !== 'ENOENT')
    })
  })
}

function addressOf(directory: string, id: string): string {
  const name = `tsdl-${id}`
  if (process.platform === 'win32') return `\\\\.\\pipe\\${name}`
  const path = join(directory, `${name}.socket`)
  return Buffer.byteLength(path) <= MAX_SOCKET_PATH ? path : join(tmpdir(), `${name}.socket`)
}
