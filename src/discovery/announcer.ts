import { EventEmitter } from 'node:events'
import type { Clock, Timer } from '../clock.ts'
import type { PeerAddress } from '../codec/compact.ts'
import { DiscoveryError, messageOf } from '../errors.ts'
import type { AnnounceReply } from './announce-reply.ts'
import type { AnnounceEvent, AnnounceRequest } from './announce-request.ts'
import { retryDelay } from './retry-delay.ts'
import { Tiers } from './tiers.ts'
import { type Tracker, TrackerFailure } from './tracker.ts'
import { openTrackers, type TrackerEntry } from './tracker-list.ts'

export interface AnnouncerOptions {
  /** Tracker addresses as the torrent gives them (BEP 12); unusable and repeated ones are skipped. */
  readonly tiers: readonly (readonly string[])[]
  /** 20 bytes. */
  readonly infoHash: Uint8Array
  /** 20 bytes. */
  readonly peerId: Uint8Array
  /** Where we accept peers. */
  readonly port: number
  /** 32 bits of chance, the same for a whole run (BEP 7). */
  readonly key: number
  /** How many peers to ask for. @default 50 */
  readonly numwant?: number
  readonly clock: Clock
  /** Answers 0 <= x < 1. */
  readonly random: () => number
  /** Bytes so far, read when an announce is sent; `left` is 0 only for a seed, so not while it is unknown. */
  readonly stats: () => { readonly uploaded: number; readonly downloaded: number; readonly left: number }
  /** Opens a tracker; what it throws makes a warning, and the tracker is skipped. */
  readonly makeTracker: (url: string) => Tracker
}

/** How a tracker is doing, to be shown. */
export interface TrackerStatus {
  /** Its address without credentials, query and passkey. */
  readonly name: string
  readonly state: 'untried' | 'working' | 'failing'
  /** Why it is failing. */
  readonly error?: DiscoveryError
}

export interface AnnouncerEvents {
  /** Peers of one reply, none if the tracker knows nobody, and the name of the tracker. */
  peers: [peers: readonly PeerAddress[], source: string]
  /** A tracker failed, warned or can't be used. Nothing ends; what can be retried is. */
  warning: [error: DiscoveryError]
}

