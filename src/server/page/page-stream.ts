import { addAbortListener } from 'node:events'
import type { Clock, Timer } from '../../ports/clock.ts'
import type { ApiExchange } from '../api/http-api.ts'
import type { Welcome } from './documents.ts'
import type { TopicFeed, TopicFollower } from './topic-feed.ts'

/** Milliseconds between events that show the page that the connection holds. */
const HEARTBEAT_MS = 10_000

/** One open page: server-sent events of the topics that it shows. It ends when the client leaves. */
export class PageStream implements TopicFollower {
  readonly #exchange: ApiExchange
  readonly #clock: Clock
  readonly #undo: (() => void)[] = []
  readonly #onEnd: () => void
  #timer: Timer | undefined

  constructor(exchange: ApiExchange, welcome: Welcome, clock: Clock, onEnd: () => void) {
    this.#exchange = exchange
    this.#clock = clock
    this.#onEnd = onEnd
    const { closed, response } = exchange
    response.writeHead(200, {
      ...{ 'Cache-Control': 'no-store', 'Content-Type': 'text/event-stream', 'X-Accel-Buffering': 'no' },
    })
    this.#write(`event: welcome\ndata: ${JSON.stringify(welcome)}\n\n`)
    addAbortListener(closed, () => this.end())
    this.#beat()
  }

  get isBehind(): boolean {
    return this.#exchange.response.writableNeedDrain
  }

  /** Sends the document of a topic, and its changes. */
  show(feed: TopicFeed): void {
    this.#undo.push(feed.follow(this))
  }

  send(data: string): void {
    this.#write(`data: ${data}\n\n`)
  }

  /** Ends the stream. Idempotent. */
  end(): void {
    this.#clock.clearTimeout(this.#timer)
    for (const undo of this.#undo.splice(0)) undo()
    this.#exchange.response.end()
    this.#onEnd()
  }

  #beat(): void {
    this.#timer = this.#clock.setTimeout(() => {
      if (!this.isBehind) this.#write('event: beat\ndata:\n\n')
      this.#beat()
    }, HEARTBEAT_MS)
  }

  #write(text: string): void {
    this.#exchange.response.write(text)
    this.#exchange.touch()
  }
}
