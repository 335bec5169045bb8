import { addAbortListener } from 'node:events'
import type { Clock, Timer } from '../../ports/clock.ts'
import type { Session } from '../../session/session.ts'
import type { ApiExchange, HttpApi } from '../api/http-api.ts'
import { sendRefusal } from '../responses.ts'
import { EventLog, type LoggedEvent } from './event-log.ts'
import { formatMetrics } from './metrics.ts'
import { refuseReport } from './refuse-report.ts'

/** Milliseconds between comments that keep a connection open, and between events of the totals. */
const HEARTBEAT_MS = 15_000
/**
 * Maximum bytes that a client has not received. Beyond it the client is disconnected, and can continue from its last
 * event.
 */
const MAX_UNSENT_BYTES = 1 << 20
/** Maximum number of clients that follow the events at the same time. */
const MAX_FOLLOWERS = 64

/** `/metrics` for Prometheus, and `/events`: the events of a session as server-sent events. */
export class ReportsApi implements HttpApi {
  readonly #session: Session
  readonly #clock: Clock
  readonly #log: EventLog
  readonly #followers = new Set<() => void>()

  /** @param now milliseconds since 1970 */
  constructor(session: Session, clock: Clock, now: () => number) {
    this.#session = session
    this.#clock = clock
    this.#log = new EventLog(session, now)
  }

  owns(names: readonly string[]): boolean {
    return names.length === 1 && (names[0] === 'metrics' || names[0] === 'events')
  }

  async answer(exchange: ApiExchange): Promise<void> {
    if (await refuseReport(exchange)) return
    const { response, target } = exchange
    if (target.names[0] === 'events') return this.#follow(exchange)
    const body = Buffer.from(formatMetrics(this.#session))
    const type = 'text/plain; version=0.0.4; charset=utf-8'
    response.writeHead(200, {
      'Cache-Control': 'no-store',
      'Content-Type': type,
      'Content-Length': body.length,
    })
    response.end(body)
  }

  /** Ends all streams of events. */
  close(): void {
    for (const end of [...this.#followers]) end()
    this.#log.close()
  }

  /** Sends the events after `Last-Event-ID`, and all later ones, until the client leaves. */
  #follow({ closed, request, response, touch }: ApiExchange): void {
    if (this.#followers.size >= MAX_FOLLOWERS) {
      sendRefusal(response, 503, 'too many clients follow the events', { 'Retry-After': 10 })
      return
    }
    response.writeHead(200, { 'Cache-Control': 'no-store', 'Content-Type': 'text/event-stream' })
    const send = (text: string) => {
      response.write(text)
      touch()
      if (response.writableLength > MAX_UNSENT_BYTES) response.destroy()
    }
    const sendEvent = ({ data, id, name }: LoggedEvent) =>
      send(`id: ${id}\nevent: ${name}\ndata: ${data}\n\n`)
    let timer: Timer | undefined
    const beat = () => {
      timer = this.#clock.setTimeout(beat, HEARTBEAT_MS)
      send(':\n\n')
    }
    const end = () => {
      this.#clock.clearTimeout(timer)
      this.#log.off('event', sendEvent)
      this.#followers.delete(end)
      response.end()
    }
    this.#followers.add(end)
    addAbortListener(closed, end)
    const last = Number(request.headers['last-event-id'] ?? this.#log.lastId)
    // The number of an event of an earlier run is unknown: all events that are kept are sent.
    for (const event of this.#log.listAfter(last <= this.#log.lastId ? last : 0)) sendEvent(event)
    this.#log.on('event', sendEvent)
    beat()
  }
}
