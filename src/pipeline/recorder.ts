import { messageOf, StorageError } from '../errors.ts'
import type { Recheck } from './recheck.ts'
import type { Resume } from './stock.ts'

/** Milliseconds between resume records of a download that goes on. */
const INTERVAL = 60_000

/** Saves the resume record when more pieces are verified than it names. The next run hashes those that it does not name. */
export class Recorder {
  readonly #resume: Resume | undefined
  readonly #recheck: Pick<Recheck, 'trusted'>
  readonly #failed: (error: StorageError) => void
  /** How many pieces the record names, and when it was written, in ms. */
  #recorded = 0
  #at = 0
  #writing: Promise<void> = Promise.resolve()

  constructor(
    resume: Resume | undefined,
    recheck: Pick<Recheck, 'trusted'>,
    failed: (error: StorageError) => void,
  ) {
    this.#resume = resume
    this.#recheck = recheck
    this.#failed = failed
  }

  /** Saves it when the last one is old. @param now in ms */
  tick(now: number): void {
    if (this.#at === 0) this.#at = now
    if (now - this.#at <= INTERVAL) return
    this.#at = now
    void this.write()
  }

  /** A piece that the record names is lost: it is to be written anew. */
  lost(): void {
    this.#recorded = 0
  }

  /** Saves it. Never rejects: a failure is a warning. */
  write(): Promise<void> {
    const resume = this.#resume
    const trusted = this.#recheck.trusted()
    if (!resume || trusted.count <= this.#recorded) return this.#writing
    this.#recorded = trusted.count
    this.#writing = this.#writing
      .then(() => resume.write(trusted))
      .catch(error => {
        this.#failed(new StorageError('ERR_RECORD', `no resume record was left: ${messageOf(error)}`, error))
      })
    return this.#writing
  }
}
