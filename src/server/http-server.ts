import { EventEmitter } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Clock, systemClock } from '../clock.ts'
import { formatAddress } from '../codec/compact.ts'
import { InputError, messageOf, StalledError } from '../errors.ts'
import { fileReply } from './file-reply.ts'
import { Gate, isLoopback, isWildcard } from './gate.ts'
import { directoryListing, shelfListing } from './listing.ts'
import { directoryPage, PAGE_POLICY, shelfPage } from './page.ts'
import { refuse, sendText } from './reply.ts'
import { type Route, routeOf } from './route.ts'
import type { Served, Shelf } from './shelf.ts'
import { Overdue, transfer } from './transfer.ts'
import { parseTarget, type Target, Urls } from './urls.ts'

export interface HttpServerOptions {
  /** The address to listen at, or a name of it. Others than loopback need a token. @default '127.0.0.1' */
  readonly host?: string
  /** @default one that is free */
  readonly port?: number
  /** What every request has to know, as `?token=` or `Authorization: Bearer`; not empty. @default none */
  readonly token?: string
  /** Files at most that are read at the same time; who comes then is told to come again. @default 32 */
  readonly maxReaders?: number
  /** Connections at most; more are closed at once. @default 256 */
  readonly maxConnections?: number
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
  readonly #shelf: Shelf
  readonly #options: HttpServerOptions
  readonly #host: string
  readonly #gate: Gate
  readonly #urls: Urls
  readonly #clock: Clock
  #server: Server | undefined
  #readers = 0

  constructor(shelf: Shelf, options: HttpServerOptions = {}) {
    super()
    const { host = '127.0.0.1', token, clock = systemClock } = options
    this.#shelf = shelf
    this.#options = options
    this.#host = host
    this.#gate = new Gate(host, token)
    this.#urls = new Urls(token)
    this.#clock = clock
  }

