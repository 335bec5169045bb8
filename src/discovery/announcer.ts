import { EventEmitter } from 'node:events'
import type { PeerAddress } from '../codec/compact.ts'
import { DiscoveryError, messageOf } from '../errors.ts'
import { unboundedAbortController } from '../ports/abort.ts'
import type { Timer } from '../ports/clock.ts'
import { withTimeout } from '../ports/with-timeout.ts'
import type { AnnounceReply } from './announce-reply.ts'
import {
  type AnnouncerEvents,
  type AnnouncerOptions,
  requestFor,
  type TrackerStatus,
} from './announcer-options.ts'
import { retryDelay } from './retry-delay.ts'
import { Tiers } from './tiers.ts'
import { TrackerFailure } from './tracker.ts'
import { openTrackers, type TrackerEntry } from './tracker-list.ts'

/** What a tracker said, and which one it was. */
interface Answer {
  readonly entry: TrackerEntry
  readonly reply: AnnounceReply
}

/** Milliseconds until trackers hear of a partial seed: most leave as soon as they have what they want. */
const PARTIAL_DELAY_MS = 1_000
/** Milliseconds that a tracker has to answer until the next one is asked as well. */
const PATIENCE = 5_000

/**
 * Keeps the trackers of one torrent told about us, and asks them for peers: one tracker at a time in the
 * order of BEP 12, again after its interval, after failures with a growing delay. One that is silent is waited for (a UDP
 * tracker for two hours), but not by the others: after five seconds the next one has its turn.
 */
export class Announcer extends EventEmitter<AnnouncerEvents> {
  readonly #options: AnnouncerOptions
  readonly #entries: readonly TrackerEntry[]
  readonly #tiers: Tiers<TrackerEntry>
  /** Warnings to be given at the first start, when somebody listens. */
  #skipped: DiscoveryError[]
  #running = false
  /** `never`: it was complete at the start, which is no completion. */
  #completion: 'unknown' | 'never' | 'pending' | 'due' | 'sent' = 'unknown'
  /** Gives up all announces of a run. */
  #run = unboundedAbortController()
  /** The round of announces under way. */
  #round: Promise<void> | undefined
  /** What came in this round from a tracker that it no longer waited for. */
  #late: Answer | undefined
  /** Whether the last round had an answer, so that it is known when the next one is due. */
  #answered = false
  /** The goodbyes under way: a new start waits for them, or they'd come after it. */
  #goodbye: Promise<void> | undefined
  #timer: Timer | undefined
  /** Clock time of the next round, and how early `more` may bring it forward. */
  #next = { at: Number.POSITIVE_INFINITY, earliest: Number.POSITIVE_INFINITY }

  constructor(options: AnnouncerOptions) {
    super()
    const { tiers, skipped } = openTrackers(options.tiers, options.makeTracker)
    this.#options = options
    this.#entries = tiers.flat()
    this.#tiers = new Tiers(tiers, options.random)
    this.#skipped = skipped
  }

