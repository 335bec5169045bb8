/** A torrent's bytes as files in a directory. */

import { join } from 'node:path'
import { checkArgument, checkOptions } from '../codec/check-arguments.ts'
import { InputError, StorageError } from '../errors.ts'
import { Layout, type Span } from '../metainfo/layout.ts'
import type { FileEntry, Metainfo } from '../metainfo/metainfo.ts'
import { type FileHandle, type FileState, type FileSystem, nodeFileSystem } from '../ports/file-system.ts'
import { forEachInParallel } from '../ports/parallel.ts'
import { type FileLocks, ProcessLocks } from './file-locks.ts'
import { encodeState } from './file-states.ts'
import { FileWatch } from './file-watch.ts'
import { finishFile } from './finish-file.ts'
import { HandlePool } from './handle-pool.ts'
import { OutputLock } from './output-lock.ts'
import { type Access, SafeDirectory } from './safe-directory.ts'
import type { Storage, StoredFile } from './storage.ts'
import { type StorageAction, storageError } from './storage-error.ts'

/** Files that are opened and written side by side. */
export const MAX_PARALLEL_FILES = 16

export interface FileStorageOptions {
  /** Where the files go. May be a symlink; made, with its parents, at the first write. */
  readonly directory: string
  /** @default the disk of this machine */
  readonly fs?: FileSystem
  /** Which files are wanted. @default all */
  readonly selected?: (fileIndex: number) => boolean
  /**
   * Files held open at most, at least 1. Beside them there may be four directories, and one for each of the
   * sixteen files that are worked on. @default 64
   */
  readonly maxOpenFiles?: number
  /** How it waits while the process has no descriptor left. @default the timer of this process */
  readonly pause?: (milliseconds: number) => Promise<unknown>
  /** Keeps other writers from the files, beside those of this process. @default none: other processes may write them */
  readonly locks?: FileLocks
}

/**
 * Reads and writes files where the torrent's layout puts them; each is made when first written.
 *
 * What falls into files that are not selected is dropped, and never makes one; it can be read where
 * the file is there anyway. Padding (BEP 47) reads as zeros and is never stored. Nothing outside of
 * the directory is touched, not even through a symlink in it. Only one storage at a time writes to a file: see `lock`.
 * Rejects with StorageError.
 */
export class FileStorage implements Storage {
  /** What notices that another program changes the files. */
  readonly watch: FileWatch
  readonly #layout: Layout
  readonly #lock: OutputLock
  readonly #directory: SafeDirectory
  readonly #pool: HandlePool
  readonly #selected: (fileIndex: number) => boolean
  readonly #hasProcessDescriptors: boolean
  /** Written to, and perhaps not yet on the device. */
  readonly #unsynced = new Set<FileEntry>()
  /** The last `sync`. Once one failed so do all that follow. */
  #synced: Promise<void> = Promise.resolve()
  #running = 0
  #drained: (() => void) | undefined
  #closed: Promise<void> | undefined

