import { EventEmitter } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { checkArgument } from '../codec/check-arguments.ts'
import { formatAddress } from '../codec/compact.ts'
import { InputError } from '../errors.ts'
import { type Clock, systemClock } from '../ports/clock.ts'
import { pick } from '../ports/pick.ts'
import { reasonOf } from '../ports/reason-of.ts'
import { isLoopback, isWildcard } from './access-policy.ts'
import { admit, defaultQuota, MAX_CONNECTIONS } from './admission.ts'
import type { HttpApi } from './api/http-api.ts'
import type { HttpConnection } from './connection.ts'
import { DEFAULT_MAX_READERS, DEFAULT_MAX_WAITING } from './reader-slots.ts'
import { RequestHandler } from './request-handler.ts'
import { CollectedTorrents, type ServedTorrents, type TorrentCollection } from './served-torrents.ts'
import { Urls } from './urls.ts'

/** Options of `HttpServer`. */
export interface HttpServerOptions {
  /** The address to listen at, or a host name. Addresses other than loopback need a token. @default '127.0.0.1' */
  readonly host?: string
  /** @default a free port */
  readonly port?: number
  /**
   * The descriptor of a socket that listens already, as systemd passes it. `host` and `port` say what requests may name, and
   * addresses other than loopback need a token in this case too. @default a new socket
   */
  readonly fd?: number
  /** The token that every request has to carry, as `?token=` or `Authorization: Bearer`; not empty. @default none */
  readonly token?: string
  /** A user name and a password (Basic), in place of the token or beside it. @default none */
  readonly user?: string
  readonly password?: string
  /** APIs at paths of their own: see `createRemoteControl`. @default none */
  readonly apis?: readonly HttpApi[]
  /** The live page: see `createPage`. @default a plain list */
  readonly page?: HttpApi
  /**
   * Maximum number of files that are read at the same time. Further requests wait for one of them to end.
   * @default 32
   */
  readonly maxReaders?: number
  /** Maximum number of requests that wait for a file. Further ones get 503. @default 64 */
  readonly maxWaiting?: number
  /**
   * Maximum number of connections. Beyond it, an idle one is closed for a new one, or else the new one is closed.
   * @default 1280
   */
  readonly maxConnections?: number
  /** The same for one IPv4 address, or the /64 of an IPv6 address. @default 32, for loopback addresses 1024 */
  readonly maxConnectionsPerAddress?: number
  readonly clock?: Clock
}

/** Events of `HttpServer`. */
export interface HttpServerEvents {
  /** A file could not be read to its end, a client was cut off, or the server failed. The client has been answered. */
  warning: [error: Error]
}

/** Milliseconds for the headers of a request, and for all of it: slow requests hold a connection. */
const HEADERS_TIMEOUT_MS = 10_000
const REQUEST_TIMEOUT_MS = 30_000
/** Milliseconds between two requests on a connection. */
const KEEP_ALIVE_TIMEOUT_MS = 15_000
/** Milliseconds without a byte in either direction. A player that pauses longer requests the rest again. */
const IDLE_TIMEOUT_MS = 600_000

/** Serves the files of torrents over HTTP, with ranges, and lists them as pages and as JSON (RFC 9110). */
export class HttpServer extends EventEmitter<HttpServerEvents> {
  readonly #options: HttpServerOptions
  readonly #host: string
  readonly #urls: Urls
  readonly #clock: Clock
  readonly #handler: RequestHandler
  readonly #connections = new Map<Socket, HttpConnection>()
  #server: Server | undefined

  /** @param torrents a `Client`, or an array of torrents in an object `{ torrents }`, or a Map by info-hash in hex */
  constructor(torrents: TorrentCollection | ServedTorrents, options: HttpServerOptions = {}) {
    super()
    checkArgument('torrents', torrents, 'object')
    const { clock = systemClock, host = '127.0.0.1', token } = options
    const { maxReaders = DEFAULT_MAX_READERS, maxWaiting = DEFAULT_MAX_WAITING } = options
    this.#options = options
    this.#host = host
    this.#urls = new Urls(token)
    this.#clock = clock
    this.#handler = new RequestHandler('torrents' in torrents ? new CollectedTorrents(torrents) : torrents, {
      ...{ host, prefix: '', token, maxReaders, maxWaiting, clock },
      ...pick(options, 'apis', 'page', 'password', 'user'),
    })
    this.#handler.on('warning', error => this.emit('warning', error))
  }

  /** The URL of the list of torrents, with the token; valid once the server listens. */
  get url(): string {
    const { port = 0 } = (this.#server?.address() ?? {}) as Partial<AddressInfo>
    const host = isWildcard(this.#host) ? '127.0.0.1' : this.#host
    return `http://${formatAddress({ host, port })}${this.#urls.index()}`
  }

  /** Files that are being read. */
  get readers(): number {
    return this.#handler.readers
  }

  /**
   * Resolves once the server listens.
   * @throws InputError ERR_USAGE for an address other than loopback without a token; ERR_LISTEN if the port is taken
   */
  async listen(): Promise<this> {
    const { fd, password, port = 0, token } = this.#options
    const host = this.#host
    if (token === '') throw new InputError('ERR_USAGE', 'the token is empty')
    if (password === '') throw new InputError('ERR_USAGE', 'the password is empty')
    if (token === undefined && password === undefined && !isLoopback(host)) {
      throw new InputError(
        'ERR_USAGE',
        `other machines can reach ${host}: serving there needs a token (--token-file, TSDL_TOKEN or --token)`,
      )
    }
    const timeouts = { headersTimeout: HEADERS_TIMEOUT_MS, requestTimeout: REQUEST_TIMEOUT_MS }
    const server = createServer(
      {
        ...timeouts,
        keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
        connectionsCheckingInterval: HEADERS_TIMEOUT_MS / 2,
      },
      (request, response) => this.#handler.handle(request, response),
    )
    server.timeout = IDLE_TIMEOUT_MS
    server.on('connection', (socket: Socket) => this.#accept(socket))
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(fd === undefined ? { port, host } : { fd }, () => {
        server.off('error', reject)
        server.on('error', error => this.emit('warning', error))
        resolve()
      })
    }).catch(error => {
      const where = formatAddress({ host, port })
      throw new InputError('ERR_LISTEN', `cannot serve at ${where}: ${reasonOf(error)}`, error)
    })
    this.#server = server
    await this.#checkAddress(server)
    return this
  }

  /** Rejects an inherited socket that other machines can reach if there is no token. */
  async #checkAddress(server: Server): Promise<void> {
    const address = server.address()
    if (this.#options.token !== undefined || typeof address !== 'object' || address === null) return
    if (isLoopback(address.address)) return
    await this.close()
    throw new InputError(
      'ERR_USAGE',
      `other machines can reach ${address.address}: serving there needs a token`,
    )
  }

  /** Stops listening and ends every transfer at once. */
  async close(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    const { apis = [], page } = this.#options
    for (const api of page ? [page, ...apis] : apis) api.close?.()
    if (!server) return
    await new Promise<unknown>(resolve => {
      server.close(resolve)
      server.closeAllConnections()
    })
  }

  /** Admits a new connection, or refuses it, before its first byte is read. */
  #accept(socket: Socket): void {
    const { maxConnections: total = MAX_CONNECTIONS, maxConnectionsPerAddress } = this.#options
    const connection = this.#handler.connectionOf(socket)
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
  }

  #drop(socket: Socket): void {
    this.#connections.delete(socket)
    socket.destroy()
  }
}
