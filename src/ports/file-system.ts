/** The door to the disk: the only file here that knows node:fs, so that memfs fits through the same one. */
import { promises } from 'node:fs'
import { nameOfBytes, systemPath } from '../codec/byte-names.ts'

/** An open file. Offsets and lengths are bytes; `offset` counts in the buffer, `position` in the file. */
export interface FileHandle {
  /** The number that the system knows it by; missing where it has none. */
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
  /** Resolves when the bytes are on the device, and as much of the rest as it takes to read them. */
  datasync(): Promise<void>
  /** Resolves when everything about the file is on the device. */
  sync(): Promise<void>
  truncate(length: number): Promise<void>
  chmod(mode: number): Promise<void>
  close(): Promise<void>
}

/** What is at a path: a regular file, a directory, a symbolic link, or something else. */
export interface FileKind {
  isFile(): boolean
  isDirectory(): boolean
  isSymbolicLink(): boolean
}

/** What is at a path: its kind, size in bytes and permission bits. */
export interface FileStats extends FileKind {
  readonly size: number
  readonly mode: number
}

/**
 * Which file it is, and when it last changed: nanoseconds since 1970, bytes.
 * Whoever changes a file moves `ctimeNs`, which no program can put back as it can `mtimeNs`.
 */
export interface FileState {
  readonly size: bigint
  readonly mtimeNs: bigint
  readonly ctimeNs: bigint
  readonly ino: bigint
  readonly dev: bigint
}

/** The flags of `open`, as numbers that belong to this file system. */
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

/** One that also lists directories. */
export interface ListingFileSystem extends FileSystem {
  /** The names in a directory. */
  readdir(path: string): Promise<string[]>
}

/** The disk of this machine. Names that are not UTF-8 are as `nameOfBytes` spells them. */
export const nodeFileSystem: ListingFileSystem = {
  ...promises,
  hasProcessDescriptors: true,
  open: (path, flags, mode) => promises.open(systemPath(path), flags, mode),
  lstat: ((path: string, options?: { bigint: true }) =>
    promises.lstat(systemPath(path), options)) as FileSystem['lstat'],
  mkdir: (path, options) => promises.mkdir(systemPath(path), options),
  readdir: async path => (await promises.readdir(systemPath(path), { encoding: 'buffer' })).map(nameOfBytes),
}

/** The `code` of a system error ('ENOENT'), or nothing if it is not one. */
export function systemCode(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null | undefined)?.code
  return typeof code === 'string' ? code : undefined
}
