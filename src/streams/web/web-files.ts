import { Bitfield } from '../../codec/bitfield.ts'
import type { WebSite } from '../../metainfo/web-site.ts'

/** Milliseconds until a failed file is requested again, doubled with each further failure, and the maximum. */
const FILE_RETRY_MS = 60_000
const MAX_FILE_RETRY_MS = 3_600_000

/** A file that failed. */
interface Failure {
  count: number
  /** The time of the next request; undefined after that time, until the response. */
  until: number | undefined
}

/**
 * Decides which pieces a web seed has: all except those in files that rest after a failure.
 *
 * Inputs: which files failed, how often in a row and when; which were received; the time.
 */
export class WebFiles {
  /** A new one after each change. */
  bits: Bitfield
  readonly #site: WebSite
  readonly #failures = new Map<number, Failure>()
  /** The number of resting files in each piece. */
  readonly #lacking = new Map<number, number>()
  /** The earliest end of a rest. */
  #earliest = Number.POSITIVE_INFINITY

  constructor(site: WebSite, pieceCount: number) {
    this.#site = site
    this.bits = Bitfield.full(pieceCount)
  }

  /** Lets a failed file rest. @returns false if it rests already, or is empty */
  markMissing(key: number, now: number): boolean {
    const { first, last } = this.#site.piecesOf(key) ?? { first: 0, last: -1 }
    const failure = this.#failures.get(key) ?? { count: 0, until: undefined }
    if (failure.until !== undefined || last < first) return false
    failure.until = now + Math.min(MAX_FILE_RETRY_MS, FILE_RETRY_MS * 2 ** Math.min(failure.count++, 16))
    this.#failures.set(key, failure)
    this.#earliest = Math.min(this.#earliest, failure.until)
    this.bits = this.bits.clone()
    for (let index = first; index <= last; index++) {
      this.#lacking.set(index, (this.#lacking.get(index) ?? 0) + 1)
      this.bits.delete(index)
    }
    return true
  }

  /** Forgets the failures of a file that was received. */
  markFound(key: number): void {
    if (this.#failures.size > 0 && this.#failures.get(key)?.until === undefined) this.#failures.delete(key)
  }

  /** Ends the rests that are over. @returns true if there are more pieces than before */
  expire(now: number): boolean {
    if (now < this.#earliest) return false
    const { count } = this.bits
    this.bits = this.bits.clone()
    this.#earliest = Number.POSITIVE_INFINITY
    for (const [key, failure] of this.#failures) {
      if (failure.until === undefined) continue
      if (failure.until > now) this.#earliest = Math.min(this.#earliest, failure.until)
      else {
        failure.until = undefined
        this.#restore(key)
      }
    }
    return this.bits.count > count
  }

  #restore(key: number): void {
    const { first, last } = this.#site.piecesOf(key)!
    for (let index = first; index <= last; index++) {
      const lacking = this.#lacking.get(index)! - 1
      if (lacking > 0) this.#lacking.set(index, lacking)
      else {
        this.#lacking.delete(index)
        this.bits.add(index)
      }
    }
  }
}
