/** Milliseconds over which the share of hashing is measured. */
const SPAN_MS = 200

/**
 * Says when hashing takes so much of the main thread that other threads should do it: a policy.
 *
 * Inputs: how long the main thread takes to hash, the bytes that arrive, the time, and the share that is too much. A
 * download is limited by the main thread when hashing takes a third of its time, with SHA-NI, or 40 %, without.
 */
export class HashLoad {
  /** True while hashing takes, or would take, so large a share of the time of the main thread. */
  isHigh = false
  readonly #highShare: number
  /** The cost of hashing on the main thread, in milliseconds per byte. */
  #cost = 0
  #spanStart: number | undefined
  #spanBytes = 0

  /** @param highShare the share of the time that is too much, from 0 to 1 */
  constructor(highShare: number) {
    this.#highShare = highShare
  }

  /** Notes that the main thread hashed `bytes` bytes in `ms` milliseconds. */
  measure(bytes: number, ms: number): void {
    const cost = ms / bytes
    // While the process does not run, a call seems to take long.
    this.#cost = this.#cost === 0 ? cost : Math.min(cost, this.#cost * 1.1)
  }

  /** Notes that bytes were hashed, in whatever thread. */
  add(bytes: number, now: number): void {
    this.#spanStart ??= now
    this.#spanBytes += bytes
    const span = now - this.#spanStart
    if (span < SPAN_MS) return
    this.isHigh = this.#spanBytes * this.#cost >= span * this.#highShare
    this.#spanStart = now
    this.#spanBytes = 0
  }
}
