/** A disk that fails, shortens or delays the calls that a test chooses. */
import type { FileHandle } from '../../src/ports/file-system.ts'
import type { Disk } from './storage-suite.ts'

/** One call of the program under test. */
export interface DiskCall {
  readonly name:
    | keyof FileHandle
    | 'open'
    | 'lstat'
    | 'realpath'
    | 'mkdir'
    | 'symlink'
    | 'readlink'
    | 'unlink'
    | 'rename'
  readonly path: string
  /** The number of this call among all, from 0. */
  readonly n: number
  /** Bytes, of a read or a write. */
  readonly length: number
}

/**
 * Decides on a call before it is made: throws to fail it, returns the number of bytes that a read or a write transfers,
 * or resolves when the call may continue.
 */
export type Fault = (call: DiskCall) => number | undefined | Promise<number | undefined>

/** Creates a system error like one of the disk. */
export function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: as the system says`), { code })
}

/** Wraps a disk. The program under test uses `fs`. */
export class FaultyDisk {
  readonly fs: Disk
  fault: Fault = () => undefined
  /** Calls so far. */
  calls = 0
  /** Files that are open. */
  open = 0

  constructor(disk: Disk) {
    const call = async (name: DiskCall['name'], path: string, length = 0) =>
      (await this.fault({ name, path, n: this.calls++, length })) ?? length
    this.fs = Object.assign(Object.create(disk) as Disk, {
      constants: disk.constants,
      open: async (path: string, flags: number, mode?: number) => {
        await call('open', path)
        const handle = await disk.open(path, flags, mode)
        this.open++
        let open = true
        return wrap(path, handle, call, () => {
          if (open) this.open--
          open = false // a handle may be closed twice
        })
      },
      lstat: async (...args: [path: string]) => {
        await call('lstat', args[0])
        return disk.lstat(...args)
      },
      realpath: async (path: string) => {
        await call('realpath', path)
        return disk.realpath(path)
      },
      mkdir: async (...args: Parameters<Disk['mkdir']>) => {
        await call('mkdir', args[0])
        return disk.mkdir(...args)
      },
      unlink: async (path: string) => {
        await call('unlink', path)
        return disk.unlink(path)
      },
      rename: async (from: string, to: string) => {
        await call('rename', to)
        return disk.rename(from, to)
      },
    })
  }
}

function wrap(
  path: string,
  handle: FileHandle,
  call: (name: DiskCall['name'], path: string, length?: number) => Promise<number>,
  closed: () => void,
): FileHandle {
  return {
    read: async (target, offset, length, position) =>
      handle.read(target, offset, await call('read', path, length), position),
    write: async (bytes, offset, length, position) =>
      handle.write(bytes, offset, await call('write', path, length), position),
    stat: (async (...options: []) => {
      await call('stat', path)
      return handle.stat(...options)
    }) as FileHandle['stat'],
    datasync: async () => {
      await call('datasync', path)
      await handle.datasync()
    },
    sync: async () => {
      await call('sync', path)
      await handle.sync()
    },
    truncate: async length => {
      await call('truncate', path)
      await handle.truncate(length)
    },
    chmod: async mode => {
      await call('chmod', path)
      await handle.chmod(mode)
    },
    close: async () => {
      // The descriptor is closed even if close fails (close(2)).
      await handle.close()
      closed()
      await call('close', path)
    },
  }
}
