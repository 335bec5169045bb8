import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemCode } from '../ports/file-system.ts'

/** Maximum length of the path of a socket, in bytes, on every system. */
const MAX_SOCKET_PATH = 100

/**
 * A local socket that shows other processes that this process runs. The kernel closes the socket when the process ends,
 * also if it crashes. While the process is stopped, the kernel still accepts connections. Unlike a process id, a socket
 * is never reused, and it means the same in every container of the machine.
 */
export class Beacon {
  /** The address: a path, or on Windows the name of a pipe. */
  readonly address: string
  readonly #server: net.Server

  private constructor(address: string, server: net.Server) {
    this.address = address
    this.#server = server
  }

  /** Opens a beacon in `directory`, or in the directory of temporary files if the path is too long. Rejects with a system error. */
  static async light(directory: string, id: string): Promise<Beacon> {
    const address = addressOf(directory, id)
    const server = net.createServer(socket => socket.destroy())
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(address, resolve)
    })
    server.unref()
    server.on('error', () => {}) // The kernel has made the connection, even if it cannot be accepted.
    return new Beacon(address, server)
  }

  /** Closes the socket. Idempotent. */
  close(): Promise<void> {
    return new Promise(resolve => this.#server.close(() => resolve()))
  }
}

/** True while the process of the beacon runs. */
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
