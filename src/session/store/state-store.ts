import type { StorageError } from '../../errors.ts'
import type { SessionRecord } from '../records/session-record.ts'
import type { TorrentRecord } from '../records/torrent-record.ts'

/** Everything that a store holds. */
export interface StoredState {
  /** Undefined in a new store, or if it was damaged. */
  readonly session: SessionRecord | undefined
  readonly torrents: readonly TorrentRecord[]
  /** One for each record that cannot be read: its torrent is not among `torrents`. One if other processes see no lock. */
  readonly warnings: readonly StorageError[]
}

/**
 * Remembers a session across restarts and crashes. A save replaces the earlier record as a whole: after a crash at any
 * point there is the old record or the new one. Saves of one torrent are not called in parallel. Methods reject with a
 * StorageError.
 */
export interface StateStore {
  /**
   * Takes the store for this session and reads it. Rejects with ERR_LOCKED if another session has it, and with ERR_RECORD
   * if a newer version wrote it.
   */
  open(): Promise<StoredState>
  saveSession(record: SessionRecord): Promise<void>
  saveTorrent(record: TorrentRecord): Promise<void>
  /** Saves the bytes of a .torrent. Called before `saveTorrent` of a torrent with metadata. */
  saveMetainfo(infoHash: string, bytes: Uint8Array): Promise<void>
  /** Reads the bytes of a .torrent. */
  loadMetainfo(infoHash: string): Promise<Uint8Array>
  /** Forgets a torrent and its .torrent. */
  removeTorrent(infoHash: string): Promise<void>
  /** The path of the resume record of a torrent. Without it, files are hashed again at each start. */
  resumePath?(infoHash: string): string
  /** Saves the blocklist. Without it, the list is forgotten at the end. */
  saveBlocklist?(bytes: Uint8Array): Promise<void>
  /** Reads the blocklist; undefined if none was saved. Rejects with ERR_RECORD if it is damaged. */
  loadBlocklist?(): Promise<Uint8Array | undefined>
  /** Gives the store back. Idempotent; never rejects. */
  close(): Promise<void>
}
