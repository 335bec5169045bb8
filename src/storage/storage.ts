/** Where a torrent's bytes rest. One interface, several homes; positions are bytes from the torrent's start. */
export interface Storage {
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
  /** Called once all that is wanted was written: empty files, exact lengths, modes. */
  complete(): Promise<void>
  /** Gives back what is held open. Idempotent. */
  close(): Promise<void>
}