/**
 * Keeps the trackers of one torrent told about us, and asks them for peers: one tracker at a time in the
 * order of BEP 12, again after its interval, after failures with a growing delay.
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
  /** The round of announces under way. */
  #round: AbortController | undefined
  #rounding: Promise<void> = Promise.resolve()
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
    // Whoever stops as soon as it is complete has that news told first: it's what trackers count.
    if (this.#completion === 'due' && this.#round && timeout > 0) {
      const told = this.#within(this.#rounding, timeout / 2)
      return this.#keep(told.then(() => this.#leave(timeout / 2)))
    }
    return this.#leave(timeout)
  }

  #leave(timeout: number): Promise<void> {
    this.#round?.abort()
    this.#round = undefined
    const reached = this.#entries.filter(entry => entry.reached)
    for (const entry of this.#entries) entry.reached = entry.started = false
    if (timeout <= 0 || reached.length === 0) return this.#goodbye ?? Promise.resolve()
    return this.#keep(this.#sayGoodbye(reached, timeout))
  }

  #keep(leaving: Promise<void>): Promise<void> {
    const goodbye = leaving.then(() => {
      if (this.#goodbye === goodbye) this.#goodbye = undefined
    })
    this.#goodbye = goodbye
    return goodbye
  }

  /** Resolves when `work` is done, or `timeout` ms are over. */
  async #within(work: Promise<unknown>, timeout: number): Promise<void> {
    const { clock } = this.#options
    let timer: Timer | undefined
    const late = new Promise<void>(resolve => {
      timer = clock.setTimeout(resolve, timeout)
    })
    await Promise.race([work, late])
    clock.clearTimeout(timer)
  }

  #beginRound(): void {
    this.#rounding = this.#announceRound()
  }

  /** One attempt at every tracker whose turn it is, until one answers. */
  async #announceRound(): Promise<void> {
    const round = new AbortController()
    this.#round = round
    this.#schedule(Number.POSITIVE_INFINITY)
    // Only if there is one: the first announce goes out before `start` returns.
    if (this.#goodbye) await this.#goodbye
    let reply: AnnounceReply | undefined
    for (const entry of this.#tiers.order()) {
      if (round.signal.aborted) return
      if (entry.failures > 0 && entry.notBefore > this.#options.clock.now()) continue
      if ((reply = await this.#announce(entry, round.signal))) break
    }
    if (round.signal.aborted) return
    this.#round = undefined
    if (!this.#running) return
    const now = this.#options.clock.now()
    if (reply) this.#schedule(now + reply.interval * 1_000, now + reply.minInterval * 1_000)
    else this.#schedule(Math.min(...this.#entries.map(entry => entry.notBefore)))
  }

  /** Announces to one tracker and books the outcome; undefined if it failed or the round is over. */
  async #announce(entry: TrackerEntry, signal: AbortSignal): Promise<AnnounceReply | undefined> {
    const event = !entry.started ? 'started' : this.#completion === 'due' ? 'completed' : undefined
    let reply: AnnounceReply
    try {
      const request = this.#request(entry, event)
      entry.reached = true
      reply = await entry.tracker.announce(request, { signal })
    } catch (error) {
      if (!signal.aborted) this.#failed(entry, error)
      return undefined
    }
    if (signal.aborted) return undefined
    entry.started = true
    entry.failures = 0
    entry.error = undefined
    entry.trackerId = reply.trackerId ?? entry.trackerId
    this.#tiers.promote(entry)
    if (event === 'completed') this.#completion = 'sent'
    if (reply.warning !== undefined) {
      this.emit(
        'warning',
        new DiscoveryError('ERR_TRACKER_WARNING', `tracker ${entry.name}: ${reply.warning}`),
      )
    }
    // Some trackers hand us our own address; dialling it would be talking to ourselves.
    const isOwn = ({ host, port }: PeerAddress) => host === reply.externalIp && port === this.#options.port
    const peers = reply.peers.filter(peer => !isOwn(peer))
    this.emit('peers', peers, entry.name)
    // Completed meanwhile: that is news now, not at the next interval.
    if (this.#completion === 'due' && !signal.aborted) return this.#announce(entry, signal)
    return reply
  }

  #failed(entry: TrackerEntry, cause: unknown): void {
    const error =
      cause instanceof DiscoveryError
        ? cause
        : new DiscoveryError('ERR_TRACKER', `tracker ${entry.name}: ${messageOf(cause)}`, cause)
    const { clock, random } = this.#options
    const retryIn = error instanceof TrackerFailure ? error.retryIn : undefined
    entry.failures++
    entry.error = error
    entry.reached = entry.started
    const delay = retryIn === undefined ? retryDelay(entry.failures, random()) : retryIn * 1_000
    entry.notBefore = clock.now() + delay
    this.emit('warning', error)
  }

  async #sayGoodbye(entries: readonly TrackerEntry[], timeout: number): Promise<void> {
    const control = new AbortController()
    const { signal } = control
    // Built now: the counters belong to this moment.
    const sent = entries.map(async entry =>
      entry.tracker.announce(this.#request(entry, 'stopped'), { signal }),
    )
    await this.#within(Promise.allSettled(sent), timeout)
    control.abort()
  }

  #request(entry: TrackerEntry, event: AnnounceEvent | undefined): AnnounceRequest {
    const { infoHash, peerId, port, key, numwant = 50, stats } = this.#options
    const { uploaded, downloaded, left } = stats()
    return {
      infoHash,
      peerId,
      port,
      uploaded,
      downloaded,
      left,
      key,
      numwant: event === 'stopped' ? 0 : numwant,
      ...(event && { event }),
      ...(entry.trackerId && { trackerId: entry.trackerId }),
    }
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
