import { EventEmitter } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Clock } from '../clock.ts'
import { messageOf, StalledError } from '../errors.ts'
import type { Connection } from './connection.ts'
import { fileReply } from './file-reply.ts'
import { Gate } from './gate.ts'
import { directoryListing, shelfListing } from './listing.ts'
import { LoopTurns } from './loop-turns.ts'
import { directoryPage, PAGE_POLICY, shelfPage } from './page.ts'
import { type ReaderLimits, ReaderRevoked, ReaderSlots, ReadersBusy } from './reader-slots.ts'
import { refuse, sendText } from './reply.ts'
import { type Route, routeOf } from './route.ts'
import type { Served, Shelf } from './shelf.ts'
import { Overdue, transfer } from './transfer.ts'
import { parseTarget, type Target, Urls } from './urls.ts'

/**
 * Milliseconds until a request without the token is told so. Guessing tokens, or asking without one as fast as the
 * answers come, then costs no more than a few requests per second and connection.
 */
export const REFUSAL_DELAY_MS = 500

export interface RequestHandlerOptions extends ReaderLimits {
  /** The address that the server listens at. */
  readonly host: string
  readonly token?: string | undefined
  readonly clock: Clock
}

export interface RequestHandlerEvents {
  /** A file could not be read, or not to its end; or a fault of ours. The client was told, or cut off. */
  warning: [error: Error]
}

/** A request, and the connection that it came on. */
interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly connection: Connection
  readonly method: 'GET' | 'HEAD'
  readonly target: Target
}

/** Answers requests: checks who asks, finds what is asked for, and sends it. */
export class RequestHandler extends EventEmitter<RequestHandlerEvents> {
  readonly #shelf: Shelf
  readonly #gate: Gate
  readonly #urls: Urls
  readonly #open: boolean
  readonly #clock: Clock
  readonly #slots: ReaderSlots
  readonly #turns = new LoopTurns()

  constructor(shelf: Shelf, options: RequestHandlerOptions) {
    super()
    const { host, token, clock } = options
    this.#shelf = shelf
    this.#gate = new Gate(host, token)
    this.#urls = new Urls(token)
    this.#open = token === undefined
    this.#clock = clock
    this.#slots = new ReaderSlots(options, clock)
  }

  /** How many files are being read. */
  get readers(): number {
    return this.#slots.active
  }

  /** Answers one request, with a refusal if it cannot be served. */
  handle(request: IncomingMessage, response: ServerResponse, connection: Connection): void {
    this.#answer(request, response, connection).catch(error => this.#failed(error, response, 'a request'))
  }

