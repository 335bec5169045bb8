/**
 * Decides when a torrent has waited for peers for too long.
 *
 * Inputs: the bytes received so far; whether the torrent waits for peers; the time.
 */
export class StallTimer {
  readonly #timeoutMs: number
  #received = 0
  /** The time of the last byte, of the last update in which the torrent did not wait for peers, or of the first update. */
  #since: number | undefined

  /** @param timeoutMs milliseconds without a byte after which a torrent is stalled; 0 for never */
  constructor(timeoutMs = 0) {
    this.#timeoutMs = timeoutMs
  }

  /** Restarts the measurement at the next `update`. */
  restart(): void {
    this.#since = undefined
  }

  /** Updates the measurement. @returns true if the torrent is stalled */
  update(received: number, waits: boolean, now: number): boolean {
    if (this.#since === undefined || received > this.#received || !waits) this.#since = now
    this.#received = received
    return this.#timeoutMs > 0 && now - this.#since > this.#timeoutMs
  }
}
