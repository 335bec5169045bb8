import { EventEmitter } from 'node:events'
import type { Session } from '../../session/session.ts'
import type { SessionEvents } from '../../session/session-options.ts'
import type { SessionTorrent } from '../../session/session-torrent.ts'

/** An event with its number. */
export interface LoggedEvent {
  readonly id: number
  readonly name: string
  /** The event as JSON. */
  readonly data: string
}

/** Maximum number of events that are kept for clients that connect again. */
const MAX_KEPT_EVENTS = 1000

/** Numbers the events of a session, and keeps the latest of them. */
export class EventLog extends EventEmitter<{ event: [event: LoggedEvent] }> {
  readonly #session: Session
  readonly #now: () => number
  readonly #kept: LoggedEvent[] = []
  readonly #undo: (() => void)[] = []
  /** Greater than the numbers of earlier runs, which begin at earlier times. */
  #lastId: number

  /** @param now milliseconds since 1970 */
  constructor(session: Session, now: () => number) {
    super()
    this.setMaxListeners(0)
    this.#session = session
    this.#now = now
    this.#lastId = now()
    this.#listen('added', torrentFields)
    this.#listen('removed', (torrent, withData) => ({ ...torrentFields(torrent), withData }))
    this.#listen('metadata', torrent => ({ ...torrentFields(torrent), length: torrent.record.size }))
    this.#listen('completed', torrentFields)
    this.#listen('finished', (torrent, rule) => ({ ...torrentFields(torrent), rule }))
    this.#listen('failed', (torrent, error) => ({
      ...torrentFields(torrent),
      code: error.code,
      message: error.message,
    }))
    this.#listen('bottleneck', (torrent, { kind, sentence, short }) => ({
      ...torrentFields(torrent),
      ...{ kind, short, sentence },
    }))
    this.#listen('warning', (error, torrent) => ({
      ...(torrent ? torrentFields(torrent) : {}),
      ...{ code: error.code, message: error.message },
    }))
  }

  /** The number of the latest event. */
  get lastId(): number {
    return this.#lastId
  }

  /** Returns the events after a number, as many as are kept. */
  listAfter(id: number): readonly LoggedEvent[] {
    return this.#kept.filter(event => event.id > id)
  }

  /** Stops listening. */
  close(): void {
    for (const undo of this.#undo.splice(0)) undo()
  }

  #listen<K extends keyof SessionEvents>(name: K, fieldsOf: (...values: SessionEvents[K]) => object): void {
    const listener = (...values: unknown[]) => {
      const fields = fieldsOf(...(values as unknown as SessionEvents[K]))
      const data = JSON.stringify({ event: name, time: this.#now(), ...fields })
      const event = { id: ++this.#lastId, name, data }
      this.#kept.push(event)
      if (this.#kept.length > MAX_KEPT_EVENTS) this.#kept.shift()
      this.emit('event', event)
    }
    const source = this.#session as unknown as EventEmitter
    source.on(name, listener)
    this.#undo.push(() => source.off(name, listener))
  }
}

function torrentFields({ id, infoHash, name }: SessionTorrent): object {
  return { id, infoHash, name }
}
