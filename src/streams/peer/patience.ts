/** Milliseconds without an answer after which a request counts as dropped, for a peer that drops without a word. */
const DROP_MS = 2_500
/** The same for a peer that rejects what it drops (BEP 6), and the most that a slow peer gets. */
const MAX_PATIENCE_MS = 10_000
/** How many times as long as its longest pause a peer may pause. */
const MAX_PAUSE_RATIO = 3
/** Milliseconds in which half of the longest pause is forgotten. */
const PAUSE_HALF_LIFE_MS = 10_000
/** The longest time between two probes of a silent peer. */
const MAX_PROBE_DELAY_MS = 16_000
/** Milliseconds until a peer that rejected all requests is asked again; doubled each time, to at most: */
const FIRST_REST_MS = 1_000
const MAX_REST_MS = 8_000

/**
 * When a request counts as dropped, and when a silent peer is asked again.
 *
 * Depends on: when requests were sent and answered; whether the peer speaks the fast extension; the time.
 *
 * TCP keeps order and most peers answer in order. So a request is dropped when one that was sent later was answered,
 * and for a while none that is as old. A peer that answers nothing at all is sent one of its requests again: the
 * answer to that tells the two cases apart. A peer that rejects everything is left alone for a while.
 */
export class Patience {
  /** True if the peer rejects requests that it will not answer. */
  fast = false
  /** Since when the peer owes an answer and gives none. */
  #silentSince = 0
  #longestPause = 0
  #pauseAt = 0
  /** When the latest request was sent that has been answered. */
  #answered = Number.NEGATIVE_INFINITY
  /** Requests that were sent before this time are overtaken, and since when none of them was answered. */
  #overtaken = Number.NEGATIVE_INFINITY
  #overtakenSince = 0
  #probeWait = 0
  #probeAt = 0
  /** When a rest ends, and how long the last one was; a block, or an unchoke, ends both. */
  #restUntil: number | undefined
  #rest = 0

  /** The peer owed nothing until now: silence counts from here. */
  begin(now: number): void {
    this.#silentSince = now
    this.#probeWait = 0
  }

  /** The peer gives: silence counts from here, and no rest is needed. */
  renew(now: number): void {
    this.begin(now)
    this.#restUntil = undefined
    this.#rest = 0
  }

  /**
   * A request was answered with a block.
   * @param sentAt when it was sent, or sent last; NaN if that is not known
   * @param repeated whether it was sent more than once: then this may be the answer to an old one
   */
  answer(sentAt: number, now: number, repeated = false): void {
    const pause = now - Math.max(this.#silentSince, sentAt) // what a dropped request cost is no pause of the peer
    if (MAX_PAUSE_RATIO * pause > DROP_MS) this.#longestPause = Math.max(pause, this.#pause(now))
    this.renew(now)
    if (sentAt > this.#answered) this.#answered = sentAt
    if (repeated || sentAt < this.#overtaken) this.#overtakenSince = now
  }

  /** A request was rejected. @param left how many are under way that were not */
  reject(left: number, now: number): void {
    this.begin(now)
    if (left > 0) return
    this.#rest = Math.min(2 * this.#rest || FIRST_REST_MS, MAX_REST_MS)
    this.#restUntil = now + this.#rest
  }

  /** True while the peer gets no requests. */
  get isResting(): boolean {
    return this.#restUntil !== undefined
  }

  /** Returns true, once, when a rest ends. */
  endsRest(now: number): boolean {
    if (this.#restUntil === undefined || now < this.#restUntil) return false
    this.#restUntil = undefined
    return true
  }

  /** Milliseconds for which the peer has owed an answer and given none. */
  silence(now: number): number {
    return now - this.#silentSince
  }

  /**
   * Requests sent before the time that is returned are dropped, if any. To be called now and then.
   * @param oldest when the oldest request was sent that is not answered
   */
  findDropped(oldest: number, now: number): number | undefined {
    if (oldest >= this.#overtaken) {
      this.#overtaken = this.#answered
      this.#overtakenSince = now
    } else if (now - this.#overtakenSince > this.#longest(now)) return this.#overtaken
    return undefined
  }

  /** Returns true if a silent peer should get a probe now. */
  probes(now: number): boolean {
    if (this.#probeWait === 0) {
      this.#probeWait = this.#longest(now)
      this.#probeAt = this.#silentSince + this.#probeWait
    }
    if (now < this.#probeAt) return false
    this.#probeWait = Math.min(2 * this.#probeWait, MAX_PROBE_DELAY_MS)
    this.#probeAt = now + this.#probeWait
    return true
  }

  #longest(now: number): number {
    if (this.fast) return MAX_PATIENCE_MS
    return Math.min(MAX_PATIENCE_MS, Math.max(DROP_MS, MAX_PAUSE_RATIO * this.#pause(now)))
  }

  /** What is remembered now of the longest pause, in ms. */
  #pause(now: number): number {
    this.#longestPause *= 0.5 ** ((now - this.#pauseAt) / PAUSE_HALF_LIFE_MS)
    this.#pauseAt = now
    return this.#longestPause
  }
}
