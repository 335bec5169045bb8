/**
 * Tells when a torrent has waited for peers for too long.
 *
 * Inputs: the bytes received so far; whether the torrent waits for peers; the time.
 */
export class StallTimer {
  readonly #timeoutMs: number
  #received = 0
  /** The time of the last byte, of the last look at which the torrent waited for something else, or of the first look. */
  #since: number | undefined

  /** @param timeoutMs milliseconds without a byte after which a torrent is stalled; 0 for never */
  constructor(timeoutMs = 0) {
    this.#timeoutMs = timeoutMs
  }

  /** Begins to measure anew at the next `update`. */
  restart(): void {
    this.#since = undefined
  }

  /** @returns true if the torrent is stalled */
  update(received: number, waits: boolean, now: number): boolean {
    if (this.#since === undefined || received > this.#received || !waits) this.#since = now
    this.#received = received
    return this.#timeoutMs > 0 && now - this.#since > this.#timeoutMs
  }
}
