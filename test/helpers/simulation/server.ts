import { EventEmitter } from 'node:events'
import type { Clock } from '../../../src/ports/clock.ts'
import { type Address, failure } from './failure.ts'
import type { SimulatedSocket } from './socket.ts'

/** The listeners of a host, by port. */
export interface Ports {
  readonly address: string
  readonly listening: Map<number, SimulatedServer>
  /** Returns a port without a listener. */
  free(): number
}

export interface ServerEvents {
  listening: []
  connection: [socket: SimulatedSocket]
  error: [error: Error]
  close: []
}

/** A server as returned by `net.createServer`, on a simulated host. */
export class SimulatedServer extends EventEmitter<ServerEvents> {
  /** Maximum connections; further ones are accepted and ended at once. */
  maxConnections = Number.POSITIVE_INFINITY
  readonly #clock: Clock
  readonly #ports: Ports
  readonly #open = new Set<SimulatedSocket>()
  #address: Address | undefined

  constructor(clock: Clock, ports: Ports) {
    super()
    this.#clock = clock
    this.#ports = ports
  }

  get listening(): boolean {
    return this.#address !== undefined
  }

  address(): (Address & { family: string }) | null {
    if (!this.#address) return null
    return { ...this.#address, family: this.#address.address.includes(':') ? 'IPv6' : 'IPv4' }
  }

  listen({ port = 0, host }: { port?: number; host?: string } = {}, done?: () => void): this {
    const { address, listening } = this.#ports
    const wanted = { address: host ?? address, port: port || this.#ports.free() }
    if (done) this.once('listening', done)
    if (listening.has(wanted.port)) {
      this.#clock.setTimeout(() => this.emit('error', failure('listen', 'EADDRINUSE', wanted)), 0)
      return this
    }
    this.#address = wanted
    listening.set(wanted.port, this)
    this.#clock.setTimeout(() => {
      if (this.#address === wanted) this.emit('listening')
    }, 0)
    return this
  }

  /**
   * Returns the remote address as sockets of this server show it. A server at `::` shows IPv4 addresses mapped into
   * IPv6.
   */
  shows(address: string): string {
    return this.#address?.address === '::' && !address.includes(':') ? `::ffff:${address}` : address
  }

  accept(socket: SimulatedSocket): void {
    if (this.#open.size >= this.maxConnections) {
      socket.destroy()
      return
    }
    this.#open.add(socket)
    socket.once('close', () => {
      this.#open.delete(socket)
      this.#closeIfIdle()
    })
    this.emit('connection', socket)
    socket.start()
  }

  /** Stops accepting connections. `close` is emitted when the last connection has closed. */
  close(done?: (error?: Error) => void): this {
    if (!this.#address) {
      const error = Object.assign(new Error('Server is not running.'), { code: 'ERR_SERVER_NOT_RUNNING' })
      this.#clock.setTimeout(() => done?.(error), 0)
      return this
    }
    if (done) this.once('close', done)
    this.#ports.listening.delete(this.#address.port)
    this.#address = undefined
    this.#closeIfIdle()
    return this
  }

  #closeIfIdle(): void {
    if (this.#address || this.#open.size > 0) return
    this.#clock.setTimeout(() => this.emit('close'), 0)
  }
}
