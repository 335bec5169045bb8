import { EventEmitter } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { type Clock, systemClock } from '../clock.ts'
import { formatAddress } from '../codec/compact.ts'
import { InputError, messageOf } from '../errors.ts'
import { admit, defaultQuota } from './admission.ts'
import { Connection } from './connection.ts'
import { isLoopback, isWildcard } from './gate.ts'
import { RequestHandler } from './request-handler.ts'
import type { Shelf } from './shelf.ts'
import { Urls } from './urls.ts'

export interface HttpServerOptions {
  /** The address to listen at, or a name of it. Others than loopback need a token. @default '127.0.0.1' */
  readonly host?: string
  /** @default one that is free */
  readonly port?: number
  /** What every request has to know, as `?token=` or `Authorization: Bearer`; not empty. @default none */
  readonly token?: string
  /** Files at most that are read at the same time; further requests wait for one of them to end. @default 32 */
  readonly maxReaders?: number
  /** Requests at most that wait for that; more are answered with 503. @default 64 */
  readonly maxWaiting?: number
  /** Connections at most; then an idle one gives way to a new one, or the new one is closed. @default 256 */
  readonly maxConnections?: number
  /** The same for one IPv4 address, or the /64 of an IPv6 address. @default 32, for loopback addresses 128 */
  readonly maxConnectionsPerAddress?: number
  readonly clock?: Clock
}

export interface HttpServerEvents {
  /** A file could not be read, or not to its end; or a fault of ours. The client was told, or cut off. */
  warning: [error: Error]
}

/** Milliseconds for the head of a request, and for all of it: slow ones hold a connection. */
const HEAD_TIMEOUT = 10_000
const REQUEST_TIMEOUT = 30_000
/** Milliseconds between requests of one connection. */
const KEEP_ALIVE = 15_000
/** Milliseconds in which neither side moved a byte: a player that pauses longer asks again for the rest. */
const IDLE_TIMEOUT = 600_000

/** Serves a shelf of torrents over HTTP: every file with ranges, pages and JSON that list them (RFC 9110). */
export class HttpServer extends EventEmitter<HttpServerEvents> {
  readonly #options: HttpServerOptions
  readonly #host: string
  readonly #urls: Urls
  readonly #clock: Clock
  readonly #handler: RequestHandler
  readonly #connections = new Map<Socket, Connection>()
  #server: Server | undefined

  constructor(shelf: Shelf, options: HttpServerOptions = {}) {
    super()
    const { host = '127.0.0.1', token, maxReaders = 32, maxWaiting = 64, clock = systemClock } = options
    this.#options = options
    this.#host = host
    this.#urls = new Urls(token)
    this.#clock = clock
    this.#handler = new RequestHandler(shelf, { host, token, maxReaders, maxWaiting, clock })
    this.#handler.on('warning', error => this.emit('warning', error))
  }

  /** The list of torrents as a URL, with the token, once it listens. */
  get url(): string {
    const { port = 0 } = (this.#server?.address() ?? {}) as Partial<AddressInfo>
    const host = isWildcard(this.#host) ? '127.0.0.1' : this.#host
    return `http://${formatAddress({ host, port })}${this.#urls.shelf()}`
  }

  /** How many files are being read. */
  get readers(): number {
    return this.#handler.readers
  }

  /**
   * Resolves once it listens.
   * @throws InputError ERR_USAGE for an address that others reach, without a token; ERR_LISTEN when the port is taken
   */
  async listen(): Promise<this> {
    const { port = 0, token } = this.#options
    const host = this.#host
    if (token === '') throw new InputError('ERR_USAGE', 'the token is empty')
    if (token === undefined && !isLoopback(host)) {
      throw new InputError(
        'ERR_USAGE',
        `others can reach ${host}: serving there needs a token (--token-file, TSDL_TOKEN or --token)`,
      )
    }
    const timeouts = { headersTimeout: HEAD_TIMEOUT, requestTimeout: REQUEST_TIMEOUT }
    const server = createServer(
      { ...timeouts, keepAliveTimeout: KEEP_ALIVE, connectionsCheckingInterval: HEAD_TIMEOUT / 2 },
      (request, response) => this.#handle(request, response),
    )
    server.timeout = IDLE_TIMEOUT
    server.on('connection', (socket: Socket) => this.#accept(socket))
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen({ port, host }, () => {
        server.off('error', reject)
        server.on('error', error => this.emit('warning', error))
        resolve()
      })
    }).catch(error => {
      const where = formatAddress({ host, port })
      throw new InputError('ERR_LISTEN', `cannot serve at ${where}: ${messageOf(error)}`, error)
    })
    this.#server = server
    return this
  }

  /** Ends it and every transfer, now. */
  async close(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    if (!server) return
    await new Promise<unknown>(resolve => {
      server.close(resolve)
      server.closeAllConnections()
    })
  }

  /** Admits a connection before it has said anything, or refuses it. */
  #accept(socket: Socket): void {
    const { maxConnections: total = 256, maxConnectionsPerAddress } = this.#options
    const connection = new Connection(socket, this.#clock)
    const { group } = connection
    const limits = { total, perGroup: maxConnectionsPerAddress ?? defaultQuota(group) }
    const decision = admit(this.#connections.values(), group, limits, this.#clock.now())
    if (decision === 'refuse') {
      socket.destroy()
      return
    }
    if (decision !== 'admit') this.#drop(decision.socket)
    this.#connections.set(socket, connection)
    socket.once('close', () => this.#connections.delete(socket))
    // Every file that is sent on a connection listens for its end.
    socket.setMaxListeners(0)
  }

  #drop(socket: Socket): void {
    this.#connections.delete(socket)
    socket.destroy()
  }

  #handle(request: IncomingMessage, response: ServerResponse): void {
    response.on('error', () => {}) // the connection is gone, which `transfer` hears from the socket
    const connection = this.#connections.get(request.socket)
    connection?.enqueue(response, () => this.#handler.handle(request, response, connection))
  }
}
