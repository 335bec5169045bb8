import { EventEmitter } from 'node:events'
import PQueue from 'p-queue'
import { checkArgument, checkOptions } from '../../codec/check-arguments.ts'
import { StorageError, type TsdlError } from '../../errors.ts'
import { type Clock, systemClock } from '../../ports/clock.ts'
import { withTimeout } from '../../ports/with-timeout.ts'
import type { Session } from '../session.ts'
import type { SessionEvents } from '../session-options.ts'
import type { SessionTorrent } from '../session-torrent.ts'
import { failureOf } from '../torrent/failure-of.ts'
import { describeEvent, type Hook, type HookEventName } from './hook-event.ts'

/** Events of `SessionHooks`. */
export interface SessionHooksEvents {
  /** An event could not be delivered. */
  warning: [error: TsdlError]
}

/** Options of `SessionHooks`. */
export interface SessionHooksOptions {
  readonly clock?: Clock
  /** Milliseconds since 1970. @default Date.now */
  readonly now?: () => number
}

/** Milliseconds for deliveries after `close`. */
const CLOSE_TIMEOUT_MS = 5000
/** Deliveries of one hook at the same time. */
const MAX_DELIVERIES = 4
/** Events that wait for one hook. Further ones are dropped, with a warning. */
const MAX_WAITING_EVENTS = 1000

/** Delivers the events of a session to hooks. */
export class SessionHooks extends EventEmitter<SessionHooksEvents> {
  readonly #session: Session
  readonly #now: () => number
  readonly #clock: Clock
  readonly #hooks: readonly { readonly hook: Hook; readonly queue: PQueue }[]
  readonly #abort = new AbortController()
  readonly #listeners: Partial<{ [E in keyof SessionEvents]: (...values: SessionEvents[E]) => void }> = {
    added: torrent => this.#deliver('added', torrent),
    completed: torrent => this.#deliver('completed', torrent),
    removed: torrent => this.#deliver('removed', torrent),
    failed: (torrent, error) => this.#deliver('error', torrent, error.message),
  }

  /** Delivers from now on. */
  constructor(session: Session, hooks: readonly Hook[], options: SessionHooksOptions = {}) {
    super()
    checkArgument('session', session, 'object')
    checkArgument('hooks', hooks, 'array')
    checkOptions(options, { clock: 'object', now: 'function' })
    this.#session = session
    this.#now = options.now ?? Date.now
    this.#clock = options.clock ?? systemClock
    this.#hooks = hooks.map(hook => ({ hook, queue: new PQueue({ concurrency: MAX_DELIVERIES }) }))
    for (const [event, listener] of this.#entries()) session.on(event, listener)
  }

  /** Delivers what has happened so far, for five seconds at most. Resolves when no program runs; never rejects. */
  async close(): Promise<void> {
    for (const [event, listener] of this.#entries()) this.#session.off(event, listener)
    const delivered = Promise.all(this.#hooks.map(({ queue }) => queue.onIdle()))
    await withTimeout(this.#clock, delivered, CLOSE_TIMEOUT_MS)
    for (const { queue } of this.#hooks) queue.clear()
    this.#abort.abort(new StorageError('ERR_ABORTED', 'the session was closed'))
    await delivered
  }

  #entries(): [keyof SessionEvents, () => void][] {
    return Object.entries(this.#listeners) as [keyof SessionEvents, () => void][]
  }

  #deliver(name: HookEventName, torrent: SessionTorrent, error?: string): void {
    const event = describeEvent(name, torrent, this.#now(), error)
    for (const { hook, queue } of this.#hooks) {
      if (queue.size >= MAX_WAITING_EVENTS) {
        const reason = `${MAX_WAITING_EVENTS} events wait for a hook: ${name} of ${torrent.name} is dropped`
        this.emit('warning', new StorageError('ERR_ABORTED', reason))
        continue
      }
      void queue.add(() =>
        hook.deliver(event, this.#abort.signal).catch(failure => {
          if (!this.#abort.signal.aborted) this.emit('warning', failureOf(failure))
        }),
      )
    }
  }
}
