import { ByteRate } from '../peer/byte-rate.ts'
import { RateHistory, type RateSample } from './rate-history.ts'

/** Bytes per second below which a rate need not fade any more. */
const MIN_SHOWN_RATE = 1

/** The rates of one torrent: now, and in the last ten minutes. It takes no memory before the first byte. */
export class TorrentRates {
  #history: RateHistory | undefined
  #down: ByteRate | undefined
  #up: ByteRate | undefined
  /** The time of the last update before the first byte. */
  #emptyAt: number | undefined

  /** Bytes per second from peers and web seeds, averaged over some seconds. */
  get down(): number {
    return this.#down?.rate ?? 0
  }

  /** Bytes per second to peers, averaged over some seconds. */
  get up(): number {
    return this.#up?.rate ?? 0
  }

  /** True while a rate is shown that changes by itself. */
  get isFading(): boolean {
    return Math.max(this.down, this.up) >= MIN_SHOWN_RATE
  }

  /** Takes the bytes that were transferred so far. */
  update(downloaded: number, uploaded: number, now: number): void {
    if (!this.#history && downloaded === 0 && uploaded === 0) {
      this.#emptyAt = now
      return
    }
    this.#history ??= new RateHistory()
    this.#down ??= this.#makeRate()
    this.#up ??= this.#makeRate()
    this.#history.update(downloaded, uploaded, now)
    this.#down.update(downloaded, now)
    this.#up.update(uploaded, now)
    this.#emptyAt = undefined
  }

  /** Sets the current rates to 0. */
  reset(): void {
    this.#down = this.#up = undefined
  }

  /** Yields the rates of the last ten minutes. @param now in milliseconds of the clock */
  list(now: number): Iterable<RateSample> {
    return this.#history?.list(now) ?? []
  }

  #makeRate(): ByteRate {
    const rate = new ByteRate()
    if (this.#emptyAt !== undefined) rate.update(0, this.#emptyAt)
    return rate
  }
}
