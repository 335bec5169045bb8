import type { PeerAddress } from '../codec/compact.ts'
import { DiscoveryError, messageOf } from '../errors.ts'
import { unboundedAbortController } from '../ports/abort.ts'
import { Emitter } from '../ports/emitter.ts'
import { withTimeout } from '../ports/with-timeout.ts'
import type { AnnounceReply } from './announce-reply.ts'
import {
  type AnnouncerEvents,
  type AnnouncerOptions,
  requestFor,
  type TrackerAnnounce,
} from './announcer-options.ts'
import { RoundTimer } from './round-timer.ts'
import { Tiers } from './tiers.ts'
import { openTrackers, recordFailure, recordReply, type TrackerEntry } from './tracker-list.ts'
import { announceOf } from './tracker-status.ts'

/** The answer of a tracker. */
interface AnnounceAnswer {
  readonly entry: TrackerEntry
  readonly reply: AnnounceReply
}

/** Milliseconds until a partial seed announces itself as one. Most partial seeds leave before that. */
const PARTIAL_DELAY_MS = 1_000
/** Milliseconds without an answer until the next tracker is asked as well. */
const SLOW_ANSWER_MS = 5_000

/**
 * Announces one torrent to its trackers, and asks them for peers: one tracker at a time in the order of BEP 12, again
 * after its interval, and after failures with a growing delay. A slow tracker (UDP may take two hours) does not delay the
 * others: after five seconds the next one is asked as well.
 */
export class Announcer extends Emitter<AnnouncerEvents> {
  readonly #options: AnnouncerOptions
  readonly #entries: readonly TrackerEntry[]
  readonly #tiers: Tiers<TrackerEntry>
  /** Warnings about unusable trackers. They are emitted at the first start, when the caller has its listeners. */
  #skipped: DiscoveryError[]
  #running = false
  /** State of event=completed. `never`: the torrent was complete at the start, so it is not sent. */
  #completion: 'unknown' | 'never' | 'pending' | 'due' | 'sent' = 'unknown'
  /** Aborts all announces of a run. Undefined while none is in progress, since thousands of torrents wait for their next one. */
  #series: AbortController | undefined
  /** The round of announces in progress. */
  #round: Promise<void> | undefined
  /** The first answer in this round from a tracker that the round no longer waits for. */
  #lateAnswer: AnnounceAnswer | undefined
  /** True if the last round had an answer, which says when the next one is due. */
  #answered = false
  /** Announces with event=stopped in progress. A new start waits for them, so that it comes after them. */
  #goodbye: Promise<void> | undefined
  readonly #nextRound: RoundTimer

  constructor(options: AnnouncerOptions) {
    super()
    const { tiers, skipped } = openTrackers(options.tiers, options.makeTracker)
    this.#options = options
    // Copied to the exact length: a list that grew keeps spare room, and a client may have thousands of torrents.
    this.#entries = tiers.flat().slice()
    this.#tiers = new Tiers(tiers, options.random)
    this.#skipped = skipped
    this.#nextRound = new RoundTimer(options.clock, () => this.#beginRound())
  }

  /** The usable trackers, and what each last answered. */
  get announces(): TrackerAnnounce[] {
    const now = this.#options.clock.now()
    return this.#entries.map(entry => announceOf(entry, now, this.#nextRound.at))
  }

