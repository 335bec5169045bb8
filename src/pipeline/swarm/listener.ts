import { EventEmitter } from 'node:events'
import net from 'node:net'
import type { AddressFamily } from '../../codec/address-family.ts'
import { checkArgument, checkBind, checkOptions } from '../../codec/check-arguments.ts'
import { canonicalHost, formatAddress } from '../../codec/compact.ts'
import { PROTOCOL_PREFIX } from '../../codec/handshake.ts'
import { HandshakeRunner } from '../../codec/handshake-runner.ts'
import { type Encryption, torrentMark } from '../../codec/mse.ts'
import { type Received, receive } from '../../codec/mse-handshake.ts'
import { InputError, messageOf, PeerError } from '../../errors.ts'
import { type Clock, systemClock, type Timer } from '../../ports/clock.ts'
import type { AcceptedConnection } from '../peer/accepted-connection.ts'
import { cryptoOf } from '../peer/encryption.ts'
import { HalfOpen } from './half-open.ts'

/** Options of `Listener`. */
export interface ListenerOptions {
  /** The TCP port. @default a free one */
  readonly port?: number
  /** The last port of a range that begins with `port`. The first free one is used. @default `port` */
  readonly lastPort?: number
  /** The IP address to listen at. @default all, IPv6 and IPv4 */
  readonly bind?: string
  /** The only address family to listen with. @default that of `bind`, without it both */
  readonly family?: AddressFamily
  /** Maximum number of connections that have not named their torrent. @default 64 */
  readonly maxHalfOpen?: number
  /** Of those, the maximum of one IP address, or of one /64 of IPv6; loopback may have all. @default 8 */
  readonly maxPerAddress?: number
  /** `prefer` accepts encrypted (MSE) and plain connections, `require` only encrypted, `off` only plain. @default 'prefer' */
  readonly encryption?: Encryption
  readonly clock?: Clock
  readonly createServer?: typeof net.createServer
}

/** Events of `Listener`. */
export interface ListenerEvents {
  /** A connection was rejected. */
  warning: [error: PeerError]
}

/** Length of a handshake up to the end of its info-hash, which names the torrent. */
const ROUTING_HEAD_LENGTH = 48
/** Milliseconds within which these bytes must arrive. */
export const ACCEPT_TIMEOUT_MS = 10_000

/** Accepts connections for any number of torrents, and routes each to the torrent that its handshake names (BEP 3). */
export class Listener extends EventEmitter<ListenerEvents> {
  readonly #options: ListenerOptions
  readonly #clock: Clock
  readonly #torrents = new Map<string, (accepted: AcceptedConnection) => void>()
  /** Info-hashes by their hash in an encrypted handshake. */
  readonly #marks = new Map<string, Uint8Array>()
  /** Connections that have not named their torrent, and their timers. */
  readonly #halfOpen: HalfOpen<net.Socket>
  readonly #timers = new Map<net.Socket, Timer>()
  #server: net.Server | undefined
  /** The port of the server: thousands of torrents ask for it, and the system takes a call for each. */
  #port: number | undefined

  constructor(options: ListenerOptions = {}) {
    super()
    checkOptions(options, {
      bind: 'address',
      encryption: 'encryption',
      family: 'family',
      lastPort: 'port',
      port: 'port',
    })
    checkBind(options.bind, options.family)
    this.#options = options
    this.#clock = options.clock ?? systemClock
    const { maxHalfOpen: max = 64, maxPerAddress = 8 } = options
    this.#halfOpen = new HalfOpen({ max, maxPerAddress })
  }

  /** The port, once the listener is open. */
  get port(): number | undefined {
    return this.#port
  }

  /** The address of the listener, as `host:port`. */
  get address(): string {
    const address = this.#server?.address()
    if (typeof address !== 'object' || address === null) return 'nowhere'
    return formatAddress({ host: address.address, port: address.port })
  }

  /**
   * Opens the port.
   * @throws InputError ERR_LISTEN if the port is in use, or the address is not of this machine
   */
  async listen(): Promise<this> {
    const { port = 0, lastPort = port } = this.#options
    for (let at = port; at < lastPort; at++) {
      try {
        return await this.#listenAt(at)
      } catch (error) {
        if (!isInUse(error)) throw error
      }
    }
    return this.#listenAt(Math.max(port, lastPort))
  }

