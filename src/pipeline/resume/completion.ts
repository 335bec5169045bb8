import { StorageError } from '../../errors.ts'
import type { Storage } from '../../storage/storage.ts'
import type { Recheck } from './recheck.ts'

export interface CompletionOptions {
  readonly storage: Storage
  readonly recheck: Recheck
  /** False for a torrent that only shares: its files stay as they are. */
  readonly writes: boolean
  /** True while every wanted piece is verified. */
  readonly finished: () => boolean
}

/** How often a torrent may lose pieces when it is complete before it fails: another program keeps writing to it. */
const MAX_LOSSES = 3

/** Looks whether the bytes are really at their paths, before a torrent is called done. */
export class Completion {
  readonly #options: CompletionOptions
  #running: Promise<boolean> | undefined
  #losses = 0

  constructor(options: CompletionOptions) {
    this.#options = options
  }

  /**
   * Completes the files and looks at each by its path.
   * @returns false when pieces were lost, which are to be fetched again
   * Rejects with a StorageError; with ERR_CHANGED when that happens too often.
   */
  run(): Promise<boolean> {
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined
    })
    return this.#running
  }

  /** Looks at each file once more. Rejects with ERR_CHANGED when pieces are missing since. */
  async confirm(): Promise<void> {
    const { finished, recheck } = this.#options
    await recheck.lookAtAll()
    if (!finished()) throw changed(recheck)
  }

  async #run(): Promise<boolean> {
    const { finished, recheck, storage, writes } = this.#options
    for (;;) {
      if (writes) await storage.complete()
      const found = await recheck.lookAtAll()
      if (!finished()) {
        if (++this.#losses > MAX_LOSSES) throw changed(recheck)
        return false
      }
      // What was changed and is right may be incomplete in another way: an empty file that is gone, a length.
      if (!found) return true
    }
  }
}

function changed({ changed }: Recheck): StorageError {
  return new StorageError(
    'ERR_CHANGED',
    `${changed} was changed by another program, and is not complete (leave it alone while tsdl runs, and run it again)`,
  )
}
