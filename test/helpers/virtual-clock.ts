import type { Clock, Timer } from '../../src/ports/clock.ts'
import { cpuTime } from './cpu-time.ts'
import { Heap, type Ranked } from './simulation/heap.ts'

interface Due extends Timer, Ranked {
  readonly call: () => void
}

export interface RunOptions {
  /** Called when nothing more can happen at this instant. The run ends when it returns true. */
  readonly until?: () => boolean
  /** Maximum virtual milliseconds. With `until`, the run fails if they pass before. */
  readonly for?: number
}

export interface VirtualClockOptions {
  /** Maximum milliseconds of one run, in CPU time of this process, as other processes take time too. @default 30,000 */
  readonly patience?: number
  /**
   * Turns of the event loop without a new timer that count as quiet. One is enough for code that waits only for
   * promises. A storage that uses `setImmediate` for each step may need more.
   * @default 1
   */
  readonly turns?: number
}

/**
 * A clock that advances only by `advance` and `run`. Calls run in order of time.
 *
 * `advance` adds a time; one turn of the event loop passes before each call. `run` advances to the next timer as soon
 * as nothing else can happen, until a condition is true.
 */
export class VirtualClock implements Clock {
  readonly #patience: number
  readonly #turns: number
  readonly #due = new Heap<Due>()
  #now = 0
  /** The number of timers that were ever set. An instant is quiet when it does not change. */
  #set = 0
  /** That number a turn ago, and the turns since it changed. */
  #seen = 0
  #turned = 0
  #running = false

  constructor({ patience = 30_000, turns = 1 }: VirtualClockOptions = {}) {
    this.#patience = patience
    this.#turns = turns
  }

  now(): number {
    return this.#now
  }

  setTimeout(call: () => void, ms: number): Timer {
    if (Number.isNaN(ms)) throw new RangeError('VirtualClock.setTimeout: ms is NaN; give it milliseconds')
    const due = { call, at: this.#now + Math.max(0, ms), order: ++this.#set, slot: -1 }
    this.#due.push(due)
    return due
  }

  clearTimeout(timer: Timer | undefined): void {
    if (timer) this.#due.remove(timer as Due)
  }

  /** Adds a time in which nothing runs, as when a process is stopped. Calls that are due run at the next advance. */
  stop(ms: number): void {
    this.#now += ms
  }

  /** The number of pending calls. */
  get pending(): number {
    return this.#due.size
  }

  /** Advances by `ms`, and runs the calls that become due. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms
    for (;;) {
      await settle()
      const next = this.#due.peek()
      if (!next || next.at > end) break
      this.#due.pop()
      this.#now = Math.max(this.#now, next.at) // later, after a stop
      next.call()
    }
    this.#now = end
    await settle()
  }

  /** Advances in steps until `isMet` returns true, by at most `limitMs`. */
  async advanceUntil(isMet: () => boolean, limitMs: number, stepMs = 100): Promise<void> {
    for (let passed = 0; passed < limitMs && !isMet(); passed += stepMs) await this.advance(stepMs)
  }

  /**
   * Advances until `until` returns true, by a number of milliseconds, or until no timer is left.
   * @throws if `until` cannot become true any more, or the limit of its CPU time passes; also an error that a timer's call
   * throws
   */
  run({ until, for: span = Number.POSITIVE_INFINITY }: RunOptions = {}): Promise<void> {
    if (this.#running)
      return Promise.reject(new Error('VirtualClock.run: already running; await the other run first'))
    this.#running = true
    const end = this.#now + span
    const before = cpuTime()
    let deadline = performance.now() + this.#patience
    return new Promise<void>((resolve, reject) => {
      // not a loop with await, which takes several times as long, because this runs for every timer
      const step = () => {
        try {
          if (performance.now() > deadline) {
            const left = this.#patience - (cpuTime() - before)
            if (left <= 0) throw this.#stuck(`${this.#patience} ms of CPU time have passed`)
            deadline = performance.now() + left
          }
          if (this.#quiet() && this.#over(until, end)) resolve()
          else if (this.#call()) afterMicrotasks(step)
          else setImmediate(step)
        } catch (error) {
          reject(error)
        }
      }
      this.#turned = 0
      setImmediate(step)
    }).finally(() => {
      this.#running = false
    })
  }

  /** Returns true if nothing more happens until time advances. Called once a turn. */
  #quiet(): boolean {
    const next = this.#due.peek()
    this.#turned = this.#seen === this.#set ? this.#turned + 1 : 0
    this.#seen = this.#set
    return this.#turned >= this.#turns && !(next && next.at <= this.#now)
  }

  /** Advances to the next timer. @returns true if the run is over */
  #over(until: (() => boolean) | undefined, end: number): boolean {
    if (until?.()) return true
    const next = this.#due.peek()
    if (!next && until) throw this.#stuck('no timer is left')
    if (next && next.at <= end) {
      this.#now = Math.max(this.#now, next.at) // later, after a stop
      return false
    }
    if (until) throw this.#stuck('the time given to it has passed')
    if (end < Number.POSITIVE_INFINITY) this.#now = end
    return true
  }

  /** Runs one call that is due, if there is one. @returns true if another one is due */
  #call(): boolean {
    const due = this.#due.peek()
    if (!due || due.at > this.#now) return false
    this.#due.pop()
    due.call()
    this.#turned = 0
    this.#seen = this.#set
    const next = this.#due.peek()
    return next !== undefined && next.at <= this.#now
  }

  #stuck(why: string): Error {
    return new Error(
      `VirtualClock.run: ${why} at ${this.#now} virtual ms, with ${this.pending} timers waiting; ` +
        'look at what `until` waits for',
    )
  }
}

/**
 * Lets microtasks run between two calls that are due at one instant, which costs less than a turn of the event loop.
 */
const afterMicrotasks = (call: () => void) => queueMicrotask(() => process.nextTick(call))

/** Resolves after one turn of the event loop, in which promises and microtasks run. */
export function settle(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve))
}

/** Runs the event loop until `isMet` returns true. */
export async function waitUntil(isMet: () => boolean): Promise<void> {
  while (!isMet()) await settle()
}