  /** Touches no disk yet. Throws InputError. */
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
    this.#directory = new SafeDirectory(directory, fs)
    this.#pool = new HandlePool(
      (path, access) => this.#directory.open(path, access),
      maxOpenFiles,
      pause ? { pause } : {},
    )
    this.#selected = selected
    this.#hasProcessDescriptors = fs.hasProcessDescriptors === true
    this.#lock = new OutputLock({
      directory: this.#directory,
      paths: () =>
        this.#layout.files.filter((file, index) => !file.pad && selected(index)).map(({ path }) => path),
      holder: metainfo,
      locks: [ProcessLocks.of(fs), ...(locks ? [locks] : [])],
    })
    this.watch = new FileWatch({
      files: metainfo.files.length,
      // One that cannot be looked at is as good as missing.
      stat: async index => {
        try {
          const state = await this.#stat(index)
          return state && encodeState(state)
        } catch {
          return undefined
        }
      },
      refresh: () => this.#directory.forget(),
      changed: index => this.#pool.evict(metainfo.files[index]!.path),
    })
  }

  /**
   * Keeps other storages, here and in other processes, from the selected files until `close`. The first write does
   * that as well. Rejects with ERR_LOCKED, which names the file and who writes it. Resolves with the reason where
   * other processes do not see the lock.
   */
  async lock(): Promise<StorageError | undefined> {
    return this.#during(() => this.#lock.take())
  }

  /** As Storage says. Counts padding as there. */
  async read(position: number, target: Uint8Array): Promise<number> {
    return this.#during(async () => {
      for (const span of this.#layout.spans(position, target.length)) {
        const there = await this.#readSpan(span, target)
        if (there < span.length) return span.at + there
      }
      return target.length
    })
  }

  /** As Storage says. */
  async useFile<T>(
    position: number,
    length: number,
    work: (file: StoredFile) => Promise<T>,
  ): Promise<T | undefined> {
    const [span, ...others] = this.#layout.spans(position, length)
    if (!span || others.length > 0 || !isStored(span.file) || !this.#hasProcessDescriptors) return undefined
    return this.#during(() =>
      this.#using(span.file, 'read', 'read', async ({ fd }) =>
        fd === undefined ? undefined : work({ fd, offset: span.offset }),
      ),
    )
  }

  /** As Storage says: not what falls into files that are not selected. */
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

  /** Makes selected empty files and symlinks (BEP 47), cuts off what is too long, sets executable bits. */
  async complete(): Promise<void> {
    return this.#during(async () => {
      await this.#lock.take()
      const files = this.#layout.files.filter((file, index) => !file.pad && this.#selected(index))
      const stored = [...this.#layout.files.entries()].filter(
        ([index, file]) => isStored(file) && this.#selected(index),
      )
      await forEachInParallel(stored, MAX_PARALLEL_FILES, ([index, file]) => this.#finish(file, index))
      // Last, when what they point to is there.
      for (const file of files) if (file.symlink !== undefined) await this.#link(file, file.symlink)
    })
  }

  /**
   * Resolves when all that was written before it was called is on the device, also where the file was closed since.
   * After one failure it always rejects: systems forget the bytes that they could not write, and the next
   * `fdatasync` would call them safe.
   */
  async sync(): Promise<void> {
    return this.#during(async () => {
      // One after the other: the second may have nothing to do but to wait for the first.
      this.#synced = this.#synced.then(() => this.#sync())
      await this.#synced
    })
  }

  /**
   * In which state a file is, by its path, as we left it; nothing where it is missing, was changed by another program
   * or is being written by us, and where nothing of ours rests.
   */
  async stat(fileIndex: number): Promise<FileState | undefined> {
    return this.#during(async () => {
      const file = this.#layout.files[fileIndex]
      if (file === undefined)
        throw new InputError(
          'ERR_USAGE',
          `no file ${fileIndex}: the torrent has ${this.#layout.files.length}`,
        )
      if (!this.#selected(fileIndex)) return undefined
      if (await this.watch.differs(fileIndex)) return undefined
      return await this.#stat(fileIndex)
    })
  }

  /** As Storage says. */
  get starved(): boolean {
    return this.#pool.starved
  }

  /** Waits for what is running, then closes every file; whatever comes later rejects with ERR_ABORTED. */
  close(): Promise<void> {
    return (this.#closed ??= this.#close())
  }

  /** The state of a file, by its path. */
  async #stat(fileIndex: number): Promise<FileState | undefined> {
    const file = this.#layout.files[fileIndex]!
    if (!isStored(file)) return undefined
    try {
      return await this.#directory.stat(file.path)
    } catch (error) {
      throw this.#error('read', file.path, error)
    }
  }

  async #readSpan(span: Span, target: Uint8Array): Promise<number> {
    const { file, fileIndex, offset, length, at } = span
    if (file.pad) {
      target.fill(0, at, at + length)
      return length
    }
    if (!isStored(file)) return 0
    const reading = this.#using(file, 'read', 'read', async handle => {
      let done = 0
      while (done < length) {
        const { bytesRead } = await handle.read(target, at + done, length - done, offset + done)
        if (bytesRead === 0) break
        done += bytesRead
      }
      return done
    })
    // Nobody asked for that file, so that it cannot be read is no failure.
    const there = await (this.#selected(fileIndex) ? reading : reading.catch(() => 0))
    return there ?? 0
  }

  async #sync(): Promise<void> {
    const files = [...this.#unsynced]
    this.#unsynced.clear()
    // Opened to be written, as Windows flushes nothing else; but one that was deleted must not be made again.
    await forEachInParallel(files, MAX_PARALLEL_FILES, async file => {
      await this.#using(file, 'update', 'write', handle => handle.datasync())
    })
    try {
      this.#pool.check()
    } catch (error) {
      throw storageError('close', this.#directory.path, error)
    }
  }

  async #writeSpan({ file, fileIndex, offset, length, at }: Span, bytes: Uint8Array): Promise<void> {
    await this.watch.write(fileIndex, () =>
      this.#using(file, 'write', 'write', async handle => {
        for (let done = 0; done < length; ) {
          const { bytesWritten } = await handle.write(bytes, at + done, length - done, offset + done)
          if (bytesWritten === 0) throw new Error('the system took none of the bytes')
          done += bytesWritten
        }
      }),
    )
    // Only now: a `sync` that began before the bytes were written did not see to them.
    this.#unsynced.add(file)
  }

  async #finish(file: FileEntry, index: number): Promise<void> {
    await finishFile(file, {
      stat: () => this.#stat(index),
      change: (access, work) =>
        this.watch.write(index, async () => {
          await this.#using(file, access, 'finish', work)
        }),
    })
  }

  async #link({ path }: FileEntry, target: string): Promise<void> {
    try {
      await this.#directory.link(path, target)
    } catch (error) {
      throw this.#error('link', path, error)
    }
  }

  /** Does `work` on a file; nothing if it is missing, which when writing it never is. */
  async #using<T>(
    { path }: FileEntry,
    access: Access,
    action: StorageAction,
    work: (handle: FileHandle) => Promise<T>,
  ): Promise<T | undefined> {
    try {
      const lease = await this.#pool.acquire(path, access)
      if (lease === undefined) return undefined
      try {
        return await work(lease.handle)
      } finally {
        this.#pool.release(lease)
      }
    } catch (error) {
      throw this.#error(action, path, error)
    }
  }

  #error(action: StorageAction, path: string, error: unknown): StorageError {
    return storageError(action, join(this.#directory.path, path), error)
  }

  /** Does `work`, which `close` waits for. */
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
    this.#pool.giveUp()
    if (this.#running > 0) await new Promise<void>(resolve => (this.#drained = resolve))
    this.watch.close()
    try {
      await this.#pool.close()
    } catch (error) {
      throw storageError('close', this.#directory.path, error)
    } finally {
      await this.#directory.forget()
      await this.#lock.release()
    }
  }
}

/** Whether a file's bytes rest on disk: those of padding and symlinks do not. */
function isStored(file: FileEntry): boolean {
  return !file.pad && file.symlink === undefined
}
