import type { Bitfield } from '../../codec/bitfield.ts'
import { messageOf, StorageError } from '../../errors.ts'
import { Emitter } from '../../ports/emitter.ts'
import { SETTLED_PROMISE } from '../../ports/settled-promise.ts'
import type { PartialBlocks } from '../../storage/resume-encoding.ts'
import type { Resume } from './find-verified-pieces.ts'
import type { Recheck } from './recheck.ts'

/** Milliseconds between two resume records of a running download. */
const SAVE_INTERVAL_MS = 60_000

/** Options of `ResumeSaver`. */
export interface ResumeSaverOptions {
  /** The record; undefined to save none. */
  readonly resume: Resume | undefined
  readonly recheck: Pick<Recheck, 'trusted'>
}

/** The unfinished pieces of a transfer. */
export interface UnfinishedPieces {
  /** Writes the blocks that have arrived of unfinished pieces, and resolves with all that are kept. */
  savePartial(): Promise<PartialBlocks>
}

/** Events of `ResumeSaver`. */
export interface ResumeSaverEvents {
  /** The record could not be saved. */
  warning: [error: StorageError]
}

/** Saves the resume record when there are more verified pieces or stored blocks than in the last one. */
export class ResumeSaver extends Emitter<ResumeSaverEvents> {
  readonly #options: ResumeSaverOptions
  /** The number of pieces, and of blocks of unfinished pieces, in the record. */
  #recorded = { pieces: 0, blocks: 0 }
  /** The time of the last record, in ms. */
  #savedAt = 0
  #writing = SETTLED_PROMISE

  constructor(options: ResumeSaverOptions) {
    super()
    this.#options = options
  }

  /** Saves the record when the last one is old. @param now in ms */
  tick(now: number, unfinished?: UnfinishedPieces): void {
    if (this.#savedAt === 0) this.#savedAt = now
    if (now - this.#savedAt <= SAVE_INTERVAL_MS) return
    this.#savedAt = now
    void this.write(unfinished)
  }

  /** Notes what the present record names: a save that would name no more is left out. */
  noteRecord(pieces: Bitfield, partial: PartialBlocks): void {
    this.#recorded = { pieces: pieces.count, blocks: blocksIn(partial) }
  }

  /** Notes that a piece in the record was lost, so that the next save writes it in any case. */
  invalidate(): void {
    this.#recorded = { pieces: 0, blocks: 0 }
  }

  /** Saves the record. Never rejects: a failure is a warning. @param unfinished the transfer, if there is one */
  write(unfinished?: UnfinishedPieces): Promise<void> {
    const { resume } = this.#options
    if (!resume) return this.#writing
    this.#writing = this.#writing
      .then(() => this.#save(resume, unfinished))
      .catch(error => {
        const message = `the resume record was not saved: ${messageOf(error)}`
        this.emit('warning', new StorageError('ERR_RECORD', message, error))
      })
    return this.#writing
  }

  async #save(resume: Resume, unfinished: UnfinishedPieces | undefined): Promise<void> {
    const partial = (await unfinished?.savePartial()) ?? new Map()
    const trusted = this.#options.recheck.trusted()
    const blocks = blocksIn(partial)
    if (trusted.count <= this.#recorded.pieces && blocks === this.#recorded.blocks) return
    this.#recorded = { pieces: trusted.count, blocks }
    await resume.write(trusted, partial)
  }
}

function blocksIn(partial: PartialBlocks): number {
  return [...partial.values()].reduce((sum, { count }) => sum + count, 0)
}
