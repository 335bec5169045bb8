import { messageOf, StorageError } from '../../errors.ts'
import type { PartialBlocks } from '../../storage/resume-record.ts'
import type { Resume } from './find-verified-pieces.ts'
import type { Recheck } from './recheck.ts'

/** Milliseconds between resume records of a download that goes on. */
const INTERVAL = 60_000

export interface ResumeSaverOptions {
  /** Where the record is. @default none is saved */
  readonly resume: Resume | undefined
  readonly recheck: Pick<Recheck, 'trusted'>
  /** Writes what has arrived of unfinished pieces to its place, and tells which blocks are there. */
  readonly savePartial: () => Promise<PartialBlocks>
  readonly failed: (error: StorageError) => void
}

/** Saves the resume record when there is more than it names. The next run hashes pieces that it does not name. */
export class ResumeSaver {
  readonly #options: ResumeSaverOptions
  /** How many pieces, and blocks of unfinished ones, the record names, and when it was written, in ms. */
  #recorded = { pieces: 0, blocks: 0 }
  #at = 0
  #writing: Promise<void> = Promise.resolve()

  constructor(options: ResumeSaverOptions) {
    this.#options = options
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
    this.#recorded = { pieces: 0, blocks: 0 }
  }

  /** Saves it. Never rejects: a failure is a warning. */
  write(): Promise<void> {
    const { failed, resume } = this.#options
    if (!resume) return this.#writing
    this.#writing = this.#writing
      .then(() => this.#save(resume))
      .catch(error => {
        failed(new StorageError('ERR_RECORD', `no resume record was left: ${messageOf(error)}`, error))
      })
    return this.#writing
  }

  async #save(resume: Resume): Promise<void> {
    const partial = await this.#options.savePartial()
    const trusted = this.#options.recheck.trusted()
    const blocks = [...partial.values()].reduce((sum, { count }) => sum + count, 0)
    if (trusted.count <= this.#recorded.pieces && blocks === this.#recorded.blocks) return
    this.#recorded = { pieces: trusted.count, blocks }
    await resume.write(trusted, partial)
  }
}
