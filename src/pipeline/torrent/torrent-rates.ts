import { ByteRate } from '../peer/byte-rate.ts'
import { RateHistory, type RateSample } from './rate-history.ts'

/** Bytes per second below which a rate need not fade any more. */
const MIN_SHOWN_RATE = 1

/** The rates of one torrent: now, and in the last ten minutes. */
export class TorrentRates {
  readonly #history = new RateHistory()
  #down = new ByteRate()
  #up = new ByteRate()

  /** Bytes per second from peers and web seeds, averaged over some seconds. */
  get down(): number {
    return this.#down.rate
  }

  /** Bytes per second to peers, averaged over some seconds. */
  get up(): number {
    return this.#up.rate
  }

  /** True while a rate is shown that changes by itself. */
  get isFading(): boolean {
    return Math.max(this.down, this.up) >= MIN_SHOWN_RATE
  }

  /** Takes the bytes that were transferred so far. */
  update(downloaded: number, uploaded: number, now: number): void {
    this.#history.update(downloaded, uploaded, now)
    this.#down.update(downloaded, now)
    this.#up.update(uploaded, now)
  }

  /** Sets the current rates to 0. */
  reset(): void {
    this.#down = new ByteRate()
    this.#up = new ByteRate()
  }

  /** Yields the rates of the last ten minutes. @param now in milliseconds of the clock */
  list(now: number): Iterable<RateSample> {
    return this.#history.list(now)
  }
}
