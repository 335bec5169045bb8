import type { FileEntry } from '../metainfo/metainfo.ts'
import { SETTLED_PROMISE } from '../ports/settled-promise.ts'

/** The files with bytes that may not be on the device yet. */
export class UnsyncedFiles {
  /** Made when needed, as most torrents are idle. */
  #files: Set<FileEntry> | undefined
  /** The last `sync`. After a failure all later ones fail. */
  #last = SETTLED_PROMISE

  /** Adds a file after a write, since a `sync` that began before the write does not cover its bytes. */
  add(file: FileEntry): void {
    this.#files ??= new Set()
    this.#files.add(file)
  }

  /** Makes all later calls of `sync` fail, as bytes of a file could not be put on the device. */
  fail(error: Error): void {
    this.#last = this.#last.then(() => {
      throw error
    })
    this.#last.catch(() => {})
  }

  /**
   * Resolves when the bytes of all added files are on the device. After a failure it always rejects: a system forgets
   * bytes that it could not write, and the next `fdatasync` succeeds without them.
   * @param work puts the written bytes of files on the device
   */
  sync(work: (files: readonly FileEntry[]) => Promise<void>): Promise<void> {
    // One after the other, since the second may have to wait for files of the first.
    this.#last = this.#last.then(() => {
      const files = [...(this.#files ?? [])]
      this.#files = undefined
      return work(files)
    })
    return this.#last
  }
}