  /** Begins a run with event=started, and repeats the announces until `stop`. Can be called again after `stop`. */
  start(): void {
    if (this.#running) return
    this.#running = true
    this.#series = undefined
    if (this.#completion === 'unknown') {
      this.#completion = this.#options.stats().left === 0 ? 'never' : 'pending'
    }
    for (const error of this.#skipped.splice(0)) this.emit('warning', error)
    this.#beginRound()
  }

  /** Announces event=completed once, unless the torrent was complete at the first start. */
  complete(): void {
    if (this.#completion !== 'pending') return
    this.#completion = 'due'
    if (this.#running && !this.#round) this.#beginRound()
  }

  /** The selected files are complete and others are missing: sends event=paused with each announce from now on (BEP 21). */
  becomePartialSeed(): void {
    if (!this.#running || this.#round) return
    this.#nextRound.setEarlier(this.#options.clock.now() + PARTIAL_DELAY_MS)
  }

  /** Asks for more peers as soon as the tracker allows it. A tracker that failed is not asked earlier. */
  announceAgain(): void {
    if (this.#running && !this.#round) this.#nextRound.bringForward()
  }

  /**
   * Ends the run: sends event=stopped to every tracker that may know us. Never rejects.
   * @param options.timeout the maximum wait in milliseconds; 0 sends nothing. @default 1,500
   */
  stop({ timeout = 1_500 }: { readonly timeout?: number } = {}): Promise<void> {
    if (!this.#running) return this.#goodbye ?? Promise.resolve()
    this.#running = false
    this.#nextRound.clear()
    const { clock } = this.#options
    const series = this.#series
    // Sends a due event=completed first, because trackers count completions.
    const leaving =
      this.#completion === 'due' && this.#round && timeout > 0
        ? withTimeout(clock, this.#round, timeout / 2).then(() => this.#leave(series, timeout / 2))
        : this.#leave(series, timeout)
    return this.#keep(Promise.all([this.#goodbye, leaving]))
  }

  async #leave(series: AbortController | undefined, timeout: number): Promise<void> {
    series?.abort()
    if (this.#series === series) this.#round = undefined
    const reached = this.#entries.filter(entry => entry.reached)
    for (const entry of this.#entries) entry.reached = entry.started = entry.asking = entry.paused = false
    if (timeout > 0 && reached.length > 0) await this.#sayGoodbye(reached, timeout)
  }

  #keep(leaving: Promise<unknown>): Promise<void> {
    const goodbye = leaving.then(() => {
      if (this.#goodbye !== goodbye) return
      this.#goodbye = undefined
      if (!this.#running) for (const { tracker } of this.#entries) tracker.close?.()
    })
    this.#goodbye = goodbye
    return goodbye
  }

  #beginRound(): void {
    this.#series ??= unboundedAbortController()
    const series = this.#series
    const round = this.#announceRound(series.signal).then(() => {
      if (this.#round === round) this.#round = undefined
      this.#endSeries(series)
    })
    this.#round = round
  }

  #endSeries(series: AbortController): void {
    const isBusy = this.#round || this.#entries.some(({ asking }) => asking)
    if (this.#series === series && !isBusy) this.#series = undefined
  }

  /** Asks the trackers that are due, one after another, until one answers. */
  async #announceRound(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options
    this.#nextRound.clear()
    this.#lateAnswer = undefined
    // Awaits only a pending event=stopped and a turn of the pacer, so the first announce is sent before `start`
    // returns.
    if (this.#goodbye) await this.#goodbye
    const turn = this.#options.pacer?.takeTurn(signal)
    if (turn) await turn
    for (const entry of this.#tiers.order()) {
      if (signal.aborted) return
      if (entry.asking || (entry.failures > 0 && entry.notBefore > clock.now())) continue
      const announced = this.#announce(entry, signal)
      const reply = await withTimeout(clock, announced, SLOW_ANSWER_MS)
      if (signal.aborted) return
      if (reply) return this.#scheduleNext({ entry, reply })
      if (entry.asking) this.#leavePending(entry, announced, signal)
    }
    if (!signal.aborted) this.#scheduleNext(this.#lateAnswer)
  }

  /** Lets an announce continue while other trackers are asked. */
  #leavePending(
    entry: TrackerEntry,
    announced: Promise<AnnounceReply | undefined>,
    signal: AbortSignal,
  ): void {
    // A tracker that has not answered may not know us, so event=stopped does not wait for it.
    entry.reached = entry.started
    entry.error ??= new DiscoveryError('ERR_TRACKER', `tracker ${entry.name}: no answer yet`)
    announced.then(reply => {
      if (signal.aborted) return
      const answer = reply && { entry, reply }
      if (this.#round) this.#lateAnswer ??= answer
      else if (!this.#answered) this.#scheduleNext(answer)
      if (this.#series) this.#endSeries(this.#series)
    })
  }

  /** Schedules the next round after one that ended with this answer, or without any. */
  #scheduleNext(answer: AnnounceAnswer | undefined): void {
    if (!this.#running) return
    const now = this.#options.clock.now()
    this.#answered = answer !== undefined
    if (answer) {
      const { entry, reply } = answer
      this.#tiers.promote(entry)
      this.#nextRound.set(now + reply.interval * 1_000, now + reply.minInterval * 1_000)
    } else {
      const failed = this.#entries.filter(entry => !entry.asking)
      this.#nextRound.set(Math.min(...failed.map(entry => entry.notBefore)))
    }
  }

  /** Announces to one tracker and records the result. Returns undefined if it failed or the round is over. */
  async #announce(entry: TrackerEntry, signal: AbortSignal): Promise<AnnounceReply | undefined> {
    const event = !entry.started ? 'started' : this.#completion === 'due' ? 'completed' : undefined
    let reply: AnnounceReply
    let paused = false
    entry.asking = true
    entry.askedAt = this.#options.clock.now()
    try {
      const request = requestFor(entry, event, this.#options)
      paused = request.event === 'paused'
      entry.reached = true
      const more = (laterReply: AnnounceReply) => {
        if (!signal.aborted && this.#running) this.#emitPeers(entry, laterReply)
      }
      reply = await entry.tracker.announce(request, { signal, more })
    } catch (error) {
      if (!signal.aborted) this.#onFailure(entry, error)
      return undefined
    }
    if (signal.aborted) return undefined
    recordReply(entry, reply, paused, this.#options.clock.now())
    if (event === 'completed') this.#completion = 'sent'
    if (reply.warning !== undefined) {
      this.emit(
        'warning',
        new DiscoveryError('ERR_TRACKER_WARNING', `tracker ${entry.name}: ${reply.warning}`),
      )
    }
    this.#emitPeers(entry, reply)
    // The torrent was completed meanwhile, or is a partial seed: this is announced now, not after the interval.
    if ((this.#completion === 'due' || this.#owesPaused(entry)) && !signal.aborted) {
      return this.#announce(entry, signal)
    }
    return reply
  }

  /** True if a tracker that supports event=paused does not know that we are a partial seed. */
  #owesPaused({ paused, tracker }: TrackerEntry): boolean {
    return !paused && tracker.takesPaused === true && this.#options.stats().partial === true
  }

  #emitPeers(entry: TrackerEntry, { externalIp, peers }: AnnounceReply): void {
    // Some trackers return our own address (BEP 24).
    const isOwn = ({ host, port }: PeerAddress) => host === externalIp && port === this.#options.port
    this.emit(
      'peers',
      peers.filter(peer => !isOwn(peer)),
      entry.name,
    )
  }

  #onFailure(entry: TrackerEntry, cause: unknown): void {
    const error =
      cause instanceof DiscoveryError
        ? cause
        : new DiscoveryError('ERR_TRACKER', `tracker ${entry.name}: ${messageOf(cause)}`, cause)
    recordFailure(entry, error, this.#options)
    this.emit('warning', error)
  }

  async #sayGoodbye(entries: readonly TrackerEntry[], timeout: number): Promise<void> {
    const control = unboundedAbortController()
    const { signal } = control
    // The requests are built now, with the current counters.
    const announces = entries.map(async entry =>
      entry.tracker.announce(requestFor(entry, 'stopped', this.#options), { signal }),
    )
    await withTimeout(this.#options.clock, Promise.allSettled(announces), timeout)
    control.abort()
  }
}