  /** The list of torrents as a URL, with the token, once it listens. */
  get url(): string {
    const { port = 0 } = (this.#server?.address() ?? {}) as Partial<AddressInfo>
    const host = isWildcard(this.#host) ? '127.0.0.1' : this.#host
    return `http://${formatAddress({ host, port })}${this.#urls.shelf()}`
  }

  /** How many files are being read. */
  get readers(): number {
    return this.#readers
  }

  /**
   * Resolves once it listens.
   * @throws InputError ERR_USAGE for an address that others reach, without a token; ERR_LISTEN when the port is taken
   */
  async listen(): Promise<this> {
    const { port = 0, token, maxConnections = 256 } = this.#options
    const host = this.#host
    if (token === '') throw new InputError('ERR_USAGE', 'the token is empty')
    if (token === undefined && !isLoopback(host)) {
      throw new InputError('ERR_USAGE', `others can reach ${host}: serving there needs a token (--token)`)
    }
    const timeouts = { headersTimeout: HEAD_TIMEOUT, requestTimeout: REQUEST_TIMEOUT }
    const server = createServer(
      { ...timeouts, keepAliveTimeout: KEEP_ALIVE, connectionsCheckingInterval: HEAD_TIMEOUT / 2 },
      (request, response) => this.#handle(request, response),
    )
    server.maxConnections = maxConnections
    server.timeout = IDLE_TIMEOUT
    // each file that is sent on a connection listens for its end, and they are counted already
    server.on('connection', socket => socket.setMaxListeners(0))
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

  #handle(request: IncomingMessage, response: ServerResponse): void {
    response.on('error', () => {}) // the connection is gone, which `transfer` hears from the socket
    this.#answer(request, response).catch(error => this.#failed(error, response, 'a request'))
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { headers, headersDistinct, method, socket } = request
    response.setHeader('X-Content-Type-Options', 'nosniff')
    response.setHeader('Referrer-Policy', 'no-referrer') // the address may hold the token
    // pages of others may not look, by embedding a file, whether it is here
    if (this.#options.token === undefined) response.setHeader('Cross-Origin-Resource-Policy', 'same-origin')
    const target = parseTarget(request.url ?? '')
    if (!target) return refuse(response, 400, 'the address is not percent-encoded UTF-8')
    if ((headersDistinct.host?.length ?? 0) > 1) return refuse(response, 400, 'more than one Host')
    const refusal = this.#gate.refusal({
      host: target.host ?? headers.host ?? '',
      localAddress: socket.localAddress ?? '',
      authorization: headers.authorization,
      token: target.query.get('token') ?? undefined,
    })
    if (refusal === 421) return refuse(response, 421, 'the Host is none of this server')
    if (refusal === 401) {
      const challenge = { 'WWW-Authenticate': 'Bearer realm="tsdl"' }
      return refuse(response, 401, 'add ?token= and the token to the address', challenge)
    }
    if (method !== 'GET' && method !== 'HEAD')
      return refuse(response, 405, 'only GET and HEAD', { Allow: 'GET, HEAD' })
    const route = routeOf(target.names, this.#shelf)
    if (!route) return refuse(response, 404, 'there is nothing here')
    await this.#send(route, target, method, request, response)
  }

  async #send(
    route: Route,
    target: Target,
    method: 'GET' | 'HEAD',
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const { accept = '' } = request.headers
    const wantsJson = accept.includes('application/json') && !accept.includes('text/html')
    const json = target.query.has('json') || wantsJson
    const urls = this.#urls
    const text = (listing: Generator<string>, page: Generator<string>) =>
      sendText(response, json ? 'application/json' : 'text/html', PAGE_POLICY, json ? listing : page)
    if (route.kind === 'file') return this.#sendFile(route.served, route.index, method, request, response)
    if (route.kind === 'shelf') return text(shelfListing(this.#shelf, urls), shelfPage(this.#shelf, urls))
    const { kind, served, path } = route
    if (kind === 'directory')
      return text(directoryListing(served, path, urls), directoryPage(served, path, urls))
    const to = kind === 'link' ? urls.file(served.metainfo, path) : urls.directory(served.metainfo, path)
    refuse(response, 302, 'it is elsewhere', { Location: to })
  }

  async #sendFile(
    served: Served,
    index: number,
    method: 'GET' | 'HEAD',
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const { metainfo } = served
    const reply = fileReply(metainfo, index, method, request.headers)
    const { status, headers, parts } = reply
    if (status === 412) return refuse(response, status, 'it is not what the condition names', headers)
    if (status === 416) return refuse(response, status, 'the file ends before', headers)
    if (method === 'HEAD' || parts.length === 0) {
      response.writeHead(status, headers).end()
      return
    }
    const { maxReaders = 32 } = this.#options
    if (this.#readers >= maxReaders) {
      return refuse(response, 503, `${maxReaders} files are being read already`, { 'Retry-After': 1 })
    }
    this.#readers++
    try {
      await transfer(reply, response, range => served.read(index, range), this.#clock)
    } catch (error) {
      this.#failed(error, response, metainfo.files[index]!.path)
    } finally {
      this.#readers--
    }
  }

  /** Tells of a failure: in a status while that can still be said, else by cutting the connection. */
  #failed(error: unknown, response: ServerResponse, what: string): void {
    if (response.req.socket.destroyed) return
    this.emit('warning', new Error(`${what}: ${messageOf(error)}`, { cause: error }))
    if (response.headersSent) {
      response.destroy()
      return
    }
    const late = error instanceof Overdue || error instanceof StalledError
    const aborted = (error as { code?: unknown } | null)?.code === 'ERR_ABORTED'
    if (late) refuse(response, 504, 'no peer has given these bytes in time')
    else if (aborted) refuse(response, 503, 'the torrent was closed', { 'Retry-After': 1 })
    else refuse(response, 500, 'these bytes cannot be read')
  }
}
