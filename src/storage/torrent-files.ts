import type { Layout, Span } from '../metainfo/layout.ts'
import type { FileEntry } from '../metainfo/metainfo.ts'
import type { FileState } from '../ports/file-system.ts'
import { forEachInParallel } from '../ports/parallel.ts'
import type { FilePart } from './file-job.ts'
import { FileStates } from './file-states.ts'
import { FileWatch, type WatchedFiles } from './file-watch.ts'
import { finishFile } from './finish-file.ts'
import { type OutputFiles, readFully, writeFully } from './output-files.ts'
import { BrokenJobError, FileJobError, type SmallFiles } from './small-files.ts'
import type { StorageAction } from './storage-error.ts'
import { UnsyncedFiles } from './unsynced-files.ts'

/** Maximum number of files that one operation opens at once. */
export const MAX_PARALLEL_FILES = 16
/** Length of the largest file that is read and written in jobs, bytes. Larger files stay open between their pieces. */
const MAX_SMALL_FILE_BYTES = 256 << 10
/** Minimum number of files to check or to sync in jobs: one by one a few are as fast. */
const MIN_JOB_FILES = 4
/** Errors for which files are opened one by one: that waits for descriptors. */
const NO_DESCRIPTORS: readonly (string | undefined)[] = ['EMFILE', 'ENFILE']

export interface TorrentFilesOptions {
  readonly layout: Layout
  /** Returns true for each file that is wanted. */
  readonly selected: (fileIndex: number) => boolean
  readonly output: OutputFiles
  /** Runs operations on small files. @default none: each file is opened in turn */
  readonly small: SmallFiles | undefined
}

/** The files of a torrent: small ones are used in jobs, and large ones stay open. Rejects with StorageError. */
export class TorrentFiles implements WatchedFiles {
  /** Detects changes of the files by other programs. */
  readonly watch: FileWatch
  readonly #layout: Layout
  readonly #selected: (fileIndex: number) => boolean
  readonly #output: OutputFiles
  /** Undefined without jobs, and after a thread has failed. */
  #small: SmallFiles | undefined
  /** Made at the first write, as most torrents are idle. */
  #unsynced: UnsyncedFiles | undefined

  constructor({ layout, selected, output, small }: TorrentFilesOptions) {
    this.#layout = layout
    this.#selected = selected
    this.#output = output
    this.#small = small
    this.watch = new FileWatch(this)
  }

  /** See WatchedFiles. */
  get count(): number {
    return this.#layout.files.length
  }

  /** See WatchedFiles. */
  forgetDirectories(): Promise<void> {
    return this.#output.directory.forget()
  }

  /** See WatchedFiles. */
  findStateAtPath(index: number): Promise<FileState | undefined> {
    return this.#output.directory.findStateAtPath(this.#layout.files[index]!.path)
  }

  /** See WatchedFiles. */
  evict(index: number): void {
    this.#output.evict(this.#layout.files[index]!.path)
  }

  /** Reads spans in order into `target`. Returns the number of bytes before the first missing one. */
  async read(spans: readonly Span[], target: Uint8Array): Promise<number> {
    const small = spans.filter(({ file }) => this.#isSmall(file))
    const present = await this.#readSmall(small, target)
    let next = 0
    for (const span of spans) {
      const readLength =
        present && this.#isSmall(span.file) ? (present[next++] ?? 0) : await this.#readSpan(span, target)
      if (readLength < span.length) return span.at + readLength
    }
    return target.length
  }

  /** Writes spans of stored files, with the bytes at their places in `bytes`. */
  async write(spans: readonly Span[], bytes: Uint8Array): Promise<void> {
    const small = spans.filter(({ file }) => this.#isSmall(file))
    const isWritten = small.length > 0 && (await this.#writeSmall(small, bytes))
    const others = isWritten ? spans.filter(({ file }) => !this.#isSmall(file)) : spans
    await forEachInParallel(others, MAX_PARALLEL_FILES, span => this.#writeSpan(span, bytes))
  }

  /** Resolves when all written bytes are on the device. After a failure it always rejects. */
  async sync(): Promise<void> {
    await this.#unsynced?.sync(files => this.#syncFiles(files))
    this.#output.checkClosed()
  }

  /** Sets the lengths and modes of selected files, and makes empty ones. */
  async finish(): Promise<void> {
    const { files } = this.#layout
    const indexes = [...files.keys()].filter(index => this.#selected(index) && this.#isUnfinished(index))
    const entries = indexes.map(index => files[index]!)
    const isFinished = await this.#inJobs('finish', async small => {
      await this.watch.writeAll(indexes, known => small.finish(entries.map(finishedEntry), known))
      return true
    })
    if (isFinished) return
    await forEachInParallel(indexes, MAX_PARALLEL_FILES, index => this.#finish(files[index]!, index))
  }

  /** False if the last known state of a file shows that it needs no other length or mode. */
  #isUnfinished(index: number): boolean {
    const { executable, length, ...file } = this.#layout.files[index]!
    if (!isStored(file)) return false
    const { known } = this.watch
    return executable || !known.has(index) || known.sizeOf(index) > length
  }

  async #finish(file: FileEntry, index: number): Promise<void> {
    await finishFile(file, {
      stat: () => this.#stat(index),
      change: (access, work) =>
        this.watch.write(index, async () => {
          await this.#output.use(file.path, access, 'finish', work)
        }),
    })
  }

  /** @returns the number of bytes of each span that are present, or undefined if they were not read in jobs */
  async #readSmall(spans: readonly Span[], target: Uint8Array): Promise<number[] | undefined> {
    if (spans.length === 0) return undefined
    const unselected = new Set(
      spans.flatMap(({ file, fileIndex }) => (this.#selected(fileIndex) ? [] : [file.path])),
    )
    // A file that is not selected is no failure if it cannot be read.
    return this.#inJobs('read', small => small.read(spans.map(partOf), target, path => unselected.has(path)))
  }

  /** @returns true if the spans were written in jobs */
  async #writeSmall(spans: readonly Span[], bytes: Uint8Array): Promise<boolean> {
    const indexes = spans.map(({ fileIndex }) => fileIndex)
    const isWritten = await this.#inJobs('write', async small => {
      await this.watch.writeAll(indexes, async known => {
        const written = await small.write(spans.map(partOf), bytes, known)
        const { syncError, unsynced } = written
        for (const at of unsynced) this.#getUnsynced().add(spans[at]!.file)
        if (syncError) this.#getUnsynced().fail(this.#output.errorAt('write', syncError.path, syncError))
        return written
      })
      return true
    })
    return isWritten ?? false
  }

  /**
   * Calls `work`, which uses jobs. Resolves with undefined if there are none, or if a thread has ended or the process has
   * no free descriptor.
   */
  async #inJobs<T>(action: StorageAction, work: (small: SmallFiles) => Promise<T>): Promise<T | undefined> {
    if (this.#small === undefined) return undefined
    try {
      return await work(this.#small)
    } catch (error) {
      if (error instanceof BrokenJobError) {
        this.#small = undefined
        return undefined
      }
      if (!(error instanceof FileJobError)) throw error
      if (NO_DESCRIPTORS.includes(error.code)) return undefined
      throw this.#output.errorAt(action, error.path, error)
    }
  }

  #isSmall(file: FileEntry): boolean {
    return this.#small !== undefined && isStored(file) && file.length <= MAX_SMALL_FILE_BYTES
  }

  async #stat(index: number): Promise<FileState | undefined> {
    const file = this.#layout.files[index]!
    return isStored(file) ? this.#output.stat(file.path) : undefined
  }

