/** Stores a torrent as files in a directory. */
import { checkArgument, checkOptions } from '../codec/check-arguments.ts'
import { InputError, StorageError } from '../errors.ts'
import { Layout, type Span } from '../metainfo/layout.ts'
import type { FileEntry, Metainfo } from '../metainfo/metainfo.ts'
import { type FileState, type FileSystem, nodeFileSystem } from '../ports/file-system.ts'
import { forEachInParallel } from '../ports/parallel.ts'
import { type FileLocks, ProcessLocks } from './file-locks.ts'
import { FileStates, type StatesSource } from './file-states.ts'
import { FileWatch } from './file-watch.ts'
import { finishFile } from './finish-file.ts'
import { OutputFiles, readFully, writeFully } from './output-files.ts'
import { OutputLock } from './output-lock.ts'
import type { Storage, StoredFile } from './storage.ts'
import { UnsyncedFiles } from './unsynced-files.ts'

/** Maximum number of files that one operation opens at once. */
export const MAX_PARALLEL_FILES = 16

/** Options of `FileStorage`. */
export interface FileStorageOptions {
  /** The output directory. It may be a symlink. The first write makes it and its parents. */
  readonly directory: string
  /** @default the disk of this machine */
  readonly fs?: FileSystem
  /** Returns true for each file that is wanted. @default all files */
  readonly selected?: (fileIndex: number) => boolean
  /**
   * Maximum number of open files, at least 1. In addition, four directories may be open, and one for each of sixteen
   * files in use. @default 64
   */
  readonly maxOpenFiles?: number
  /** Waits while the process has no free descriptor. @default a timer of Node */
  readonly pause?: (milliseconds: number) => Promise<unknown>
  /** Locks that other processes see. @default none: only writers of this process are kept out */
  readonly locks?: FileLocks
}

/**
 * Stores the bytes of a torrent in its files. The first write to a file makes it.
 *
 * Bytes of files that are not selected are not written. They can be read if the file exists. Padding (BEP 47) reads as
 * zeros and is never stored. Nothing outside of the directory is read or written, not even through a symlink in it. One
 * storage at a time writes to a file: see `lock`. Rejects with StorageError.
 */
export class FileStorage implements Storage, StatesSource {
  /** Detects changes of the files by other programs. */
  readonly watch: FileWatch
  readonly #layout: Layout
  readonly #lock: OutputLock
  readonly #files: OutputFiles
  readonly #selected: (fileIndex: number) => boolean
  readonly #hasProcessDescriptors: boolean
  readonly #unsynced: UnsyncedFiles
  #running = 0
  #drained: (() => void) | undefined
  #closed: Promise<void> | undefined

