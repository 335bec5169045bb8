import type { Clock, Timer } from './clock.ts'

interface TimerEntry extends Timer {
  /** Undefined after it was called or cleared. */
  call: (() => void) | undefined
  /** The time at which it is due, of the clock below. */
  readonly due: number
  /** Orders entries that are due at the same time. */
  readonly order: number
}

/** Number of cleared entries from which the heap is built anew, if they are most of it. */
const MIN_CLEARED = 64

/**
 * A clock that needs one timer of the clock below for all of its timers, for thousands of torrents that wait. Timers
 * are called in the order in which they are due.
 */
export class TimerQueue implements Clock {
  readonly #below: Clock
  /** A binary heap, the entry that is due first at 0. Cleared entries stay until they are due, or are most of it. */
  #heap: TimerEntry[] = []
  #cleared = 0
  #order = 0
  /** The timer of the clock below, and the time at which it is due. */
  #timer: Timer | undefined
  #timerDue = Number.POSITIVE_INFINITY
  /** True while due timers are called: the timer below is set after the last of them. */
  #isCalling = false

  constructor(below: Clock) {
    this.#below = below
  }

  now(): number {
    return this.#below.now()
  }

  setTimeout(call: () => void, ms: number): Timer {
    const entry: TimerEntry = { call, due: this.#below.now() + Math.max(0, ms), order: this.#order++ }
    this.#push(entry)
    if (entry.due < this.#timerDue) this.#arm()
    return entry
  }

  clearTimeout(timer: Timer | undefined): void {
    const entry = timer as TimerEntry | undefined
    if (!entry?.call) return
    entry.call = undefined
    this.#cleared++
    if (this.#cleared >= MIN_CLEARED && this.#cleared > this.#heap.length / 2) this.#removeCleared()
    this.#arm()
  }

  /** Sets the timer below for the first entry. Without entries there is none, so that the process can end. */
  #arm(): void {
    if (this.#isCalling) return
    while (this.#heap[0] && !this.#heap[0].call) this.#dropFirst()
    const due = this.#heap[0]?.due ?? Number.POSITIVE_INFINITY
    if (due === this.#timerDue) return
    this.#below.clearTimeout(this.#timer)
    this.#timerDue = due
    this.#timer =
      due === Number.POSITIVE_INFINITY
        ? undefined
        : this.#below.setTimeout(() => this.#onDue(), Math.max(0, due - this.#below.now()))
  }

  #onDue(): void {
    // the clock below may call a little early
    const now = Math.max(this.#below.now(), this.#timerDue)
    const last = this.#order
    this.#timer = undefined
    this.#timerDue = Number.POSITIVE_INFINITY
    this.#isCalling = true
    try {
      // timers that are set meanwhile are called in the next turn, so that they cannot block the event loop
      for (
        let first = this.#heap[0];
        first && first.due <= now && first.order < last;
        first = this.#heap[0]
      ) {
        const { call } = first
        first.call = undefined
        this.#pop()
        if (call) call()
        else this.#cleared--
      }
    } finally {
      this.#isCalling = false
      this.#arm()
    }
  }

  #dropFirst(): void {
    this.#pop()
    this.#cleared--
  }

  #push(entry: TimerEntry): void {
    const heap = this.#heap
    let at = heap.length
    heap.push(entry)
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!isBefore(entry, heap[parent]!)) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = entry
  }

  #pop(): void {
    const last = this.#heap.pop()
    if (last && this.#heap.length > 0) this.#sink(last, 0)
  }

  #sink(entry: TimerEntry, from: number): void {
    const heap = this.#heap
    let at = from
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++
      if (!isBefore(heap[child]!, entry)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = entry
  }

  #removeCleared(): void {
    this.#cleared = 0
    this.#heap = this.#heap.filter(({ call }) => call)
    for (let at = (this.#heap.length >> 1) - 1; at >= 0; at--) this.#sink(this.#heap[at]!, at)
  }
}

function isBefore(a: TimerEntry, b: TimerEntry): boolean {
  return a.due === b.due ? a.order < b.order : a.due < b.due
}
