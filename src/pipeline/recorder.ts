import type { Bitfield } from '../codec/bitfield.ts'
import { messageOf, StorageError } from '../errors.ts'
import type { Resume } from './stock.ts'

/** Milliseconds between resume records of a download that goes on. */
const INTERVAL = 60_000

/** Leaves word of what there is, if there is more than before; a run that comes after this one hashes it otherwise. */
export class Recorder {
  readonly #resume: Resume | undefined
  readonly #verified: Bitfield
  readonly #failed: (error: StorageError) => void
  /** How many pieces the record speaks of, and since when. */
  #recorded = 0
  #at = 0
  #writing: Promise<void> = Promise.resolve()

  constructor(resume: Resume | undefined, verified: Bitfield, failed: (error: StorageError) => void) {
    this.#resume = resume
    this.#verified = verified
    this.#failed = failed
  }

  /** It is this time now, in ms: writes one when the last is old. */
  tick(now: number): void {
    if (this.#at === 0) this.#at = now
    if (now - this.#at <= INTERVAL) return
    this.#at = now
    void this.write()
  }

  /** Never rejects: a record that could not be written is told of. */
  write(): Promise<void> {
    const resume = this.#resume
    const { count } = this.#verified
    if (!resume || count <= this.#recorded) return this.#writing
    this.#recorded = count
    this.#writing = this.#writing
      .then(() => resume.write(this.#verified))
      .catch(error => {
        this.#failed(new StorageError('ERR_RECORD', `no resume record was left: ${messageOf(error)}`, error))
      })
    return this.#writing
  }
}
