import type { StorageError } from '../errors.ts'
import type { FileWatch } from './file-watch.ts'
import type { OpenFileLimit } from './open-file-limit.ts'

/** Verified bytes that a window lends to a reader. They do not change until `release`. */
export interface LentBytes {
  readonly bytes: Uint8Array
  /** Returns the bytes. Idempotent. */
  release(): void
}

/** A reader that goes forward through the bytes of a window. */
export interface WindowSource {
  /**
   * Resolves with at least one and at most `length` bytes from `position`, as soon as they were written. One call at a
   * time, never backwards.
   */
  take(position: number, length: number): Promise<LentBytes>
  /** Ends the reader. A take that waits rejects with ERR_ABORTED. Idempotent. */
  close(): void
}

/** The bytes that a reader of a window takes. */
export interface WindowRange {
  /** The first byte, counted from the torrent's start. */
  readonly start: number
  /** The byte after the last. */
  readonly end: number
  /** Called with the next byte that the reader needs; `waiting` is true while the reader waits for it. */
  readonly cursor?: (position: number, waiting: boolean) => void
}

/** An open file that holds bytes of the torrent. */
export interface StoredFile {
  /** The descriptor, which other threads of this process can read. */
  readonly fd: number
  /** The offset of the bytes in the file. */
  readonly offset: number
}

/** The torrent that writes to a window, as the window sees it. */
export interface WindowOwner {
  /** True if a reader needs the write at this position soon. */
  isNear(position: number): boolean
  /** The write at this position can no longer be read: it is fetched again when a reader needs it. */
  forget(position: number): void
  /**
   * Returns the verified bytes from this position on of a piece that is not written yet. Its memory is used again
   * later, so the caller copies them. A window without this call passes each write as a whole.
   */
  peek?(position: number): Uint8Array | undefined
}

/**
 * Passes verified pieces to readers instead of storing them. A write resolves when no reader needs it soon, so that the
 * slowest reader paces the download.
 */
export interface ReadWindow {
  /** Connects the window with the torrent that writes to it. Called once, before the first write. */
  attach(owner: WindowOwner): void
  /** Opens a reader. */
  open(range: WindowRange): WindowSource
  /** True while the write at this position can be read. */
  has(position: number): boolean
  /** Serves waiting readers again: `WindowOwner.peek` has more bytes. @default they wait for the write */
  serve?(): void
  /** Gives up the writes that are not near to any reader. Called when a reader comes or goes. */
  trim(): void
  /** Fails all readers, now and later, with this error. */
  close(error: Error): Promise<void>
}

/**
 * Stores the bytes of a torrent. Positions are bytes from the torrent's start. Optional members are capabilities: a
 * storage without one works.
 */
export interface Storage {
  /**
   * False if written bytes cannot be read back: there is no initial check, and no upload.
   * @default true
   */
  readonly retains?: boolean
  /** True if `write` accepts bytes of a `SharedArrayBuffer`. @default false */
  readonly takesSharedMemory?: boolean
  /** Passes written bytes to readers. Without it readers use `read`. */
  readonly window?: ReadWindow
  /** Detects that another program changes the bytes. */
  readonly watch?: FileWatch
  /** Opens files within this limit from now on, which the storages of a client share. */
  shareOpenFiles?(limit: OpenFileLimit): void
  /**
   * Locks the files until `close`. Rejects with ERR_LOCKED if another writer has locked one. Resolves with the reason if
   * other processes do not see the lock.
   */
  lock?(): Promise<StorageError | undefined>
  /** Locks the files of another selection too, before it holds. Rejects as `lock`, and locks no further file then. */
  lockSelection?(selected: (fileIndex: number) => boolean): Promise<StorageError | undefined>
  /**
   * Fills `target` with the bytes from `position`. Resolves with the number of bytes before the first missing one: fewer
   * than requested if a file is missing or short.
   */
  read(position: number, target: Uint8Array): Promise<number>
  /**
   * Opens the file that holds these bytes, and keeps it open while `work` runs. Resolves with the result of `work`, or
   * with undefined if they are in several files or in none.
   */
  useFile?<T>(
    position: number,
    length: number,
    work: (file: StoredFile) => Promise<T>,
  ): Promise<T | undefined>
  /**
   * Writes `bytes` at `position`. Resolves when they are stored and `bytes` may be reused. Rejects with StorageError.
   */
  write(position: number, bytes: Uint8Array): Promise<void>
  /** True while no file can be opened since the rest of the process holds all descriptors. @default false */
  readonly starved?: boolean
  /** True if bytes written there can be read back. Without it, bytes of unfinished pieces are not kept. */
  keeps?(position: number, length: number): boolean
  /** Called when all wanted pieces are written: makes empty files, sets lengths and modes. */
  complete(): Promise<void>
  /** Closes the files that are not in use, until they are used again: the torrent is complete and has no peer. Never rejects. */
  rest?(): void
  /** Closes all files. Idempotent. */
  close(): Promise<void>
}
