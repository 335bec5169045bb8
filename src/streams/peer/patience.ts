/** Milliseconds without an answer after which a request counts as dropped, for a peer that drops requests silently. */
const DROP_MS = 2_500
/** The same for a peer that rejects what it drops (BEP 6), and the maximum for a slow peer. */
const MAX_PATIENCE_MS = 10_000
/** Factor of the longest pause of a peer after which a request counts as dropped. */
const MAX_PAUSE_RATIO = 3
/** Milliseconds in which the remembered longest pause halves. */
const PAUSE_HALF_LIFE_MS = 10_000
/** The longest time between two probes of a silent peer. */
const MAX_PROBE_DELAY_MS = 16_000
/** Milliseconds until a peer that rejected all requests is asked again; doubled each time, to at most: */
const FIRST_REST_MS = 1_000
const MAX_REST_MS = 8_000

/**
 * Decides when a request counts as dropped, and when a silent peer is asked again.
 *
 * Inputs: when requests were sent and answered; support of the fast extension; the time.
 *
 * TCP keeps order and most peers answer in order. So a request counts as dropped when a later one was answered, and
 * for a while none of its age, or none at all. A peer that answers nothing gets one of its requests again: the answer shows if it dropped the
 * others. A peer that rejects everything gets no requests for a while.
 */
export class Patience {
  /** True if the peer rejects requests that it will not answer. */
  fast = false
  /** The time since when the peer owes an answer and has sent none. */
  #silentFrom = 0
  #longestPause = 0
  #pauseAt = 0
  /** The time at which the latest answered request was sent. */
  #lastAnsweredAt = Number.NEGATIVE_INFINITY
  /** Requests that were sent before this time are overtaken; and the time since when none of them was answered. */
  #overtakenBefore = Number.NEGATIVE_INFINITY
  #overtakenFrom = 0
  #probeWait = 0
  #probeAt = 0
  /** When a rest ends, and how long the last one was; a block, or an unchoke, ends both. */
  #restUntil: number | undefined
  #restMs = 0

  /** Measures silence from now on, as the peer owed nothing before. */
  restartSilence(now: number): void {
    this.#silentFrom = now
    this.#probeWait = 0
  }

  /** The peer sent a block or unchoked us: ends a rest, and measures silence from now on. */
  onProgress(now: number): void {
    this.restartSilence(now)
    this.#restUntil = undefined
    this.#restMs = 0
  }

  /**
   * A request was answered with a block.
   * @param sentAt when it was sent, or sent last; NaN if that is not known
   * @param repeated true if it was sent more than once, so that this may answer an earlier request
   */
  onAnswer(sentAt: number, now: number, repeated = false): void {
    const pause = now - Math.max(this.#silentFrom, sentAt) // the time of a dropped request is no pause of the peer
    if (MAX_PAUSE_RATIO * pause > DROP_MS) this.#longestPause = Math.max(pause, this.#currentPause(now))
    this.onProgress(now)
    if (sentAt > this.#lastAnsweredAt) this.#lastAnsweredAt = sentAt
    if (repeated || sentAt < this.#overtakenBefore) this.#overtakenFrom = now
  }

  /** A request was rejected. @param left the number of requests in flight */
  onReject(left: number, now: number): void {
    this.restartSilence(now)
    if (left > 0) return
    this.#restMs = Math.min(2 * this.#restMs || FIRST_REST_MS, MAX_REST_MS)
    this.#restUntil = now + this.#restMs
  }

  /** True while the peer gets no requests. */
  get isResting(): boolean {
    return this.#restUntil !== undefined
  }

  /** Returns true, once, when a rest ends. */
  endRestIfDue(now: number): boolean {
    if (this.#restUntil === undefined || now < this.#restUntil) return false
    this.#restUntil = undefined
    return true
  }

  /** Milliseconds for which the peer has owed an answer and given none. */
  getSilence(now: number): number {
    return now - this.#silentFrom
  }

  /**
   * Returns the time before which requests count as dropped, if any do. Called several times a second.
   * @param oldest the time of the oldest unanswered request
   */
  findDropped(oldest: number, now: number): number | undefined {
    const patience = this.#currentPatience(now)
    if (oldest < this.#lastAnsweredAt && this.getSilence(now) > patience) return this.#lastAnsweredAt
    if (oldest >= this.#overtakenBefore) {
      this.#overtakenBefore = this.#lastAnsweredAt
      this.#overtakenFrom = now
    } else if (now - this.#overtakenFrom > patience) return this.#overtakenBefore
    return undefined
  }

  /** Returns true if a silent peer should get a probe now. */
  isProbeDue(now: number): boolean {
    if (this.#probeWait === 0) {
      this.#probeWait = this.#currentPatience(now)
      this.#probeAt = this.#silentFrom + this.#probeWait
    }
    if (now < this.#probeAt) return false
    this.#probeWait = Math.min(2 * this.#probeWait, MAX_PROBE_DELAY_MS)
    this.#probeAt = now + this.#probeWait
    return true
  }

  #currentPatience(now: number): number {
    if (this.fast) return MAX_PATIENCE_MS
    return Math.min(MAX_PATIENCE_MS, Math.max(DROP_MS, MAX_PAUSE_RATIO * this.#currentPause(now)))
  }

  /** The remembered longest pause, in ms. */
  #currentPause(now: number): number {
    this.#longestPause *= 0.5 ** ((now - this.#pauseAt) / PAUSE_HALF_LIFE_MS)
    this.#pauseAt = now
    return this.#longestPause
  }
}
