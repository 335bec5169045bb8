import { StorageError } from '../../errors.ts'
import type { Storage } from '../../storage/storage.ts'
import type { Recheck } from './recheck.ts'

/** The parts of the selection that `Completion` uses. */
export interface CompletedSelection {
  /** False for a torrent that only shares: its files stay as they are. */
  readonly writes: boolean
  /** True while every wanted piece is verified. */
  readonly isFinished: boolean
}

/** Options of `Completion`. */
export interface CompletionOptions {
  readonly storage: Storage
  readonly recheck: Recheck
  readonly selection: CompletedSelection
}

/** Maximum times that a complete torrent may lose pieces before it fails, as another program keeps writing to its files. */
const MAX_LOSSES = 3

/** Confirms that all files are complete before a torrent is done. */
export class Completion {
  readonly #options: CompletionOptions
  #running: Promise<boolean> | undefined
  #losses = 0

  constructor(options: CompletionOptions) {
    this.#options = options
  }

  /**
   * Completes the files and checks each by its path.
   * @param options.isFresh true if all files were just compared with a resume record: they are not checked again
   * @returns false if pieces were lost, which are downloaded again
   * Rejects with a StorageError; with ERR_CHANGED if pieces were lost too often.
   */
  confirmAll({ isFresh = false }: { readonly isFresh?: boolean } = {}): Promise<boolean> {
    this.#running ??= this.#confirmAll(isFresh).finally(() => {
      this.#running = undefined
    })
    return this.#running
  }

  /** Checks each file once more. Rejects with ERR_CHANGED if pieces are missing. */
  async confirm(): Promise<void> {
    const { recheck, selection } = this.#options
    await recheck.checkAllFiles()
    if (!selection.isFinished) throw changed(recheck)
  }

  async #confirmAll(isFresh: boolean): Promise<boolean> {
    const { recheck, selection, storage } = this.#options
    for (;;) {
      if (selection.writes) await storage.complete()
      if (isFresh) return true
      const found = await recheck.checkAllFiles()
      if (!selection.isFinished) {
        if (++this.#losses > MAX_LOSSES) throw changed(recheck)
        return false
      }
      // A changed file with the right bytes may be incomplete in another way: a missing empty file, a length.
      if (!found) return true
    }
  }
}

function changed({ changedPath }: Recheck): StorageError {
  return new StorageError(
    'ERR_CHANGED',
    `${changedPath} was changed by another program, and is not complete (leave it alone while tsdl runs, and run it again)`,
  )
}
