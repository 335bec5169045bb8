import { createMergePatch, type JsonObject } from '../../codec/merge-patch.ts'
import type { Clock, Timer } from '../../ports/clock.ts'

/** Milliseconds between two descriptions of a topic. */
const UPDATE_INTERVAL_MS = 1000

/** Describes a topic as it is now, or returns undefined when it is gone. Unchanged parts may be the same objects. */
export type DescribeTopic = () => JsonObject | undefined

/** A receiver of the events of a topic. */
export interface TopicFollower {
  /** True while it has not received the earlier events. It gets the whole document afterwards. */
  readonly isBehind: boolean
  send(data: string): void
}

/**
 * Sends a document to its followers, and once a second what has changed in it. It is described and compared once, however
 * many follow.
 *
 * in            descriptions
 * out           events in JSON: `full` for a new follower, `patch` (RFC 7396), `gone`
 * backpressure  a follower that is behind gets no patches, and the whole document when it is not
 * fails with    what the description throws
 */
export class TopicFeed {
  readonly #name: string
  readonly #describe: DescribeTopic
  readonly #clock: Clock
  readonly #followers = new Map<TopicFollower, { isLagging: boolean }>()
  readonly #onIdle: () => void
  #document: JsonObject | undefined
  #timer: Timer | undefined

  /** @param onIdle called when the last follower has left */
  constructor(name: string, describe: DescribeTopic, clock: Clock, onIdle: () => void) {
    this.#name = name
    this.#describe = describe
    this.#clock = clock
    this.#onIdle = onIdle
  }

  /** Sends the whole document to a follower, and later changes. @returns a function that stops this */
  follow(follower: TopicFollower): () => void {
    if (this.#followers.size === 0) this.#start()
    this.#followers.set(follower, { isLagging: false })
    follower.send(this.#full())
    return () => {
      if (!this.#followers.delete(follower) || this.#followers.size > 0) return
      this.#clock.clearTimeout(this.#timer)
      this.#onIdle()
    }
  }

  #start(): void {
    this.#document = this.#describe()
    this.#arm()
  }

  #arm(): void {
    this.#timer = this.#clock.setTimeout(() => {
      this.#arm()
      this.#update()
    }, UPDATE_INTERVAL_MS)
  }

  #update(): void {
    const before = this.#document
    const after = this.#describe()
    this.#document = after
    const patch = before && after ? createMergePatch(before, after) : undefined
    const event = patch ? JSON.stringify({ topic: this.#name, patch }) : undefined
    let full: string | undefined
    for (const [follower, state] of this.#followers) {
      if (follower.isBehind) state.isLagging = true
      else if (state.isLagging || (before === undefined) !== (after === undefined)) {
        state.isLagging = false
        follower.send((full ??= this.#full()))
      } else if (event) follower.send(event)
    }
  }

  #full(): string {
    const event = this.#document ? { full: this.#document } : { gone: true }
    return JSON.stringify({ topic: this.#name, ...event })
  }
}