  async #listenAt(port: number): Promise<this> {
    const { bind, createServer = net.createServer, family } = this.#options
    try {
      await this.#open(createServer, port, this.#host)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      const isDualStack = bind === undefined && family === undefined
      const noIpv6 = isDualStack && (code === 'EAFNOSUPPORT' || code === 'EADDRNOTAVAIL')
      if (!noIpv6) throw this.#refused(error, port)
      await this.#open(createServer, port, '0.0.0.0').catch(error => {
        throw this.#refused(error, port)
      })
    }
    return this
  }

  /** Routes the connections for a torrent to `accept` from now on. */
  add(infoHash: Uint8Array, accept: (accepted: AcceptedConnection) => void): void {
    checkArgument('infoHash', infoHash, 'bytes')
    checkArgument('accept', accept, 'function')
    this.#torrents.set(Buffer.from(infoHash).toString('hex'), accept)
    this.#marks.set(torrentMark(infoHash).toString('hex'), infoHash)
  }

  /** Accepts no more connections for a torrent. */
  remove(infoHash: Uint8Array): void {
    checkArgument('infoHash', infoHash, 'bytes')
    this.#torrents.delete(Buffer.from(infoHash).toString('hex'))
    this.#marks.delete(torrentMark(infoHash).toString('hex'))
  }

  /** Closes the port. Routed connections continue. */
  close(): void {
    this.#server?.close()
    this.#server = this.#port = undefined
    for (const socket of [...this.#timers.keys()]) {
      this.#settle(socket)
      socket.destroy()
    }
  }

  #open(createServer: typeof net.createServer, port: number, host: string): Promise<void> {
    const server = createServer(socket => this.#accept(socket))
    return new Promise((resolve, reject) => {
      server.once('error', reject)
      server.listen({ port, host, ipv6Only: this.#options.family === 6 }, () => {
        server.off('error', reject)
        // Mostly no file descriptor is left. Accepted connections continue.
        server.on('error', error => this.#warn(messageOf(error)))
        this.#server = server
        const address = server.address()
        if (typeof address === 'object') this.#port = address?.port
        resolve()
      })
    })
  }

  /** The address to listen at. `::` is for both families, unless one is excluded. */
  get #host(): string {
    const { bind, family } = this.#options
    return bind ?? (family === 4 ? '0.0.0.0' : '::')
  }

  #refused(error: unknown, port: number): InputError {
    const where = formatAddress({ host: this.#host, port })
    return new InputError('ERR_LISTEN', `cannot listen at ${where}: ${messageOf(error)}`, error)
  }

  #accept(socket: net.Socket): void {
    const { remoteAddress = '' } = socket
    const now = this.#clock.now()
    socket.on('error', () => {}) // the peer that takes it over listens too
    const room = this.#halfOpen.admit(remoteAddress, now)
    if (room === false) {
      socket.destroy()
      return
    }
    if (room !== true) this.#drop(room, 'it was silent while others waited')
    const timer = this.#clock.setTimeout(() => this.#drop(socket, 'no handshake in time'), ACCEPT_TIMEOUT_MS)
    this.#halfOpen.add(socket, remoteAddress, now)
    this.#timers.set(socket, timer)
    const { encryption = 'prefer' } = this.#options
    let head = Buffer.alloc(0)
    const read = (chunk: Buffer) => {
      this.#halfOpen.markActive(socket)
      head = Buffer.concat([head, chunk])
      const known = Math.min(head.length, PROTOCOL_PREFIX.length)
      const plain = PROTOCOL_PREFIX.compare(head, 0, known, 0, known) === 0
      if (!plain && encryption === 'off') this.#drop(socket, 'not a BitTorrent handshake')
      else if (!plain) {
        socket.off('data', read)
        this.#decipher(socket, head)
      } else if (known === PROTOCOL_PREFIX.length && encryption === 'require')
        this.#drop(socket, 'is not encrypted')
      else if (head.length >= ROUTING_HEAD_LENGTH) {
        socket.off('data', read)
        this.#route(head.subarray(ROUTING_HEAD_LENGTH - 20, ROUTING_HEAD_LENGTH), { socket, head })
      }
    }
    socket.on('data', read)
    socket.on('close', () => this.#settle(socket))
  }

  /** Reads bytes that do not begin with the BitTorrent protocol name as a public key. */
  #decipher(socket: net.Socket, head: Buffer): void {
    const { encryption = 'prefer' } = this.#options
    const handshake = new HandshakeRunner(
      receive({
        allow: cryptoOf(encryption),
        find: mark => this.#marks.get(mark.toString('hex')),
        send: bytes => socket.write(bytes),
      }),
    )
    const read = (chunk: Buffer) => {
      let end: { result: Received; rest: Buffer } | undefined
      try {
        end = handshake.take(chunk)
      } catch (error) {
        socket.off('data', read)
        this.#drop(socket, messageOf(error))
        return
      }
      if (!end) return
      socket.off('data', read)
      const { infoHash, payload, ciphers } = end.result
      ciphers?.incoming.apply(end.rest)
      const accepted = { socket, head: Buffer.concat([payload, end.rest]) }
      this.#route(infoHash, ciphers ? { ...accepted, ciphers } : accepted)
    }
    socket.on('data', read)
    read(head)
  }

  #route(infoHash: Uint8Array, accepted: AcceptedConnection): void {
    const name = Buffer.from(infoHash).toString('hex')
    const accept = this.#torrents.get(name)
    if (!accept) {
      this.#drop(accepted.socket, `asks for a torrent that we do not share, ${name}`)
      return
    }
    this.#settle(accepted.socket)
    accepted.socket.pause()
    accept(accepted)
  }

  #settle(socket: net.Socket): void {
    this.#clock.clearTimeout(this.#timers.get(socket))
    this.#timers.delete(socket)
    this.#halfOpen.delete(socket)
  }

  #drop(socket: net.Socket, reason: string): void {
    this.#settle(socket)
    const { remoteAddress = '?', remotePort: port = 0 } = socket
    this.#warn(`${formatAddress({ host: canonicalHost(remoteAddress), port })}: ${reason}`)
    socket.destroy()
  }

  #warn(message: string): void {
    this.emit('warning', new PeerError('ERR_HANDSHAKE', message))
  }
}

function isInUse(error: unknown): boolean {
  return ((error as Error).cause as NodeJS.ErrnoException | undefined)?.code === 'EADDRINUSE'
}
