/** Stores a torrent as files in a directory. */
import { checkArgument, checkOptions } from '../codec/check-arguments.ts'
import { InputError, StorageError } from '../errors.ts'
import { Layout } from '../metainfo/layout.ts'
import type { Metainfo } from '../metainfo/metainfo.ts'
import { type FileSystem, nodeFileSystem } from '../ports/file-system.ts'
import type { FileJobRunner } from './file-job.ts'
import { type FileLocks, ProcessLocks } from './file-locks.ts'
import type { FileStates, StatesSource } from './file-states.ts'
import { FileThreads } from './file-threads.ts'
import type { FileWatch } from './file-watch.ts'
import type { OpenFileLimit } from './open-file-limit.ts'
import { OutputFiles } from './output-files.ts'
import { OutputLock } from './output-lock.ts'
import { SmallFiles } from './small-files.ts'
import type { Storage, StoredFile } from './storage.ts'
import { isStored, TorrentFiles } from './torrent-files.ts'

/** Minimum number of files of a torrent for which threads are used by default. */
const MIN_THREADED_FILES = 256

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
   * files in use. The torrents of a client share its limit instead. @default 64
   */
  readonly maxOpenFiles?: number
  /**
   * Runs operations on many small files.
   * @default threads, if `fs` is the disk of this machine and the torrent has at least 256 files
   * @internal
   */
  readonly jobs?: FileJobRunner
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
  readonly #layout: Layout
  readonly #lock: OutputLock
  readonly #output: OutputFiles
  readonly #files: TorrentFiles
  readonly #threads: FileThreads | undefined
  readonly #selected: (fileIndex: number) => boolean
  readonly #hasProcessDescriptors: boolean
  #running = 0
  #resolveDrained: (() => void) | undefined
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
    this.#output = new OutputFiles({ directory, fs, maxOpenFiles, ...(pause ? { pause } : {}) })
    const isThreaded = fs === nodeFileSystem && metainfo.files.length >= MIN_THREADED_FILES
    this.#threads = options.jobs === undefined && isThreaded ? new FileThreads() : undefined
    const jobs = options.jobs ?? this.#threads
    this.#files = new TorrentFiles({
      ...{ layout: this.#layout, selected, output: this.#output },
      small: jobs && new SmallFiles(directory, jobs),
    })
    this.#selected = selected
    this.#hasProcessDescriptors = fs.hasProcessDescriptors === true
    this.#lock = new OutputLock({
      directory: this.#output.directory,
      files: this.#layout.files,
      selected,
      holder: metainfo,
      locks: [ProcessLocks.of(fs), ...(locks ? [locks] : [])],
    })
  }

  /** Detects changes of the files by other programs. */
  get watch(): FileWatch {
    return this.#files.watch
  }

  /** See Storage. */
  shareOpenFiles(limit: OpenFileLimit): void {
    this.#output.openFiles = limit
  }

  /**
   * Locks the selected files until `close`, for this and other processes. The first write does so as well. Rejects with
   * ERR_LOCKED, which names the file and its writer. Resolves with the reason if other processes do not see the lock.
   */
  async lock(): Promise<StorageError | undefined> {
    return this.#during(() => this.#lock.take())
  }

  /** See Storage. */
  async lockSelection(selected: (fileIndex: number) => boolean): Promise<StorageError | undefined> {
    checkArgument('selected', selected, 'function')
    return this.#during(() => this.#lock.extend(selected))
  }

  /** See Storage. Padding counts as present. */
  async read(position: number, target: Uint8Array): Promise<number> {
    checkArgument('target', target, 'bytes')
    return this.#during(() => this.#files.read(this.#layout.spans(position, target.length), target))
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
      this.#output.use(span.file.path, 'read', 'read', async ({ fd }) =>
        fd === undefined ? undefined : work({ fd, offset: span.offset }),
      ),
    )
  }

  /** See Storage. True with the file system of Node. */
  get takesSharedMemory(): boolean {
    return this.#hasProcessDescriptors
  }

  /** See Storage. False for bytes of files that are not selected. */
  keeps(position: number, length: number): boolean {
    return this.#layout
      .spans(position, length)
      .every(({ file, fileIndex }) => file.pad || (isStored(file) && this.#selected(fileIndex)))
  }

  async write(position: number, bytes: Uint8Array): Promise<void> {
    checkArgument('bytes', bytes, 'bytes')
    return this.#during(async () => {
      await this.#lock.take()
      const spans = this.#layout
        .spans(position, bytes.length)
        .filter(({ file, fileIndex }) => isStored(file) && this.#selected(fileIndex))
      await this.#files.write(spans, bytes)
    })
  }

  /** Makes the selected empty files and symlinks (BEP 47), truncates files that are too long, and sets executable bits. */
  async complete(): Promise<void> {
    return this.#during(async () => {
      await this.#lock.take()
      await this.#files.finish()
      // Symlinks come last, when their targets exist.
      for (const [index, { path, pad, symlink }] of this.#layout.files.entries())
        if (symlink !== undefined && !pad && this.#selected(index)) await this.#output.link(path, symlink)
    })
  }

  /**
   * Resolves when all bytes that were written before the call are on the device, also those of files that were closed.
   * After a failure it always rejects: a system forgets bytes that it could not write, and the next `fdatasync`
   * succeeds without them.
   */
  async sync(): Promise<void> {
    return this.#during(() => this.#files.sync())
  }

  /**
   * Returns the states of files by their paths, in the order of `indexes`. A file has no state if it is missing or not
   * selected, was changed by another program, or is being written.
   */
  async states(indexes: readonly number[]): Promise<FileStates> {
    checkArgument('indexes', indexes, 'array')
    return this.#during(async () => {
      const count = this.#layout.files.length
      const index = indexes.find(index => this.#layout.files[index] === undefined)
      if (index !== undefined) throw new InputError('ERR_USAGE', `no file ${index}: the torrent has ${count}`)
      return this.#ofSelected(indexes, await this.watch.states(indexes))
    })
  }

  /** Returns the states that `watch` remembers, in the order of `indexes`. A file that is not selected has no state. */
  async rememberedStates(indexes: readonly number[]): Promise<FileStates> {
    checkArgument('indexes', indexes, 'array')
    return this.#during(async () => this.#ofSelected(indexes, this.watch.known.pick(indexes)))
  }

  /** See Storage. */
  get starved(): boolean {
    return this.#output.starved
  }

  /** See Storage. */
  rest(): void {
    if (this.#running === 0) this.#output.rest()
  }

  /** Waits for running operations, then closes all files. Later operations reject with ERR_ABORTED. */
  close(): Promise<void> {
    return (this.#closed ??= this.#close())
  }

  #ofSelected(indexes: readonly number[], states: FileStates): FileStates {
    for (const [at, index] of indexes.entries()) if (!this.#selected(index)) states.clear(at)
    return states
  }

  /** Calls `work`. `close` waits for it. */
  async #during<T>(work: () => Promise<T>): Promise<T> {
    if (this.#closed !== undefined) throw new StorageError('ERR_ABORTED', 'the storage is closed')
    this.#running++
    try {
      return await work()
    } finally {
      if (--this.#running === 0) this.#resolveDrained?.()
    }
  }

  async #close(): Promise<void> {
    this.#output.giveUp()
    if (this.#running > 0) await new Promise<void>(resolve => (this.#resolveDrained = resolve))
    await this.watch.close()
    try {
      await Promise.all([this.#output.close(), this.#threads?.close()])
    } finally {
      await this.#lock.release()
    }
  }
}
