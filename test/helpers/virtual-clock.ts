import type { Clock, Timer } from '../../src/ports/clock.ts'

interface Due extends Timer {
  at: number
  call: () => void
}

/** A clock that stands still until it is told to advance; due calls run in order of time. */
export class VirtualClock implements Clock {
  #now = 0
  #due = new Set<Due>()

  now() {
    return this.#now
  }

  setTimeout(call: () => void, ms: number): Timer {
    const due = { at: this.#now + ms, call }
    this.#due.add(due)
    return due
  }

  clearTimeout(timer: Timer | undefined) {
    this.#due.delete(timer as Due)
  }

  /** How many calls still wait: 0 when nothing was left behind. */
  get pending() {
    return this.#due.size
  }

  /** Lets `ms` pass in which nothing runs, as when the process is stopped. What fell due is called by `advance`. */
  stop(ms: number) {
    this.#now += ms
  }

  /** Moves time on by `ms`, running what falls due; streams get to settle after each call. */
  async advance(ms: number) {
    const end = this.#now + ms
    for (;;) {
      await settle()
      const next = [...this.#due].sort((a, b) => a.at - b.at)[0]
      if (!next || next.at > end) break
      this.#due.delete(next)
      this.#now = Math.max(this.#now, next.at) // later, after a stop
      next.call()
    }
    this.#now = end
    await settle()
  }
}

/** Lets every promise and microtask that is ready run. */
export function settle() {
  return new Promise<void>(resolve => setImmediate(resolve))
}