  async #answer(request: IncomingMessage, response: ServerResponse, connection: Connection): Promise<void> {
    const { headers, headersDistinct, method, socket } = request
    response.setHeader('X-Content-Type-Options', 'nosniff')
    response.setHeader('Referrer-Policy', 'no-referrer') // the address may hold the token
    // A page of another origin must not find out, by embedding a file, whether it is here.
    if (this.#open) response.setHeader('Cross-Origin-Resource-Policy', 'same-origin')
    // Until the gate lets it pass, a request gets one answer and its connection is closed.
    response.shouldKeepAlive = false
    const target = parseTarget(request.url ?? '')
    if (!target) return refuse(response, 400, 'the address is not percent-encoded UTF-8')
    if ((headersDistinct.host?.length ?? 0) > 1) return refuse(response, 400, 'more than one Host')
    const refusal = this.#gate.refusal({
      host: target.host ?? headers.host ?? '',
      localAddress: socket.localAddress ?? '',
      authorization: headers.authorization,
      token: target.query.get('token') ?? undefined,
    })
    if (refusal !== undefined && !this.#open) await this.#delay(connection.closed)
    if (refusal === 421) return refuse(response, 421, 'the Host is none of this server')
    if (refusal === 401) {
      const challenge = { 'WWW-Authenticate': 'Bearer realm="tsdl"' }
      return refuse(response, 401, 'add ?token= and the token to the address', challenge)
    }
    connection.authenticated = true
    if (method !== 'GET' && method !== 'HEAD')
      return refuse(response, 405, 'only GET and HEAD', { Allow: 'GET, HEAD' })
    response.shouldKeepAlive = keepsAlive(request)
    const route = await routeOf(target.names, this.#shelf, this.#turns)
    if (!route) return refuse(response, 404, 'there is nothing here')
    await this.#send(route, { request, response, connection, method, target })
  }

  async #send(route: Route, exchange: Exchange): Promise<void> {
    const { request, response, connection, target } = exchange
    const { accept = '' } = request.headers
    const wantsJson = accept.includes('application/json') && !accept.includes('text/html')
    const json = target.query.has('json') || wantsJson
    const urls = this.#urls
    const text = (listing: Generator<string>, page: Generator<string>) => {
      const [type, parts] = json ? ['application/json', listing] : ['text/html', page]
      return sendText(response, type, PAGE_POLICY, parts, this.#turns, () => connection.touch())
    }
    if (route.kind === 'file') return this.#sendFile(route.served, route.index, exchange)
    if (route.kind === 'shelf') return text(shelfListing(this.#shelf, urls), shelfPage(this.#shelf, urls))
    const { kind, served, path } = route
    if (kind === 'directory')
      return text(directoryListing(served, path, urls), directoryPage(served, route.tree, path, urls))
    const to = kind === 'link' ? urls.file(served.metainfo, path) : urls.directory(served.metainfo, path)
    refuse(response, 302, 'it is elsewhere', { Location: to })
  }

  async #sendFile(served: Served, index: number, exchange: Exchange): Promise<void> {
    const { request, response, connection, method } = exchange
    const { metainfo } = served
    const reply = fileReply(metainfo, index, method, request.headers)
    const { status, headers, parts } = reply
    if (status === 412) return refuse(response, status, 'it is not what the condition names', headers)
    if (status === 416) return refuse(response, status, 'the file ends before', headers)
    if (method === 'HEAD' || parts.length === 0) {
      response.writeHead(status, headers).end()
      return
    }
    const { path } = metainfo.files[index]!
    try {
      const slot = await this.#slots.acquire(connection)
      try {
        await transfer(reply, response, range => served.read(index, range), slot, this.#clock)
      } finally {
        slot.release()
        if (slot.revoked && response.headersSent) this.#warn(path, slot.revoked)
      }
    } catch (error) {
      this.#failed(error, response, path)
    }
  }

  /** Resolves after REFUSAL_DELAY_MS, or when the connection is closed. */
  #delay(closed: AbortSignal): Promise<void> {
    return new Promise(resolve => {
      const end = () => {
        this.#clock.clearTimeout(timer)
        closed.removeEventListener('abort', end)
        resolve()
      }
      const timer = this.#clock.setTimeout(end, REFUSAL_DELAY_MS)
      closed.addEventListener('abort', end)
    })
  }

  /** Tells of a failure: in a status while that can still be said, else by cutting the connection. */
  #failed(error: unknown, response: ServerResponse, what: string): void {
    if (response.req.socket.destroyed) return
    if (error instanceof ReadersBusy) {
      refuse(response, 503, error.message, { 'Retry-After': 1 })
      return
    }
    this.#warn(what, error)
    if (response.headersSent) {
      response.destroy()
      return
    }
    const late = error instanceof Overdue || error instanceof StalledError
    const { code } = (error ?? {}) as { code?: unknown }
    const aborted = code === 'ERR_ABORTED' || code === 'ERR_BUSY'
    if (late) refuse(response, 504, 'no peer has given these bytes in time')
    else if (aborted) refuse(response, 503, 'the torrent was closed', { 'Retry-After': 1 })
    else if (error instanceof ReaderRevoked)
      refuse(response, 503, 'another client waited for this reader', { 'Retry-After': 1 })
    else refuse(response, 500, 'these bytes cannot be read')
  }

  #warn(what: string, error: unknown): void {
    this.emit('warning', new Error(`${what}: ${messageOf(error)}`, { cause: error }))
  }
}

/** Whether the client can send another request on its connection (RFC 9112, 9.3). */
function keepsAlive({ httpVersion, headers }: IncomingMessage): boolean {
  const options = (headers.connection ?? '').toLowerCase()
  return httpVersion === '1.0' ? /\bkeep-alive\b/.test(options) : !/\bclose\b/.test(options)
}
