import type { Clock } from '../../ports/clock.ts'
import type { LoopLoad } from '../../ports/loop-load.ts'
import type { Bottleneck } from '../diagnosis/bottleneck.ts'
import { findBottleneck } from '../diagnosis/find-bottleneck.ts'
import { AvailabilityGauge } from './availability-gauge.ts'
import { type Counters, readCounters } from './counters.ts'
import type { TorrentParts } from './progress.ts'
import { situationOf } from './situation-of.ts'

/** Milliseconds over which waits are measured: long enough for several blocks of a slow peer, and short enough to follow a change. */
const WINDOW_MS = 2_000
/** Milliseconds after the last sample from which on a new measurement begins. */
const MAX_GAP_MS = 1_500
/** Milliseconds for which a verdict is kept, as it costs O(addresses). */
const VERDICT_LIFE_MS = 500

/** Measures what limits a torrent: samples the counters of its stages while it downloads. */
export class BottleneckMeter {
  readonly #clock: Clock
  readonly #loop: LoopLoad | undefined
  /** The oldest first. */
  #samples: Counters[] = []
  readonly #availability = new AvailabilityGauge()
  #isRunning = false
  #verdict: Bottleneck | undefined
  /** When the verdict was found, and in which state. */
  #foundAt = 0
  #foundIn = ''

  /** @param loop the event loop to measure, if its time is that of the clock */
  constructor(clock: Clock, loop: LoopLoad | undefined) {
    this.#clock = clock
    this.#loop = loop
  }

  /** Samples the counters. Called several times a second while the torrent downloads. */
  sample(parts: TorrentParts, now: number): void {
    if (!this.#isRunning) this.#loop?.start()
    this.#isRunning = true
    const last = this.#samples.at(-1)
    if (last && now - last.at > MAX_GAP_MS) this.#samples = []
    this.#samples.push(readCounters(parts, now, this.#loop, this.#samples.at(-1)))
    while (this.#samples.length > 2 && now - this.#samples[1]!.at >= WINDOW_MS) this.#samples.shift()
  }

  /** Measures no more, until the next sample. Idempotent. */
  stop(): void {
    this.#samples = []
    if (this.#isRunning) this.#loop?.stop()
    this.#isRunning = false
  }

  /** Returns what limits the torrent. */
  read(parts: TorrentParts): Bottleneck {
    const now = this.#clock.now()
    const isCurrent = now - this.#foundAt < VERDICT_LIFE_MS && this.#foundIn === parts.state
    if (this.#verdict && isCurrent) return this.#verdict
    const latest = this.#samples.at(-1)
    const samples = latest && now - latest.at <= MAX_GAP_MS ? this.#samples : []
    const measured = { first: samples[0], last: samples.at(-1), availability: this.#availability }
    this.#foundAt = now
    this.#foundIn = parts.state
    this.#verdict = findBottleneck(situationOf(parts, measured))
    return this.#verdict
  }
}
