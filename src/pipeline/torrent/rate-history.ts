/** Milliseconds of one sample, and the number of samples that are kept: ten minutes. */
export const RATE_SAMPLE_MS = 2000
const MAX_RATE_SAMPLES = 300

/** Bytes that were received and sent in one sample of `RATE_SAMPLE_MS`. */
export interface RateSample {
  /** The number of the sample: its start in ms of the clock, divided by its length. */
  readonly slot: number
  readonly down: number
  readonly up: number
}

/** The rates of the last ten minutes. It takes no memory before the first byte, and no time while nothing is transferred. */
export class RateHistory {
  #samples: Float64Array | undefined
  /** The slots of the samples, in the same order. */
  readonly #slots: number[] = []
  #downloaded = 0
  #uploaded = 0

  /** Takes the counts of all bytes until now. */
  update(downloaded: number, uploaded: number, now: number): void {
    const down = downloaded - this.#downloaded
    const up = uploaded - this.#uploaded
    this.#downloaded = downloaded
    this.#uploaded = uploaded
    if (down <= 0 && up <= 0) return
    this.#samples ??= new Float64Array(2 * MAX_RATE_SAMPLES)
    const slot = Math.floor(now / RATE_SAMPLE_MS)
    const at = slot % MAX_RATE_SAMPLES
    const isNew = this.#slots[at] !== slot
    this.#slots[at] = slot
    this.#samples[2 * at] = (isNew ? 0 : this.#samples[2 * at]!) + Math.max(0, down)
    this.#samples[2 * at + 1] = (isNew ? 0 : this.#samples[2 * at + 1]!) + Math.max(0, up)
  }

  /** Yields the samples with any bytes that are not older than ten minutes, in no order. */
  *list(now: number): Generator<RateSample> {
    if (!this.#samples) return
    const first = Math.floor(now / RATE_SAMPLE_MS) - MAX_RATE_SAMPLES
    for (const [at, slot] of this.#slots.entries())
      if (slot > first) yield { slot, down: this.#samples[2 * at]!, up: this.#samples[2 * at + 1]! }
  }
}