  /** See WatchedFiles. */
  async findStates(indexes: readonly number[]): Promise<FileStates> {
    if (indexes.length >= MIN_JOB_FILES) {
      const found = await this.#inJobs('read', small => this.#findStatesInJobs(small, indexes))
      if (found) return found
    }
    const states = new FileStates(indexes.length)
    await forEachInParallel(indexes.entries(), MAX_PARALLEL_FILES, async ([at, index]) => {
      try {
        const state = await this.#stat(index)
        if (state) states.set(at, state)
      } catch {
        states.setUnreadable(at)
      }
    })
    return states
  }

  async #findStatesInJobs(small: SmallFiles, indexes: readonly number[]): Promise<FileStates> {
    const { files } = this.#layout
    const stored = [...indexes.entries()].filter(([, index]) => isStored(files[index]!))
    const found = await small.stat(stored.map(([, index]) => files[index]!.path))
    if (stored.length === indexes.length) return found
    const states = new FileStates(indexes.length)
    for (const [position, [at]] of stored.entries()) states.copy(at, found, position)
    return states
  }

  async #readSpan(span: Span, target: Uint8Array): Promise<number> {
    const { file, fileIndex, offset, length, at } = span
    if (file.pad) {
      target.fill(0, at, at + length)
      return length
    }
    if (!isStored(file)) return 0
    const reading = this.#output.use(file.path, 'read', 'read', handle =>
      readFully(handle, target, at, length, offset),
    )
    // The file is not selected, so it is no failure if it cannot be read.
    const readLength = await (this.#selected(fileIndex) ? reading : reading.catch(() => 0))
    return readLength ?? 0
  }

  async #writeSpan({ file, fileIndex, offset, length, at }: Span, bytes: Uint8Array): Promise<void> {
    await this.watch.write(fileIndex, () =>
      this.#output.use(file.path, 'write', 'write', handle => writeFully(handle, bytes, at, length, offset)),
    )
    this.#getUnsynced().add(file)
  }

  #getUnsynced(): UnsyncedFiles {
    this.#unsynced ??= new UnsyncedFiles()
    return this.#unsynced
  }

  async #syncFiles(files: readonly FileEntry[]): Promise<void> {
    const paths = files.map(({ path }) => path)
    if (files.length >= MIN_JOB_FILES) {
      const isSynced = await this.#inJobs('write', async small => {
        await small.sync(paths)
        return true
      })
      if (isSynced) return
    }
    // Opened for writing, since Windows flushes no other files. A file that was deleted is not made again.
    await forEachInParallel(paths, MAX_PARALLEL_FILES, async path => {
      await this.#output.use(path, 'update', 'write', handle => handle.datasync())
    })
  }
}

/** True if the bytes of a file are stored, as those of padding and symlinks are not. */
export function isStored({ pad, symlink }: Pick<FileEntry, 'pad' | 'symlink'>): boolean {
  return !pad && symlink === undefined
}

function partOf({ file, offset, length, at }: Span): FilePart {
  return { path: file.path, offset, length, at }
}

function finishedEntry({ path, length, executable }: FileEntry) {
  return { path, length, executable }
}
