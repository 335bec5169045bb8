import { EventEmitter } from 'node:events'
import net from 'node:net'
import { type Clock, systemClock, type Timer } from '../clock.ts'
import { formatAddress } from '../codec/compact.ts'
import { PROTOCOL } from '../codec/handshake.ts'
import { InputError, messageOf, PeerError } from '../errors.ts'

/** A connection that was accepted, and what was read of it: the handshake up to its info-hash. */
export interface Accepted {
  readonly socket: net.Socket
  readonly head: Uint8Array
}

export interface ListenerOptions {
  /** @default one that is free */
  readonly port?: number
  /** The address to listen at. @default all, IPv6 and IPv4 */
  readonly bind?: string
  /** Connections at most that have not said which torrent they want. @default 64 */
  readonly maxHalfOpen?: number
  /** Of those, from one address; loopback is not counted. @default 8 */
  readonly maxPerAddress?: number
  readonly clock?: Clock
  readonly createServer?: typeof net.createServer
}

export interface ListenerEvents {
  /** A connection was refused, for this reason. */
  warning: [error: PeerError]
}

/** Bytes of a handshake up to the end of its info-hash: with these we know whom a connection is for. */
const ENOUGH = 48
/** Milliseconds within which those have to come, in all. */
export const ACCEPT_TIMEOUT = 10_000

/** Accepts connections for any number of torrents, and gives each to the one that its handshake names (BEP 3). */
export class Listener extends EventEmitter<ListenerEvents> {
  readonly #options: ListenerOptions
  readonly #clock: Clock
  readonly #torrents = new Map<string, (accepted: Accepted) => void>()
  /** Connections that have not said enough, and what ends their time. */
  readonly #halfOpen = new Map<net.Socket, Timer>()
  #server: net.Server | undefined

  constructor(options: ListenerOptions = {}) {
    super()
    this.#options = options
    this.#clock = options.clock ?? systemClock
  }

  /** The port, once it listens. */
  get port(): number | undefined {
    const address = this.#server?.address()
    return typeof address === 'object' && address !== null ? address.port : undefined
  }

  /** Where it listens, as `host:port`. */
  get address(): string {
    const address = this.#server?.address()
    if (typeof address !== 'object' || address === null) return 'nowhere'
    return formatAddress({ host: address.address, port: address.port })
  }

  /**
   * Resolves once it listens.
   * @throws InputError ERR_LISTEN when the port is taken, or the address is not ours
   */
  async listen(): Promise<this> {
    const { bind, port = 0, createServer = net.createServer } = this.#options
    try {
      await this.#open(createServer, port, bind ?? '::')
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      const noIpv6 = bind === undefined && (code === 'EAFNOSUPPORT' || code === 'EADDRNOTAVAIL')
      if (!noIpv6) throw this.#refused(error)
      await this.#open(createServer, port, '0.0.0.0').catch(error => {
        throw this.#refused(error)
      })
    }
    return this
  }

  /** Gives `accept` the connections for a torrent from now on. */
  add(infoHash: Uint8Array, accept: (accepted: Accepted) => void): void {
    this.#torrents.set(Buffer.from(infoHash).toString('hex'), accept)
  }

  remove(infoHash: Uint8Array): void {
    this.#torrents.delete(Buffer.from(infoHash).toString('hex'))
  }

  /** Accepts nothing any more; what was handed over goes on. */
  close(): void {
    this.#server?.close()
    this.#server = undefined
    for (const [socket, timer] of this.#halfOpen) {
      this.#clock.clearTimeout(timer)
      socket.destroy()
    }
    this.#halfOpen.clear()
  }

  #open(createServer: typeof net.createServer, port: number, host: string): Promise<void> {
    const server = createServer(socket => this.#accept(socket))
    return new Promise((resolve, reject) => {
      server.once('error', reject)
      server.listen({ port, host }, () => {
        server.off('error', reject)
        // too many descriptors, most often: who was accepted goes on
        server.on('error', error => this.#warn(messageOf(error)))
        this.#server = server
        resolve()
      })
    })
  }

  #refused(error: unknown): InputError {
    const { bind, port = 0 } = this.#options
    const where = formatAddress({ host: bind ?? '::', port })
    return new InputError('ERR_LISTEN', `cannot listen at ${where}: ${messageOf(error)}`, error)
  }

  #accept(socket: net.Socket): void {
    const { maxHalfOpen = 64 } = this.#options
    socket.on('error', () => {}) // whoever takes it over listens too
    if (this.#halfOpen.size >= maxHalfOpen || this.#crowded(socket.remoteAddress)) {
      socket.destroy()
      return
    }
    const timer = this.#clock.setTimeout(() => this.#drop(socket, 'no handshake in time'), ACCEPT_TIMEOUT)
    this.#halfOpen.set(socket, timer)
    let head = Buffer.alloc(0)
    const read = (chunk: Buffer) => {
      head = Buffer.concat([head, chunk])
      const known = Math.min(head.length, PROTOCOL.length)
      if (PROTOCOL.compare(head, 0, known, 0, known) !== 0) this.#drop(socket, 'not a BitTorrent handshake')
      else if (head.length >= ENOUGH) {
        socket.off('data', read)
        this.#route(socket, head)
      }
    }
    socket.on('data', read)
    socket.on('close', () => this.#settle(socket))
  }

  #route(socket: net.Socket, head: Buffer): void {
    const infoHash = head.subarray(ENOUGH - 20, ENOUGH).toString('hex')
    const accept = this.#torrents.get(infoHash)
    if (!accept) {
      this.#drop(socket, `asks for a torrent that we do not share, ${infoHash}`)
      return
    }
    this.#settle(socket)
    socket.pause()
    accept({ socket, head })
  }

  /** Whether as many as may be from this address have not said enough. */
  #crowded(address = ''): boolean {
    if (/^(::ffff:)?127\.|^::1$/.test(address)) return false
    const { maxPerAddress = 8 } = this.#options
    let count = 0
    for (const { remoteAddress } of this.#halfOpen.keys()) if (remoteAddress === address) count++
    return count >= maxPerAddress
  }

  #settle(socket: net.Socket): void {
    this.#clock.clearTimeout(this.#halfOpen.get(socket))
    this.#halfOpen.delete(socket)
  }

  #drop(socket: net.Socket, reason: string): void {
    this.#settle(socket)
    const { remoteAddress: host = '?', remotePort: port = 0 } = socket
    this.#warn(`${formatAddress({ host, port })}: ${reason}`)
    socket.destroy()
  }

  #warn(message: string): void {
    this.emit('warning', new PeerError('ERR_HANDSHAKE', message))
  }
}
