/**
 * A disk that loses as much as possible at a power failure: bytes that were not synced become zeros, while the states
 * of files stay.
 */
import type { FileHandle, FileState, FileSystem } from '../../src/ports/file-system.ts'
import type { Disk } from './storage-suite.ts'

/** Wraps a disk. The program under test uses `fs`. */
export class WorstDisk {
  readonly fs: FileSystem
  /** The number of calls so far. Call `diesAt` fails, and so do all later calls. */
  calls = 0
  diesAt = Number.POSITIVE_INFINITY
  /** Called before each `datasync`. */
  beforeDatasync: (path: string) => void | Promise<void> = () => {}
  readonly #disk: Disk
  /** The ranges that were written and not synced, by path. */
  readonly #unsynced = new Map<string, [position: number, length: number][]>()
  /** The content of files at the crash, by path. */
  readonly #looks = new Map<string, FileState>()

  constructor(disk: Disk) {
    this.#disk = disk
    const step = <A extends unknown[], R>(work: (...args: A) => Promise<R>) => {
      return async (...args: A): Promise<R> => {
        if (++this.calls >= this.diesAt) throw Object.assign(new Error('killed'), { code: 'EIO' })
        return work(...args)
      }
    }
    this.fs = {
      constants: disk.constants,
      open: step(async (path: string, flags: number, mode?: number) =>
        this.#wrap(path, await disk.open(path, flags, mode), step),
      ),
      lstat: step(async (path: string, options?: { readonly bigint: true }) => {
        if (!options) return disk.lstat(path)
        const found = await disk.lstat(path, options)
        return Object.assign(found, this.#looks.get(path))
      }) as FileSystem['lstat'],
      realpath: step((path: string) => disk.realpath(path)),
      mkdir: step((path: string, options: { readonly recursive: boolean }) => disk.mkdir(path, options)),
      symlink: step((target: string, path: string) => disk.symlink(target, path)),
      readlink: step((path: string) => disk.readlink(path)),
      unlink: step((path: string) => disk.unlink(path)),
      rename: step(async (from: string, to: string) => {
        await disk.rename(from, to)
        this.#unsynced.set(to, this.#unsynced.get(from) ?? [])
        this.#unsynced.delete(from)
      }),
    }
  }

  /** Simulates a power failure. */
  async crash(): Promise<void> {
    this.diesAt = Number.POSITIVE_INFINITY
    const unsynced = [...this.#unsynced]
    this.#unsynced.clear()
    for (const [path, ranges] of unsynced) {
      if (ranges.length === 0) continue
      const handle = await this.#disk.open(path, this.#disk.constants.O_RDWR).catch(() => undefined)
      if (handle === undefined) continue
      this.#looks.set(path, await handle.stat({ bigint: true }))
      for (const [position, length] of ranges) await handle.write(Buffer.alloc(length), 0, length, position)
      await handle.close()
    }
  }

  #wrap(
    path: string,
    handle: FileHandle,
    step: <A extends unknown[], R>(work: (...args: A) => Promise<R>) => (...args: A) => Promise<R>,
  ): FileHandle {
    const flushed = (flush: () => Promise<void>) => async () => {
      // Bytes that are written during the sync may not be part of it.
      this.#unsynced.delete(path)
      await flush()
    }
    const stat = async (options?: { readonly bigint: true }) =>
      options ? (this.#looks.get(path) ?? handle.stat(options)) : handle.stat()
    return {
      read: step((...args: Parameters<FileHandle['read']>) => handle.read(...args)),
      write: step(async (...args: Parameters<FileHandle['write']>) => {
        const ranges = this.#unsynced.get(path) ?? []
        this.#unsynced.set(path, [...ranges, [args[3], args[2]]])
        return handle.write(...args)
      }),
      stat: step(stat) as FileHandle['stat'],
      datasync: step(async () => {
        await this.beforeDatasync(path)
        await flushed(() => handle.datasync())()
      }),
      sync: step(flushed(() => handle.sync())),
      truncate: step((length: number) => handle.truncate(length)),
      chmod: step((mode: number) => handle.chmod(mode)),
      close: async () => {
        // The descriptors of a killed process are closed too.
        await handle.close()
        await step(async () => {})()
      },
    }
  }
}
