import { randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { InputError, messageOf, TsdlError } from '../../errors.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Session } from '../../session/session.ts'
import { VERSION } from '../../version.ts'
import { isCrossSite } from '../api/cross-site.ts'
import type { ApiExchange, HttpApi } from '../api/http-api.ts'
import { type Bodies, BodyRefused } from '../api/read-body.ts'
import { sendJson } from '../api/send-json.ts'
import { sendRefusal } from '../responses.ts'
import type { Welcome } from './documents.ts'
import { PAGE_ACTIONS } from './page-actions.ts'
import type { PageAssets } from './page-assets.ts'
import { PageStream } from './page-stream.ts'
import type { PageTorrents } from './page-torrents.ts'
import type { Previews } from './previews.ts'
import type { Topic } from './topic.ts'
import { TopicFeed } from './topic-feed.ts'
import { openTopic } from './topics.ts'
import { sendMetainfo } from './torrent/send-metainfo.ts'

/** Maximum number of pages that are open at the same time, and of topics that one page shows. */
const MAX_STREAMS = 64
const MAX_TOPICS = 4

/** Options of `LivePage`. */
export interface LivePageContext {
  readonly torrents: PageTorrents
  /** Opens a topic. @default openTopic */
  readonly open?: (topic: string) => Topic
  /** The session that actions change, and its previews. Without them there are no actions. */
  readonly session: Session | undefined
  readonly previews: Previews | undefined
  readonly assets: PageAssets
  readonly bodies: Bodies
  readonly clock: Clock
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** Reports failures of work that continues after its answer, and our own faults. */
  readonly warn: (error: unknown) => void
}

/**
 * The live page, below `/page/`: its script and style, `updates` (server-sent events), `state` (the same as JSON),
 * `metainfo/INFOHASH` (the .torrent) and `actions/NAME`.
 */
export class LivePage implements HttpApi {
  readonly #context: LivePageContext
  readonly #feeds = new Map<string, TopicFeed>()
  readonly #streams = new Set<PageStream>()
  readonly #welcome: Welcome

  constructor(context: LivePageContext) {
    this.#context = context
    const key = randomBytes(24).toString('base64url')
    const canAct = context.session !== undefined && context.previews !== undefined
    this.#welcome = { version: VERSION, key, actions: canAct ? Object.keys(PAGE_ACTIONS) : [] }
  }

  owns([first]: readonly string[]): boolean {
    return first === 'page'
  }

  async answer(exchange: ApiExchange): Promise<void> {
    const { isAuthorized, request, response, target } = exchange
    const [, name = '', detail] = target.names
    if (!isAuthorized) {
      await exchange.waitForRefusal()
      return sendRefusal(response, 401, 'a token or a password is needed')
    }
    if (isCrossSite(request)) return sendRefusal(response, 403, 'a page of another site cannot use this')
    if (name === 'actions') return this.#act(detail ?? '', exchange)
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return sendRefusal(response, 405, 'only GET and HEAD are allowed', { Allow: 'GET, HEAD' })
    const topics = target.query.getAll('topic')
    if (name === 'updates') return this.#follow(exchange, topics)
    if (name === 'metainfo') return sendMetainfo(this.#context.torrents.get(detail ?? ''), response)
    if (name === 'state') {
      const topic = this.#open(topics[0] ?? 'list')
      const document = topic.describe()
      topic.close()
      return document ? sendJson(response, 200, document) : sendRefusal(response, 404, 'not found')
    }
    return this.#context.assets.send(name, request, response)
  }

  /** Ends all streams. */
  close(): void {
    for (const stream of [...this.#streams]) stream.end()
    this.#context.torrents.close()
    this.#context.previews?.close()
  }

  #follow(exchange: ApiExchange, topics: readonly string[]): void {
    const { response } = exchange
    if (topics.length > MAX_TOPICS) {
      sendRefusal(response, 400, `more than ${MAX_TOPICS} topics`)
      return
    }
    if (this.#streams.size >= MAX_STREAMS) {
      sendRefusal(response, 503, 'too many pages are open', { 'Retry-After': 10 })
      return
    }
    const stream: PageStream = new PageStream(exchange, this.#welcome, this.#context.clock, () =>
      this.#streams.delete(stream),
    )
    this.#streams.add(stream)
    for (const topic of new Set(topics)) stream.show(this.#feedOf(topic))
  }

  #feedOf(topic: string): TopicFeed {
    const known = this.#feeds.get(topic)
    if (known) return known
    const opened = this.#open(topic)
    const feed = new TopicFeed(
      topic,
      () => opened.describe(),
      this.#context.clock,
      () => {
        this.#feeds.delete(topic)
        opened.close()
      },
    )
    this.#feeds.set(topic, feed)
    return feed
  }

  /** Opens a topic. A fault of ours is reported, and the topic is gone while it lasts. */
  #open(topic: string): Topic {
    const { open = topic => openTopic(topic, this.#context) } = this.#context
    const opened = open(topic)
    return {
      close: () => opened.close(),
      describe: () => {
        try {
          return opened.describe()
        } catch (error) {
          this.#context.warn(error)
          return undefined
        }
      },
    }
  }

  async #act(name: string, exchange: ApiExchange): Promise<void> {
    const { request, response } = exchange
    const { bodies, previews, session, warn } = this.#context
    const action = session && previews && Object.hasOwn(PAGE_ACTIONS, name) ? PAGE_ACTIONS[name] : undefined
    if (!action) return sendRefusal(response, 404, 'there is no such action here')
    if (request.method !== 'POST')
      return sendRefusal(response, 405, 'only POST is allowed', { Allow: 'POST' })
    // A page of another site can send requests, but it cannot read this key.
    if (pageKeyOf(request) !== this.#welcome.key)
      return sendRefusal(response, 409, 'the key of the page is not valid any more: reload the page')
    try {
      const body = JSON.parse((await bodies.read(request)).toString()) as unknown
      sendJson(response, 200, await action(body, { session: session!, previews: previews!, warn }))
    } catch (error) {
      if (error instanceof BodyRefused) response.shouldKeepAlive = false
      const status = statusOf(error)
      if (status === 500) warn(error)
      sendJson(response, status, { error: status === 500 ? 'internal error' : messageOf(error) })
    }
  }
}

function pageKeyOf({ headers }: IncomingMessage): string {
  return String(headers['x-tsdl-page'] ?? '')
}

function statusOf(error: unknown): number {
  if (error instanceof BodyRefused) return error.status
  if (error instanceof InputError || error instanceof SyntaxError) return 400
  return error instanceof TsdlError ? 409 : 500
}