  /** The usable trackers; an empty list means that no peers will ever come from here. */
  get trackers(): TrackerStatus[] {
    return this.#entries.map(({ name, started, error }) =>
      error ? { name, state: 'failing', error } : { name, state: started ? 'working' : 'untried' },
    )
  }

  /** Begins a run with event=started, and repeats the announces until `stop`; also after a stop. */
  start(): void {
    if (this.#running) return
    this.#running = true
    this.#run = unboundedAbortController()
    if (this.#completion === 'unknown') {
      this.#completion = this.#options.stats().left === 0 ? 'never' : 'pending'
    }
    for (const error of this.#skipped.splice(0)) this.emit('warning', error)
    this.#beginRound()
  }

  /** Says that the download is complete: event=completed once, unless it was so when first started. */
  complete(): void {
    if (this.#completion !== 'pending') return
    this.#completion = 'due'
    if (this.#running && !this.#round) this.#beginRound()
  }

  /** Says that what is wanted is there, and more is missing: event=paused with each announce from now on (BEP 21). */
  becomePartialSeed(): void {
    const soon = this.#options.clock.now() + PARTIAL_DELAY_MS
    const { at, earliest } = this.#next
    if (this.#running && !this.#round && soon < at) this.#schedule(soon, Math.min(soon, earliest))
  }

  /** Asks for more peers as soon as the tracker allows; one that fails is not asked earlier for it. */
  more(): void {
    const { at, earliest } = this.#next
    if (this.#running && !this.#round && earliest < at) this.#schedule(earliest, earliest)
  }

  /**
   * Ends the run: event=stopped to every tracker that may know us. Never rejects.
   * @param options.timeout milliseconds to wait at most, 0 to say nothing. Default 1,500
   */
  stop({ timeout = 1_500 }: { readonly timeout?: number } = {}): Promise<void> {
    if (!this.#running) return this.#goodbye ?? Promise.resolve()
    this.#running = false
    this.#schedule(Number.POSITIVE_INFINITY)
    const { clock } = this.#options
    const run = this.#run
    // Whoever stops as soon as it is complete has that news told first: it's what trackers count.
    const leaving =
      this.#completion === 'due' && this.#round && timeout > 0
        ? withTimeout(clock, this.#round, timeout / 2).then(() => this.#leave(run, timeout / 2))
        : this.#leave(run, timeout)
    return this.#keep(Promise.all([this.#goodbye, leaving]))
  }

  async #leave(run: AbortController, timeout: number): Promise<void> {
    run.abort()
    if (this.#run === run) this.#round = undefined
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
    const round = this.#announceRound(this.#run.signal).then(() => {
      if (this.#round === round) this.#round = undefined
    })
    this.#round = round
  }

  /** One attempt at every tracker whose turn it is, until one answers. */
  async #announceRound(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options
    this.#schedule(Number.POSITIVE_INFINITY)
    this.#late = undefined
    // Only if there is one: the first announce goes out before `start` returns.
    if (this.#goodbye) await this.#goodbye
    for (const entry of this.#tiers.order()) {
      if (signal.aborted) return
      if (entry.asking || (entry.failures > 0 && entry.notBefore > clock.now())) continue
      const announced = this.#announce(entry, signal)
      const reply = await withTimeout(clock, announced, PATIENCE)
      if (signal.aborted) return
      if (reply) return this.#plan({ entry, reply })
      if (entry.asking) this.#waitFor(entry, announced, signal)
    }
    if (!signal.aborted) this.#plan(this.#late)
  }

  /** Lets an announce go on while others have their turn. */
  #waitFor(entry: TrackerEntry, announced: Promise<AnnounceReply | undefined>, signal: AbortSignal): void {
    // It may never have heard of us: no goodbye waits for it.
    entry.reached = entry.started
    entry.error ??= new DiscoveryError('ERR_TRACKER', `tracker ${entry.name}: no answer yet`)
    announced.then(reply => {
      if (signal.aborted) return
      const answer = reply && { entry, reply }
      if (this.#round) this.#late ??= answer
      else if (!this.#answered) this.#plan(answer)
    })
  }

  /** Says when the next round is due, after one that this answer ended, or none. */
  #plan(answer: Answer | undefined): void {
    if (!this.#running) return
    const now = this.#options.clock.now()
    this.#answered = answer !== undefined
    if (answer) {
      const { entry, reply } = answer
      this.#tiers.promote(entry)
      this.#schedule(now + reply.interval * 1_000, now + reply.minInterval * 1_000)
    } else {
      const failed = this.#entries.filter(entry => !entry.asking)
      this.#schedule(Math.min(...failed.map(entry => entry.notBefore)))
    }
  }

  /** Announces to one tracker and books the outcome; undefined if it failed or the round is over. */
  async #announce(entry: TrackerEntry, signal: AbortSignal): Promise<AnnounceReply | undefined> {
    const event = !entry.started ? 'started' : this.#completion === 'due' ? 'completed' : undefined
    let reply: AnnounceReply
    let paused = false
    entry.asking = true
    try {
      const request = requestFor(entry, event, this.#options)
      paused = request.event === 'paused'
      entry.reached = true
      const more = (late: AnnounceReply) => {
        if (!signal.aborted) this.#found(entry, late)
      }
      reply = await entry.tracker.announce(request, { signal, more })
    } catch (error) {
      if (!signal.aborted) this.#failed(entry, error)
      return undefined
    }
    if (signal.aborted) return undefined
    entry.asking = false
    entry.reached = true
    entry.started = true
    entry.paused = paused
    entry.failures = 0
    entry.error = undefined
    entry.trackerId = reply.trackerId ?? entry.trackerId
    if (event === 'completed') this.#completion = 'sent'
    if (reply.warning !== undefined) {
      this.emit(
        'warning',
        new DiscoveryError('ERR_TRACKER_WARNING', `tracker ${entry.name}: ${reply.warning}`),
      )
    }
    this.#found(entry, reply)
    // Completed meanwhile, or a partial seed: that is news now, not at the next interval.
    if ((this.#completion === 'due' || this.#owesPaused(entry)) && !signal.aborted) {
      return this.#announce(entry, signal)
    }
    return reply
  }

  /** Whether a tracker takes us for a downloader, and could know better. */
  #owesPaused({ paused, tracker }: TrackerEntry): boolean {
    return !paused && tracker.takesPaused === true && this.#options.stats().partial === true
  }

  #found(entry: TrackerEntry, { externalIp, peers }: AnnounceReply): void {
    // Some trackers hand us our own address (BEP 24); dialling it would be talking to ourselves.
    const isOwn = ({ host, port }: PeerAddress) => host === externalIp && port === this.#options.port
    this.emit(
      'peers',
      peers.filter(peer => !isOwn(peer)),
      entry.name,
    )
  }

  #failed(entry: TrackerEntry, cause: unknown): void {
    const error =
      cause instanceof DiscoveryError
        ? cause
        : new DiscoveryError('ERR_TRACKER', `tracker ${entry.name}: ${messageOf(cause)}`, cause)
    const { clock, random } = this.#options
    const retryIn = error instanceof TrackerFailure ? error.retryIn : undefined
    entry.asking = false
    entry.failures++
    entry.error = error
    entry.reached = entry.started
    const delay = retryIn === undefined ? retryDelay(entry.failures, random()) : retryIn * 1_000
    entry.notBefore = clock.now() + delay
    this.emit('warning', error)
  }

  async #sayGoodbye(entries: readonly TrackerEntry[], timeout: number): Promise<void> {
    const control = unboundedAbortController()
    const { signal } = control
    // Built now: the counters belong to this moment.
    const sent = entries.map(async entry =>
      entry.tracker.announce(requestFor(entry, 'stopped', this.#options), { signal }),
    )
    await withTimeout(this.#options.clock, Promise.allSettled(sent), timeout)
    control.abort()
  }

  /** Sets the time of the next round in place of the last one set; Infinity means none. */
  #schedule(at: number, earliest = Number.POSITIVE_INFINITY): void {
    const { clock } = this.#options
    clock.clearTimeout(this.#timer)
    this.#timer = undefined
    this.#next = { at, earliest }
    if (at === Number.POSITIVE_INFINITY) return
    this.#timer = clock.setTimeout(() => this.#beginRound(), Math.max(0, at - clock.now()))
  }
}