  /** Does not access the disk. @throws InputError for an invalid option */
  constructor(metainfo: Metainfo, options: FileStorageOptions) {
    checkArgument('metainfo', metainfo, 'object')
    checkArgument('directory', options?.directory, 'text')
    checkOptions(options, { fs: 'object', locks: 'object', selected: 'function' })
    const { directory, fs = nodeFileSystem, selected = () => true, maxOpenFiles = 64, locks } = options
    const { pause } = options
    if (!Number.isSafeInteger(maxOpenFiles) || maxOpenFiles < 1)
      throw new InputError(
        'ERR_USAGE',
        `maxOpenFiles must be a whole number of at least 1, got ${maxOpenFiles}`,
      )
    this.#layout = new Layout(metainfo)
    this.#files = new OutputFiles({ directory, fs, maxOpenFiles, ...(pause ? { pause } : {}) })
    this.#selected = selected
    this.#unsynced = new UnsyncedFiles(file => this.#syncFile(file))
    this.#hasProcessDescriptors = fs.hasProcessDescriptors === true
    this.#lock = new OutputLock({
      directory: this.#files.directory,
      paths: () =>
        this.#layout.files.filter((file, index) => !file.pad && selected(index)).map(({ path }) => path),
      holder: metainfo,
      locks: [ProcessLocks.of(fs), ...(locks ? [locks] : [])],
    })
    this.watch = new FileWatch({
      files: metainfo.files.length,
      stat: indexes => this.#findStates(indexes),
      refresh: () => this.#files.directory.forget(),
      changed: index => this.#files.evict(metainfo.files[index]!.path),
    })
  }

  /**
   * Locks the selected files until `close`, for this and other processes. The first write does so as well. Rejects with
   * ERR_LOCKED, which names the file and its writer. Resolves with the reason if other processes do not see the lock.
   */
  async lock(): Promise<StorageError | undefined> {
    return this.#during(() => this.#lock.take())
  }

  /** See Storage. Padding counts as present. */
  async read(position: number, target: Uint8Array): Promise<number> {
    return this.#during(async () => {
      for (const span of this.#layout.spans(position, target.length)) {
        const there = await this.#readSpan(span, target)
        if (there < span.length) return span.at + there
      }
      return target.length
    })
  }

  /** See Storage. */
  async useFile<T>(
    position: number,
    length: number,
    work: (file: StoredFile) => Promise<T>,
  ): Promise<T | undefined> {
    const [span, ...others] = this.#layout.spans(position, length)
    if (!span || others.length > 0 || !isStored(span.file) || !this.#hasProcessDescriptors) return undefined
    return this.#during(() =>
      this.#files.use(span.file.path, 'read', 'read', async ({ fd }) =>
        fd === undefined ? undefined : work({ fd, offset: span.offset }),
      ),
    )
  }

  /** See Storage. False for bytes of files that are not selected. */
  keeps(position: number, length: number): boolean {
    return this.#layout
      .spans(position, length)
      .every(({ file, fileIndex }) => file.pad || (isStored(file) && this.#selected(fileIndex)))
  }

  async write(position: number, bytes: Uint8Array): Promise<void> {
    return this.#during(async () => {
      await this.#lock.take()
      const spans = this.#layout
        .spans(position, bytes.length)
        .filter(({ file, fileIndex }) => isStored(file) && this.#selected(fileIndex))
      await forEachInParallel(spans, MAX_PARALLEL_FILES, span => this.#writeSpan(span, bytes))
    })
  }

  /** Makes the selected empty files and symlinks (BEP 47), truncates files that are too long, and sets executable bits. */
  async complete(): Promise<void> {
    return this.#during(async () => {
      await this.#lock.take()
      const files = this.#layout.files.filter((file, index) => !file.pad && this.#selected(index))
      const stored = [...this.#layout.files.entries()].filter(
        ([index, file]) => isStored(file) && this.#selected(index),
      )
      await forEachInParallel(stored, MAX_PARALLEL_FILES, ([index, file]) => this.#finish(file, index))
      // Symlinks come last, when their targets exist.
      for (const file of files)
        if (file.symlink !== undefined) await this.#files.link(file.path, file.symlink)
    })
  }

  /**
   * Resolves when all bytes that were written before the call are on the device, also those of files that were closed.
   * After a failure it always rejects: a system forgets bytes that it could not write, and the next `fdatasync`
   * succeeds without them.
   */
  async sync(): Promise<void> {
    return this.#during(async () => {
      await this.#unsynced.sync()
      this.#files.checkClosed()
    })
  }

  /**
   * Returns the states of files by their paths, in the order of `indexes`. Files have none that are missing or not
   * selected, were changed by another program, or are being written.
   */
  async states(indexes: readonly number[]): Promise<FileStates> {
    return this.#during(async () => {
      const count = this.#layout.files.length
      const index = indexes.find(index => this.#layout.files[index] === undefined)
      if (index !== undefined) throw new InputError('ERR_USAGE', `no file ${index}: the torrent has ${count}`)
      return this.#ofSelected(indexes, await this.watch.states(indexes))
    })
  }

  /** Returns the states that `watch` remembers, in the order of `indexes`. Files have none that are not selected. */
  async rememberedStates(indexes: readonly number[]): Promise<FileStates> {
    return this.#during(async () => this.#ofSelected(indexes, this.watch.remembered(indexes)))
  }

  /** See Storage. */
  get starved(): boolean {
    return this.#files.starved
  }

  /** Waits for running operations, then closes all files. Later operations reject with ERR_ABORTED. */
  close(): Promise<void> {
    return (this.#closed ??= this.#close())
  }

  /** Returns the state of a file by its path. */
  async #stat(fileIndex: number): Promise<FileState | undefined> {
    const file = this.#layout.files[fileIndex]!
    return isStored(file) ? this.#files.stat(file.path) : undefined
  }

  #ofSelected(indexes: readonly number[], states: FileStates): FileStates {
    for (const [at, index] of indexes.entries()) if (!this.#selected(index)) states.clear(at)
    return states
  }

  async #findStates(indexes: readonly number[]): Promise<FileStates> {
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

  async #readSpan(span: Span, target: Uint8Array): Promise<number> {
    const { file, fileIndex, offset, length, at } = span
    if (file.pad) {
      target.fill(0, at, at + length)
      return length
    }
    if (!isStored(file)) return 0
    const reading = this.#files.use(file.path, 'read', 'read', handle =>
      readFully(handle, target, at, length, offset),
    )
    // The file is not selected, so it is no failure if it cannot be read.
    const there = await (this.#selected(fileIndex) ? reading : reading.catch(() => 0))
    return there ?? 0
  }

  async #syncFile({ path }: FileEntry): Promise<void> {
    // Opened for writing, since Windows flushes no other files. A file that was deleted is not made again.
    await this.#files.use(path, 'update', 'write', handle => handle.datasync())
  }

  async #writeSpan({ file, fileIndex, offset, length, at }: Span, bytes: Uint8Array): Promise<void> {
    await this.watch.write(fileIndex, () =>
      this.#files.use(file.path, 'write', 'write', handle => writeFully(handle, bytes, at, length, offset)),
    )
    this.#unsynced.add(file)
  }

  async #finish(file: FileEntry, index: number): Promise<void> {
    await finishFile(file, {
      stat: () => this.#stat(index),
      change: (access, work) =>
        this.watch.write(index, async () => {
          await this.#files.use(file.path, access, 'finish', work)
        }),
    })
  }

  /** Calls `work`. `close` waits for it. */
  async #during<T>(work: () => Promise<T>): Promise<T> {
    if (this.#closed !== undefined) throw new StorageError('ERR_ABORTED', 'the storage is closed')
    this.#running++
    try {
      return await work()
    } finally {
      if (--this.#running === 0) this.#drained?.()
    }
  }

  async #close(): Promise<void> {
    this.#files.giveUp()
    if (this.#running > 0) await new Promise<void>(resolve => (this.#drained = resolve))
    await this.watch.close()
    try {
      await this.#files.close()
    } finally {
      await this.#lock.release()
    }
  }
}

/** True if the bytes of a file are stored, as those of padding and symlinks are not. */
function isStored(file: FileEntry): boolean {
  return !file.pad && file.symlink === undefined
}
