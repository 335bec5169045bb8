import type { Fetcher } from '../../streams/block-source.ts'

/** Milliseconds for which the group is not measured again. */
const MEASURE_INTERVAL_MS = 50
/** A fetcher with a wait of at most this many times the quickest counts as quick. */
const QUICK_RATIO = 2

/**
 * Compares a fetcher with all others of a torrent.
 *
 * Inputs: the fetchers, how long each takes for a block, its rate, and whether it takes requests; the time.
 */
export class FetcherGroup {
  readonly #fetchers = new Set<Fetcher>()
  #measuredAt = Number.NEGATIVE_INFINITY
  #ready = 1
  #quickestMs = 0
  /** Bytes per millisecond. */
  #meanRate = 0

  add(fetcher: Fetcher): void {
    this.#fetchers.add(fetcher)
  }

  delete(fetcher: Fetcher): void {
    this.#fetchers.delete(fetcher)
  }

  /** Returns true if another fetcher takes requests for this piece, and fulfils the condition. */
  hasOther(fetcher: Fetcher, index: number, isSuitable: (other: Fetcher) => boolean): boolean {
    for (const other of this.#fetchers)
      if (other !== fetcher && other.ready && other.offers(index) && isSuitable(other)) return true
    return false
  }

  /** Returns how much longer than the quickest it takes, in milliseconds; 0 if it is quick, or its wait is unknown. */
  excessWaitOf({ window: { meanWaitMs = 0 } }: Fetcher, now: number): number {
    this.#measure(now)
    return meanWaitMs > QUICK_RATIO * this.#quickestMs ? meanWaitMs - this.#quickestMs : 0
  }

  /**
   * Returns the share of a piece that comes from this fetcher if all bring it together, from 0 to 1. Half of it is that of
   * an average fetcher, because rates vary.
   */
  shareOf({ window: { rate } }: Fetcher, now: number): number {
    this.#measure(now)
    const ratio = rate && this.#meanRate > 0 ? rate / this.#meanRate : 1
    return Math.min(1, (1 + ratio) / 2 / this.#ready)
  }

  #measure(now: number): void {
    if (now - this.#measuredAt < MEASURE_INTERVAL_MS) return
    this.#measuredAt = now
    let [ready, known, sum] = [0, 0, 0]
    this.#quickestMs = Number.POSITIVE_INFINITY
    for (const fetcher of this.#fetchers) {
      if (!fetcher.ready) continue
      const { meanWaitMs = Number.POSITIVE_INFINITY, rate } = fetcher.window
      ready++
      this.#quickestMs = Math.min(this.#quickestMs, meanWaitMs)
      if (!rate) continue
      known++
      sum += rate
    }
    this.#ready = Math.max(1, ready)
    this.#meanRate = known > 0 ? sum / known : 0
  }
}
