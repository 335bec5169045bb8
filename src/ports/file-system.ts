/** The file system is injected: only this file imports node:fs, so that memfs can take its place. */
import { promises, readFileSync } from 'node:fs'
import { nameOfBytes, systemPath } from '../codec/byte-names.ts'
import { makeDirectories } from './make-directories.ts'

/** An open file. Offsets and lengths are bytes; `offset` counts in the buffer, `position` in the file. */
export interface FileHandle {
  /** The descriptor, if there is one. */
  readonly fd?: number
  /** @param position `null` for the current position, as for a pipe */
  read(
    target: Uint8Array,
    offset: number,
    length: number,
    position: number | null,
  ): Promise<{ readonly bytesRead: number }>
  write(
    bytes: Uint8Array,
    offset: number,
    length: number,
    position: number,
  ): Promise<{ readonly bytesWritten: number }>
  stat(): Promise<FileStats>
  stat(options: { readonly bigint: true }): Promise<FileState>
  /** Resolves when the data is on the device, with the metadata that is needed to read it. */
  datasync(): Promise<void>
  /** Resolves when data and metadata are on the device. */
  sync(): Promise<void>
  truncate(length: number): Promise<void>
  chmod(mode: number): Promise<void>
  close(): Promise<void>
}

/** The kind of a file: regular, directory, symbolic link, or other. */
export interface FileKind {
  isFile(): boolean
  isDirectory(): boolean
  isSymbolicLink(): boolean
}

/** The kind of a file, its size in bytes, and its permission bits. */
export interface FileStats extends FileKind {
  readonly size: number
  readonly mode: number
}

/**
 * The identity of a file and its last change: nanoseconds since 1970, bytes.
 * A change of a file changes `ctimeNs`. Unlike `mtimeNs`, programs cannot set it.
 */
export interface FileState {
  readonly size: bigint
  readonly mtimeNs: bigint
  readonly ctimeNs: bigint
  readonly ino: bigint
  readonly dev: bigint
  /** Permission bits, and the kind. */
  readonly mode?: bigint
}

/** The flags of `open` for this file system. */
export interface OpenFlags {
  readonly O_RDONLY: number
  readonly O_RDWR: number
  readonly O_CREAT: number
  readonly O_EXCL: number
  /** Missing on Windows. */
  readonly O_NOFOLLOW?: number
  /** Missing on Windows. */
  readonly O_NONBLOCK?: number
  /** Missing on Windows. */
  readonly O_DIRECTORY?: number
}

/** The part of `fs.promises` that storage uses. Every function rejects with a system error (`code`). */
export interface FileSystem {
  readonly constants: OpenFlags
  /** True if the `fd` of a handle is a descriptor of this process, as it is not with memfs. @default false */
  readonly hasProcessDescriptors?: boolean
  open(path: string, flags: number, mode?: number): Promise<FileHandle>
  lstat(path: string): Promise<FileStats>
  lstat(path: string, options: { readonly bigint: true }): Promise<FileState & FileKind>
  realpath(path: string): Promise<string>
  mkdir(path: string, options: { readonly recursive: boolean; readonly mode?: number }): Promise<unknown>
  symlink(target: string, path: string): Promise<void>
  readlink(path: string): Promise<string>
  rename(from: string, to: string): Promise<void>
  unlink(path: string): Promise<void>
}

/** A file system that lists directories. */
export interface ListingFileSystem extends FileSystem {
  /** Resolves with the names in a directory. */
  readdir(path: string): Promise<string[]>
}

/** A file system that removes directories. */
export interface EditableFileSystem extends ListingFileSystem {
  /** Removes an empty directory. */
  rmdir(path: string): Promise<void>
}

/** The disk of this machine. Names that are not UTF-8 are as `nameOfBytes` spells them. */
export const nodeFileSystem: EditableFileSystem = {
  ...promises,
  hasProcessDescriptors: true,
  open: (path, flags, mode) => promises.open(systemPath(path), flags, mode),
  lstat: ((path: string, options?: { bigint: true }) =>
    promises.lstat(systemPath(path), options)) as FileSystem['lstat'],
  mkdir: (path, { mode, recursive }) => {
    const mkdir = (at: string) => promises.mkdir(systemPath(at), mode)
    const isDirectory = async (at: string) => (await promises.stat(systemPath(at))).isDirectory()
    return recursive ? makeDirectories(path, { mkdir, isDirectory }) : mkdir(path)
  },
  rename: (from, to) => promises.rename(systemPath(from), systemPath(to)),
  unlink: path => promises.unlink(systemPath(path)),
  rmdir: path => promises.rmdir(systemPath(path)),
  readdir: async path => (await promises.readdir(systemPath(path), { encoding: 'buffer' })).map(nameOfBytes),
}

/** The space of a file system, in bytes. */
export interface FreeSpace {
  readonly free: number
  readonly total: number
}

/** Returns the space of the file system at a path. Rejects with a system error. */
export async function freeSpaceAt(path: string): Promise<FreeSpace> {
  const { bavail, blocks, bsize } = await promises.statfs(systemPath(path))
  return { free: bavail * bsize, total: blocks * bsize }
}

/** Returns the number of descriptors that the process may have open, where the system has a file that says it, as Linux does. */
export function findDescriptorLimit(): number | undefined {
  try {
    const [, limit] = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1')) ?? []
    return limit === undefined ? undefined : Number(limit)
  } catch {
    return undefined
  }
}

/** Reads a regular file of at most `maxLength` bytes. Rejects with a system error, or EFBIG. */
export async function readSmallFile(path: string, maxLength: number): Promise<Uint8Array> {
  const stats = await promises.stat(systemPath(path))
  if (!stats.isFile()) throw Object.assign(new Error(`${path}: not a file`), { code: 'EISDIR' })
  if (stats.size > maxLength) throw Object.assign(new Error(`${path}: too large`), { code: 'EFBIG' })
  return promises.readFile(systemPath(path))
}

/** The `code` of a system error ('ENOENT'), or nothing if it is not one. */
export function systemCode(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null | undefined)?.code
  return typeof code === 'string' ? code : undefined
}
