import { addAbortListener, EventEmitter } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { messageOf } from '../errors.ts'
import type { Clock } from '../ports/clock.ts'
import { AccessPolicy } from './access-policy.ts'
import type { ApiExchange, HttpApi } from './api/http-api.ts'
import { Archive } from './archive.ts'
import { HttpConnection } from './connection.ts'
import { refusalOf } from './failure-refusal.ts'
import { type FileResponse, fileResponseOf } from './file-response.ts'
import { directoryListing, indexListing } from './listing.ts'
import { LoopTurns } from './loop-turns.ts'
import { createPageShell } from './page/page-shell.ts'
import { directoryPage, indexPage, PAGE_POLICY } from './page.ts'
import { type ReaderLimits, ReaderSlots, ReadersBusy } from './reader-slots.ts'
import { sendRefusal, sendText } from './responses.ts'
import { type Route, routeOf } from './route.ts'
import type { ByteStream, ResponseRange, ServedTorrent, ServedTorrents } from './served-torrents.ts'
import { transfer } from './transfer.ts'
import { parseTarget, type Target, Urls } from './urls.ts'

/**
 * Milliseconds until a request without the token is answered. It limits guesses of the token to a few per second and
 * connection.
 */
const REFUSAL_DELAY_MS = 500

export interface RequestHandlerOptions extends ReaderLimits {
  /** The name or address that clients use for the server; `*` for any. */
  readonly host: string
  /** The path that URLs begin with: '' or `/name`. */
  readonly prefix: string
  readonly token?: string | undefined
  /** A user name and a password, in place of the token or beside it. */
  readonly user?: string | undefined
  readonly password?: string | undefined
  /** APIs at paths of their own. @default none */
  readonly apis?: readonly HttpApi[]
  /** The live page, to which the list of torrents leads. @default none */
  readonly page?: HttpApi
  readonly clock: Clock
}

export interface RequestHandlerEvents {
  /** A file could not be read to its end, a client was cut off, or the server failed. The client has been answered. */
  warning: [error: Error]
}

/** A request that was allowed, and the connection that it came on. */
interface HttpRequest {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly connection: HttpConnection
  readonly method: 'GET' | 'HEAD'
  readonly target: Target
}

/** Answers requests: checks that they are allowed, finds what they name, and sends it. */
export class RequestHandler extends EventEmitter<RequestHandlerEvents> {
  readonly #torrents: ServedTorrents
  readonly #access: AccessPolicy
  readonly #urls: Urls
  readonly #apis: readonly HttpApi[]
  readonly #hasPage: boolean
  readonly #isPublic: boolean
  /** The scheme of authentication that clients are asked for. */
  readonly #challenge: string
  readonly #clock: Clock
  readonly #slots: ReaderSlots
  readonly #turns = new LoopTurns()
  readonly #prefix: string
  readonly #connections = new WeakMap<Socket, HttpConnection>()

  constructor(torrents: ServedTorrents, options: RequestHandlerOptions) {
    super()
    const { apis = [], clock, host, page, password, prefix, token } = options
    this.#torrents = torrents
    this.#access = new AccessPolicy(host, options)
    this.#urls = new Urls(token, prefix)
    this.#prefix = prefix
    this.#apis = page ? [page, ...apis] : apis
    this.#hasPage = page !== undefined
    this.#isPublic = token === undefined && password === undefined
    this.#challenge = `${password === undefined ? 'Bearer' : 'Basic'} realm="tsdl"`
    this.#clock = clock
    this.#slots = new ReaderSlots(options, clock)
  }

  /** Files that are being read. */
  get readers(): number {
    return this.#slots.active
  }

