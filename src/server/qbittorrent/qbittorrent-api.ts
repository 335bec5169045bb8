import { randomBytes } from 'node:crypto'
import { InputError, messageOf, TsdlError } from '../../errors.ts'
import { isCrossSite } from '../api/cross-site.ts'
import type { ApiExchange, HttpApi } from '../api/http-api.ts'
import { type Bodies, BodyRefused } from '../api/read-body.ts'
import { API_HEADERS, sendJson, streamJson, wrapItems } from '../api/send-json.ts'
import { LoopTurns } from '../loop-turns.ts'
import { sendRefusal } from '../responses.ts'
import { type Form, parseForm } from './form.ts'
import { MainData } from './main-data.ts'
import type { Action, ApiAnswer, QbittorrentContext } from './qbittorrent-context.ts'
import { READ_ACTIONS } from './read-actions.ts'
import { RequestError } from './request-error.ts'
import { WRITE_ACTIONS } from './write-actions.ts'

/** Maximum number of logins that are remembered. Beyond it the oldest is forgotten. */
const MAX_LOGINS = 1000

/** The part of qBittorrent's Web API that programs use to add torrents and to follow them: `/api/v2/`. */
export class QbittorrentApi implements HttpApi {
  readonly #context: QbittorrentContext
  readonly #bodies: Bodies
  readonly #turns = new LoopTurns()
  readonly #mainData: MainData
  /** The session ids of logins, the oldest first. */
  readonly #logins = new Set<string>()

  constructor(context: QbittorrentContext, bodies: Bodies) {
    this.#context = context
    this.#mainData = new MainData(context)
    this.#bodies = bodies
  }

  owns([first, second]: readonly string[]): boolean {
    return first === 'api' && second === 'v2'
  }

  async answer(exchange: ApiExchange): Promise<void> {
    const { request, target } = exchange
    const path = target.names.slice(2).join('/')
    try {
      if (isCrossSite(request)) throw new RequestError(403, 'a page of another site cannot use this API')
      const isLogin = path === 'auth/login'
      const isAllowed = exchange.isAuthorized || this.#isLoggedIn(request.headers.cookie)
      if (!isAllowed && !isLogin) throw new RequestError(403, 'Forbidden')
      const form = await parseForm(request, await this.#bodies.read(request), target.query)
      if (isLogin) await this.#logIn(form, exchange)
      else await this.#send(exchange, await this.#act(path, request.method ?? '', form))
    } catch (error) {
      this.#sendError(exchange, error)
    }
  }

  async #act(path: string, method: string, form: Form): Promise<ApiAnswer> {
    if (path === 'sync/maindata')
      return { parts: await this.#mainData.answer(Number(form.fields.get('rid') ?? 0)) }
    const read = own(READ_ACTIONS, path)
    if (read) return read(form, this.#context)
    const write = own(WRITE_ACTIONS, path)
    if (!write) throw new RequestError(404, 'not found')
    if (method !== 'POST') throw new RequestError(405, 'only POST is allowed')
    return write(form, this.#context)
  }

  async #logIn({ fields }: Form, exchange: ApiExchange): Promise<void> {
    const { isAuthorized, response } = exchange
    if (!isAuthorized && !exchange.acceptsLogin(fields.get('username') ?? '', fields.get('password') ?? '')) {
      await exchange.waitForRefusal()
      return this.#send(exchange, { text: 'Fails.' })
    }
    const id = randomBytes(24).toString('base64url')
    this.#logins.add(id)
    const [oldest] = this.#logins
    if (this.#logins.size > MAX_LOGINS) this.#logins.delete(oldest!)
    response.setHeader('Set-Cookie', `SID=${id}; HttpOnly; SameSite=Strict; path=/`)
    return this.#send(exchange, { text: 'Ok.' })
  }

  #isLoggedIn(cookie = ''): boolean {
    const id = /(?:^|;\s*)SID=([\w-]+)/.exec(cookie)?.[1]
    return id !== undefined && this.#logins.has(id)
  }

  async #send({ response, touch }: ApiExchange, answer: ApiAnswer): Promise<void> {
    if ('json' in answer) return sendJson(response, 200, answer.json)
    if ('parts' in answer) return streamJson(response, answer.parts, this.#turns, touch)
    if ('items' in answer) return streamJson(response, wrapItems('[', answer.items, ']'), this.#turns, touch)
    const body = Buffer.from(answer.text)
    const type = { 'Content-Type': 'text/plain; charset=utf-8', 'Content-Length': body.length }
    response.writeHead(200, { ...API_HEADERS, ...type }).end(body)
  }

  #sendError({ response }: ApiExchange, error: unknown): void {
    if (response.headersSent) {
      response.destroy()
      return
    }
    if (error instanceof BodyRefused) response.shouldKeepAlive = false
    const status = statusOf(error)
    if (status === 500) this.#context.warn(error)
    sendRefusal(response, status, status === 500 ? 'internal error' : messageOf(error))
  }
}

function own(actions: Readonly<Record<string, Action>>, path: string): Action | undefined {
  return Object.hasOwn(actions, path) ? actions[path] : undefined
}

function statusOf(error: unknown): number {
  if (error instanceof BodyRefused || error instanceof RequestError) return error.status
  if (error instanceof InputError) return 400
  return error instanceof TsdlError ? 409 : 500
}
