import { randomBytes } from 'node:crypto'
import type { ApiExchange, HttpApi } from '../api/http-api.ts'
import { KnownFiles } from '../api/known-files.ts'
import { type Bodies, BodyRefused } from '../api/read-body.ts'
import { API_HEADERS, streamJson, wrapItems } from '../api/send-json.ts'
import type { StaticFiles } from '../api/static-files.ts'
import { LoopTurns } from '../loop-turns.ts'
import { sendRefusal } from '../responses.ts'
import { GROUP_METHODS } from './group-methods.ts'
import type { Method, RpcContext } from './rpc-context.ts'
import { RPC_CODES, RpcError, rpcErrorOf } from './rpc-error.ts'
import { formatError, formatReply, onePart } from './rpc-reply.ts'
import { type Dialect, parseBody, type RpcRequest, readId, readRequest } from './rpc-request.ts'
import { RPC_VERSION_SEMVER } from './session-fields.ts'
import { SESSION_METHODS } from './session-methods.ts'
import { TORRENT_ACTIONS } from './torrent-actions.ts'
import { torrentAdd } from './torrent-add.ts'
import { torrentGet } from './torrent-get.ts'
import { torrentSet } from './torrent-set.ts'
import { TrackerTexts } from './tracker-texts.ts'

/** Maximum number of requests in one batch of JSON-RPC 2. */
const MAX_BATCH = 100
const CHALLENGE_HEADERS = { 'WWW-Authenticate': 'Basic realm="Transmission"' }

/** All methods. */
export const RPC_METHODS: Readonly<Record<string, Method>> = {
  ...SESSION_METHODS,
  ...GROUP_METHODS,
  ...TORRENT_ACTIONS,
  torrent_add: torrentAdd,
  torrent_get: torrentGet,
  torrent_set: torrentSet,
}

/** The remote control of Transmission: `/transmission/rpc` in both dialects, and a page at `/transmission/web/`. */
export class TransmissionApi implements HttpApi {
  readonly #context: RpcContext
  readonly #page: StaticFiles | undefined
  readonly #bodies: Bodies
  readonly #turns = new LoopTurns()

  /** @param page the files of a page, if there is one */
  constructor(
    context: Omit<RpcContext, 'files' | 'sessionId' | 'trackers'>,
    bodies: Bodies,
    page?: StaticFiles,
  ) {
    this.#context = {
      ...context,
      files: new KnownFiles(context.session),
      sessionId: randomBytes(24).toString('base64url'),
      trackers: { legacy: new TrackerTexts(true), 'json-rpc': new TrackerTexts(false) },
    }
    this.#bodies = bodies
    this.#page = page
  }

  owns([first]: readonly string[]): boolean {
    return first === 'transmission'
  }

  async answer(exchange: ApiExchange): Promise<void> {
    const { isAuthorized, request, response, target } = exchange
    const [, second = '', ...rest] = target.names
    if (!isAuthorized) {
      await exchange.waitForRefusal()
      return sendRefusal(response, 401, 'a user name and a password are needed', CHALLENGE_HEADERS)
    }
    // transmission-remote adds a slash
    if (second === 'rpc' && rest.join('/') === '') return this.#answerRpc(exchange)
    if (second === 'web' && rest.length > 0 && this.#page) return this.#page.send(rest, request, response)
    if (this.#page && (second === '' || second === 'web'))
      return sendRefusal(response, 301, 'moved', { Location: '/transmission/web/' })
    sendRefusal(response, 404, 'not found')
  }

  close(): void {
    this.#context.changes.close()
    this.#context.files.close()
  }

  async #answerRpc(exchange: ApiExchange): Promise<void> {
    const { request, response } = exchange
    const { sessionId } = this.#context
    // A page of another site can send requests, but it cannot read this header and send it back. Clients probe with GET.
    if (request.headers['x-transmission-session-id'] !== sessionId) {
      return sendRefusal(
        response,
        409,
        'send the X-Transmission-Session-Id of this answer with the request',
        {
          'X-Transmission-Session-Id': sessionId,
          'X-Transmission-Rpc-Version': RPC_VERSION_SEMVER,
        },
      )
    }
    if (request.method !== 'POST')
      return sendRefusal(response, 405, 'only POST is allowed', { Allow: 'POST' })
    let text: string
    try {
      text = (await this.#bodies.read(request)).toString()
    } catch (error) {
      if (!(error instanceof BodyRefused)) throw error
      response.shouldKeepAlive = false
      return sendRefusal(response, error.status, error.message)
    }
    const parts = await this.#run(text)
    if (!parts) {
      response.writeHead(204, API_HEADERS).end()
      return
    }
    await streamJson(response, parts, this.#turns, exchange.touch)
  }

  /** Returns the reply to a body, in parts; undefined for none. */
  async #run(text: string): Promise<AsyncIterable<string> | undefined> {
    let body: unknown
    try {
      body = parseBody(text)
    } catch (error) {
      return onePart(formatError('legacy', undefined, rpcErrorOf(error)))
    }
    if (!Array.isArray(body)) return this.#runOne(body)
    if (body.length === 0 || body.length > MAX_BATCH)
      return onePart(
        formatError(
          'json-rpc',
          undefined,
          new RpcError(RPC_CODES.request, `expected 1 to ${MAX_BATCH} requests`),
        ),
      )
    const replies: string[] = []
    for (const one of body) {
      const parts = await this.#runOne(one, 'json-rpc')
      if (parts) replies.push(await joinText(parts))
    }
    return replies.length === 0 ? undefined : wrapItems('[', asItems(replies), ']')
  }

  /** @param kind the dialect of the reply to a value that is no request */
  async #runOne(value: unknown, kind: Dialect = 'legacy'): Promise<AsyncIterable<string> | undefined> {
    const { id, jsonrpc, method, tag } = (value ?? {}) as Record<string, unknown>
    const dialect: Dialect = jsonrpc === '2.0' ? 'json-rpc' : method === undefined ? kind : 'legacy'
    const isNotification = dialect === 'json-rpc' && id === undefined
    try {
      const request = readRequest(value)
      const reply = await this.#call(request)
      return isNotification ? undefined : formatReply(request, reply)
    } catch (error) {
      const failure = rpcErrorOf(error)
      if (failure.code === RPC_CODES.internal) this.#context.warn(error)
      const answersAll = failure.code === RPC_CODES.request
      if (isNotification && !answersAll) return undefined
      return onePart(formatError(dialect, readId(dialect === 'legacy' ? tag : id), failure))
    }
  }

  async #call({ dialect, method, parameters }: RpcRequest) {
    const call = Object.hasOwn(RPC_METHODS, method) ? RPC_METHODS[method] : undefined
    if (!call) throw new RpcError(RPC_CODES.method, 'method name not recognized')
    return call(parameters, this.#context, dialect === 'legacy')
  }
}

async function joinText(parts: AsyncIterable<string>): Promise<string> {
  let text = ''
  for await (const part of parts) text += part
  return text
}

async function* asItems(items: readonly string[]): AsyncGenerator<string> {
  yield* items
}