  /** Returns the connection of a socket. Its state lasts as long as the socket. */
  connectionOf(socket: Socket): HttpConnection {
    const known = this.#connections.get(socket)
    if (known) return known
    const connection = new HttpConnection(socket, this.#clock)
    this.#connections.set(socket, connection)
    // Every file that is sent on a connection listens for its end.
    socket.setMaxListeners(0)
    return connection
  }

  /** Answers one request after those before it on the same connection; with a refusal if it cannot be served. */
  handle(request: IncomingMessage, response: ServerResponse): void {
    response.on('error', () => {}) // the connection is closed, which `transfer` learns from the socket
    const connection = this.connectionOf(request.socket)
    connection.enqueue(response, () => {
      this.#answer(request, response, connection).catch(error =>
        this.#reportFailure(error, response, 'a request'),
      )
    })
  }

  async #answer(
    request: IncomingMessage,
    response: ServerResponse,
    connection: HttpConnection,
  ): Promise<void> {
    const { headers, headersDistinct, method, socket } = request
    response.setHeader('X-Content-Type-Options', 'nosniff')
    response.setHeader('Referrer-Policy', 'no-referrer') // the URL may carry the token
    // A page of another origin must not find out, by embedding a file, whether it is served.
    if (this.#isPublic) response.setHeader('Cross-Origin-Resource-Policy', 'same-origin')
    // A request that is not allowed gets one answer, and its connection is closed.
    response.shouldKeepAlive = false
    const target = parseTarget(request.url ?? '', this.#prefix)
    if (!target) return sendRefusal(response, 400, 'the address is not percent-encoded UTF-8')
    if ((headersDistinct.host?.length ?? 0) > 1) return sendRefusal(response, 400, 'more than one Host')
    const refusal = this.#access.findRefusal({
      host: target.host ?? headers.host ?? '',
      localAddress: socket.localAddress ?? '',
      authorization: headers.authorization,
      token: target.query.get('token') ?? undefined,
    })
    const api = refusal === 421 ? undefined : this.#apis.find(one => one.owns(target.names))
    if (api) {
      connection.authenticated = refusal === undefined
      response.shouldKeepAlive = keepsAlive(request)
      return api.answer(this.#exchange(request, response, connection, target))
    }
    if (refusal !== undefined && !this.#isPublic) await this.#delay(connection.closed)
    if (refusal === 421) return sendRefusal(response, 421, 'the Host does not name this server')
    if (refusal === 401) {
      const challenge = { 'WWW-Authenticate': this.#challenge }
      return sendRefusal(response, 401, 'add ?token= and the token to the address', challenge)
    }
    connection.authenticated = true
    if (method !== 'GET' && method !== 'HEAD')
      return sendRefusal(response, 405, 'only GET and HEAD are allowed', { Allow: 'GET, HEAD' })
    response.shouldKeepAlive = keepsAlive(request)
    const route = await routeOf(target.names, this.#torrents, this.#turns)
    if (!route) return sendRefusal(response, 404, 'not found')
    await this.#send(route, { request, response, connection, method, target })
  }

  #exchange(
    request: IncomingMessage,
    response: ServerResponse,
    connection: HttpConnection,
    target: Target,
  ): ApiExchange {
    return {
      ...{ request, response, target, closed: connection.closed },
      isAuthorized: connection.authenticated,
      acceptsLogin: (user, password) => this.#access.acceptsLogin(user, password),
      touch: () => connection.touch(),
      waitForRefusal: async () => {
        response.shouldKeepAlive = false
        await this.#delay(connection.closed)
      },
    }
  }

  async #send(route: Route, http: HttpRequest): Promise<void> {
    const { request, response, connection, target } = http
    const { accept = '' } = request.headers
    const wantsJson = accept.includes('application/json') && !accept.includes('text/html')
    const json = target.query.has('json') || wantsJson
    const urls = this.#urls
    const text = (listing: Generator<string>, page: Generator<string>, policy = PAGE_POLICY) => {
      const [type, parts] = json ? ['application/json', listing] : ['text/html', page]
      return sendText(response, type, policy, parts, this.#turns, () => connection.touch())
    }
    if (route.kind === 'file') return this.#sendFile(route.served, route.index, http)
    if (route.kind === 'index') {
      const shell = this.#hasPage && !json ? createPageShell(urls) : undefined
      const page = indexPage(this.#torrents, urls, shell)
      return text(indexListing(this.#torrents, urls), page, shell?.policy)
    }
    const { kind, served, path } = route
    if (kind !== 'link' && target.query.has('tar')) return this.#sendArchive(served, path, http)
    if (kind === 'directory')
      return text(directoryListing(served, path, urls), directoryPage(served, route.tree, path, urls))
    const to = kind === 'link' ? urls.file(served.metainfo, path) : urls.directory(served.metainfo, path)
    sendRefusal(response, 302, 'moved', { Location: to })
  }

  async #sendFile(served: ServedTorrent, index: number, http: HttpRequest): Promise<void> {
    const { request, response, method } = http
    const { metainfo } = served
    const reply = fileResponseOf(metainfo, index, method, request.headers)
    const { status, headers, parts } = reply
    if (status === 412) return sendRefusal(response, status, 'the condition does not hold', headers)
    if (status === 416)
      return sendRefusal(response, status, 'the range begins behind the end of the file', headers)
    const { path } = metainfo.files[index]!
    for (const part of parts) served.checkRange?.(index, part)
    if (method === 'HEAD' || parts.length === 0) {
      response.writeHead(status, headers).end()
      return
    }
    await this.#transfer(path, reply, range => served.read(index, range), http)
  }

  async #sendArchive(served: ServedTorrent, path: string, http: HttpRequest): Promise<void> {
    const { connection, method, response } = http
    const archive = await Archive.measure(served, path, this.#turns, connection.closed)
    const { headers, status } = archive.reply
    if (method === 'HEAD') response.writeHead(status, headers).end()
    else await this.#transfer(`${path}/?tar`, archive.reply, () => archive.open(), http)
  }

  /** Sends a body in its turn. @param path the path of the file, for warnings */
  async #transfer(
    path: string,
    reply: FileResponse,
    open: (range: ResponseRange) => ByteStream,
    { connection, response }: HttpRequest,
  ): Promise<void> {
    try {
      const slot = await this.#slots.acquire(connection)
      try {
        await transfer(reply, response, open, slot, this.#clock)
      } finally {
        slot.release()
        if (slot.revoked && response.headersSent) this.#warn(path, slot.revoked)
      }
    } catch (error) {
      this.#reportFailure(error, response, path)
    }
  }

  /** Resolves after REFUSAL_DELAY_MS, or when the connection is closed. */
  #delay(closed: AbortSignal): Promise<void> {
    return new Promise(resolve => {
      const end = () => {
        this.#clock.clearTimeout(timer)
        listener[Symbol.dispose]()
        resolve()
      }
      const timer = this.#clock.setTimeout(end, REFUSAL_DELAY_MS)
      const listener = addAbortListener(closed, end)
    })
  }

  /** Reports a failure: with a status while no header was sent, else by closing the connection. */
  #reportFailure(error: unknown, response: ServerResponse, what: string): void {
    if (response.req.socket.destroyed) return
    if (!(error instanceof ReadersBusy)) this.#warn(what, error)
    if (response.headersSent) {
      response.destroy()
      return
    }
    const { status, why, headers } = refusalOf(error)
    sendRefusal(response, status, why, headers)
  }

  #warn(what: string, error: unknown): void {
    this.emit('warning', new Error(`${what}: ${messageOf(error)}`, { cause: error }))
  }
}

/** True if the client can send another request on its connection (RFC 9112, 9.3). */
function keepsAlive({ httpVersion, headers }: IncomingMessage): boolean {
  const options = (headers.connection ?? '').toLowerCase()
  return httpVersion === '1.0' ? /\bkeep-alive\b/.test(options) : !/\bclose\b/.test(options)
}
