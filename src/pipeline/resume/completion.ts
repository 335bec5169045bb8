import { StorageError } from '../../errors.ts'
import type { Storage } from '../../storage/storage.ts'
import type { Recheck } from './recheck.ts'

export interface CompletionOptions {
  readonly storage: Storage
  readonly recheck: Recheck
  /** Returns false for a torrent that only shares: its files stay as they are. */
  readonly writes: () => boolean
  /** True while every wanted piece is verified. */
  readonly finished: () => boolean
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
   * @returns false if pieces were lost, which are downloaded again
   * Rejects with a StorageError; with ERR_CHANGED if pieces were lost too often.
   */
  run(): Promise<boolean> {
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined
    })
    return this.#running
  }

  /** Checks each file once more. Rejects with ERR_CHANGED if pieces are missing. */
  async confirm(): Promise<void> {
    const { finished, recheck } = this.#options
    await recheck.checkAllFiles()
    if (!finished()) throw changed(recheck)
  }

  async #run(): Promise<boolean> {
    const { finished, recheck, storage, writes } = this.#options
    for (;;) {
      if (writes()) await storage.complete()
      const found = await recheck.checkAllFiles()
      if (!finished()) {
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
