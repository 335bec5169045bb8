import {
  applyMergePatch,
  createMergePatch,
  type JsonObject,
  type MergePatch,
} from '../../codec/merge-patch.ts'
import type { Welcome } from '../../server/page/documents.ts'
import { serverUrlOf } from './urls.ts'

/** `lost`: it is connecting again. */
export type LiveState = 'connecting' | 'live' | 'lost'

/** Milliseconds without an event after which the connection counts as lost: the server sends one every ten seconds. */
const SILENCE_MS = 25_000
/** Milliseconds until the first and the last of the next tries. */
const RETRY_MS = 1000
const MAX_RETRY_MS = 10_000

/**
 * What the server sends: documents by topic, each patched once a second. It connects again when the connection is lost.
 */
export class LiveConnection {
  state: LiveState = 'connecting'
  welcome: Welcome | undefined
  readonly #documents = new Map<string, JsonObject | 'gone'>()
  /** How many parts of the page show a topic. */
  readonly #shown = new Map<string, number>()
  readonly #listeners = new Set<() => void>()
  #source: EventSource | undefined
  #retryMs = RETRY_MS
  #timer: ReturnType<typeof setTimeout> | undefined
  #sleepTimer: ReturnType<typeof setTimeout> | undefined
  #isStale = false

  constructor() {
    addEventListener('online', () => this.#open())
    // A hidden page needs no updates.
    document.addEventListener('visibilitychange', () => {
      clearTimeout(this.#sleepTimer)
      if (document.hidden) this.#sleepTimer = setTimeout(() => this.#close(), SILENCE_MS)
      else if (!this.#source) this.#open()
    })
  }

  /** Returns the document of a topic; undefined while it is not known, `gone` if there is none. */
  get(topic: string): JsonObject | 'gone' | undefined {
    return this.#documents.get(topic)
  }

  /** Calls a listener after each change. @returns a function that stops this */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Keeps a topic up to date. @returns a function that stops this */
  show(topic: string): () => void {
    this.#shown.set(topic, (this.#shown.get(topic) ?? 0) + 1)
    this.#reopen()
    return () => {
      const count = this.#shown.get(topic)! - 1
      if (count > 0) this.#shown.set(topic, count)
      else this.#shown.delete(topic)
      this.#reopen()
    }
  }

  /** Opens a connection for the topics that are shown now, after all parts of the page have said which. */
  #reopen(): void {
    if (this.#isStale) return
    this.#isStale = true
    setTimeout(() => {
      this.#isStale = false
      this.#open()
    })
  }

  #open(): void {
    this.#close()
    if (this.#shown.size === 0) return
    const source = new EventSource(
      serverUrlOf(
        'page/updates',
        [...this.#shown.keys()].map(topic => ['topic', topic]),
      ),
    )
    this.#source = source
    source.addEventListener('welcome', event => {
      this.welcome = JSON.parse(event.data) as Welcome
      this.#retryMs = RETRY_MS
      this.#enter('live')
    })
    source.addEventListener('beat', () => this.#watch())
    source.addEventListener('message', event => this.#take(JSON.parse(event.data)))
    source.addEventListener('error', () => this.#lose())
    this.#watch()
  }

  #take({ topic, ...event }: { topic: string; full?: JsonObject; patch?: MergePatch }): void {
    this.#watch()
    const known = this.#documents.get(topic)
    const before = known === undefined || known === 'gone' ? {} : known
    // A whole document changes no part that is the same: the page draws only what differs.
    const patch = event.full ? createMergePatch(before, event.full) : event.patch
    if (!event.full && !event.patch) this.#documents.set(topic, 'gone')
    else this.#documents.set(topic, patch ? applyMergePatch(before, patch) : before)
    this.#notify()
  }

  #watch(): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#lose(), SILENCE_MS)
  }

  #lose(): void {
    this.#close()
    this.#enter('lost')
    this.#timer = setTimeout(() => this.#open(), this.#retryMs)
    this.#retryMs = Math.min(MAX_RETRY_MS, this.#retryMs * 2)
  }

  #close(): void {
    clearTimeout(this.#timer)
    this.#source?.close()
    this.#source = undefined
  }

  #enter(state: LiveState): void {
    if (this.state === state) return
    this.state = state
    this.#notify()
  }

  #notify(): void {
    for (const listener of [...this.#listeners]) listener()
  }
}
