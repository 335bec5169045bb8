import type { StorageError } from '../errors.ts'
import type { FileWatch } from './file-watch.ts'

/** Where a torrent's bytes rest. One interface, several homes; positions are bytes from the torrent's start. */
export interface Storage {
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
