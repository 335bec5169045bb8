import type { StorageError } from '../errors.ts'
import type { FileWatch } from './file-watch.ts'

/** Verified bytes that a window lends to a reader. They do not change until `release`. */
export interface LentBytes {
  readonly bytes: Uint8Array
  /** Gives the bytes back. Idempotent. */
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
  /** Where the bytes start in the file. */
  readonly offset: number
}

/** The torrent that writes to a window, as the window sees it. */
export interface WindowOwner {
  /** True if a reader needs the write at this position soon. */
  isNear(position: number): boolean
  /** The write at this position can no longer be read: it is fetched again when a reader needs it. */
  forget(position: number): void
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
  /** Gives up the writes that are not near to any reader. Called when a reader comes or goes. */
  trim(): void
  /** Fails all readers, now and later, with this error. */
  close(error: Error): Promise<void>
}

/**
 * Where a torrent's bytes rest. Positions are bytes from the torrent's start. Optional members are capabilities: a
 * storage that lacks one is used without it.
 */
export interface Storage {
  /**
   * False if written bytes cannot be read back later: no piece is looked for at the start, and peers get none.
   * @default true
   */
  readonly retains?: boolean
  /** Passes bytes to readers. Without it readers use `read`. */
  readonly window?: ReadWindow
  /** What notices that another program changes the bytes; missing where none can. */
  readonly watch?: FileWatch
  /**
   * Keeps other writers from the same files until `close`. Rejects with ERR_LOCKED; resolves with the reason where
   * other processes do not see the lock. Missing where there can be no other writer.
   */
  lock?(): Promise<StorageError | undefined>
  /**
   * Fills `target` with what is at `position`.
   * Resolves with how many bytes from its start were there: fewer than asked at a file that is missing or short.
   */
  read(position: number, target: Uint8Array): Promise<number>
  /**
   * Opens the file that holds these bytes, and keeps it open while `work` runs. Resolves with the result of `work`, or
   * with undefined if not exactly one file holds them. Missing where bytes are not in files of the system.
   */
  useFile?<T>(
    position: number,
    length: number,
    work: (file: StoredFile) => Promise<T>,
  ): Promise<T | undefined>
  /**
   * Puts `bytes` at `position`. Resolves when they are at rest and `bytes` may be reused.
   * Rejects with a StorageError.
   */
  write(position: number, bytes: Uint8Array): Promise<void>
  /** True while it can open no file, because the rest of the process holds all descriptors. Missing where it opens none. */
  readonly starved?: boolean
  /** True if all bytes that are written there rest there, to be read back. Missing where they never do. */
  keeps?(position: number, length: number): boolean
  /** Called once all that is wanted was written: empty files, exact lengths, modes. */
  complete(): Promise<void>
  /** Gives back what is held open. Idempotent. */
  close(): Promise<void>
}
