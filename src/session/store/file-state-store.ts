import { createHash, randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { checkArgument, checkOptions } from '../../codec/check-arguments.ts'
import { StorageError } from '../../errors.ts'
import { MAX_TORRENT_SIZE } from '../../metainfo/parse.ts'
import { type ListingFileSystem, nodeFileSystem, systemCode } from '../../ports/file-system.ts'
import { forEachInParallel } from '../../ports/parallel.ts'
import { type FileLock, type FileLocks, ProcessLocks } from '../../storage/file-locks.ts'
import { LockDirectory } from '../../storage/lock-directory.ts'
import { readRecordFile } from '../../storage/record-file.ts'
import { storageError } from '../../storage/storage-error.ts'
import { readSessionRecord, type SessionRecord } from '../records/session-record.ts'
import { readTorrentRecord, type TorrentRecord } from '../records/torrent-record.ts'
import { DamagedRecordError, readStateFile, removeFile, replaceFile, writeStateFile } from './state-file.ts'
import type { StateStore, StoredState } from './state-store.ts'

/** Options of `FileStateStore`. */
export interface FileStateStoreOptions {
  /** @default the disk of this machine */
  readonly fs?: ListingFileSystem
}

/** Number of records that are read at once. */
const PARALLEL_READS = 32
/** Maximum length of the file of the blocklist: 1,048,576 ranges of IPv6 addresses. */
const MAX_BLOCKLIST_BYTES = 64 << 20
/** The SHA-1 at the end of the blocklist. */
const CHECKSUM_BYTES = 20
/** The suffix of the name of a damaged record, so that it is kept and not read again. */
const DAMAGED_SUFFIX = '.damaged'

/**
 * Remembers a session in a directory: `session.json`, and `torrents/HASH.json` and `torrents/HASH.torrent` for each
 * torrent, and `blocklist`. Each file is replaced atomically, after its bytes are on the device, so a crash at any point leaves the old one
 * or the new one. A damaged record is renamed to `.damaged`; it loses its own torrent only.
 */
export class FileStateStore implements StateStore {
  readonly #directory: string
  readonly #fs: ListingFileSystem
  #locks: readonly FileLock[] = []

  /** Does not access the disk. @param directory is made, with its parents */
  constructor(directory: string, options: FileStateStoreOptions = {}) {
    checkArgument('directory', directory, 'text')
    checkOptions(options, { fs: 'object' })
    this.#directory = directory
    this.#fs = options.fs ?? nodeFileSystem
  }

  /** See StateStore. */
  async open(): Promise<StoredState> {
    const warnings: StorageError[] = []
    const unseen = await this.#lock()
    if (unseen) warnings.push(unseen)
    try {
      const session = await this.#read(join(this.#directory, 'session.json'), readSessionRecord, warnings)
      const torrents = await this.#readTorrents(warnings)
      return { session, torrents: torrents.sort((a, b) => a.id - b.id), warnings }
    } catch (error) {
      await this.close()
      throw error
    }
  }

  async saveSession(record: SessionRecord): Promise<void> {
    checkArgument('record', record, 'object')
    return writeStateFile(this.#fs, join(this.#directory, 'session.json'), record)
  }

  async saveTorrent(record: TorrentRecord): Promise<void> {
    checkArgument('record', record, 'object')
    return writeStateFile(this.#fs, this.#pathOf(record.infoHash, 'json'), record)
  }

  async saveMetainfo(infoHash: string, bytes: Uint8Array): Promise<void> {
    checkArgument('bytes', bytes, 'bytes')
    return replaceFile(this.#fs, this.#pathOf(infoHash, 'torrent'), bytes)
  }

  /** See StateStore. */
  async loadMetainfo(infoHash: string): Promise<Uint8Array> {
    const path = this.#pathOf(infoHash, 'torrent')
    // with the fields beside `info` it may be longer than the .torrent that was parsed
    return readRecordFile(this.#fs, path, 2 * MAX_TORRENT_SIZE).catch(error => {
      throw storageError('read', path, error)
    })
  }

  /** See StateStore. */
  async removeTorrent(infoHash: string): Promise<void> {
    // the record first: without it the other files mean nothing, and the next `open` removes them
    await removeFile(this.#fs, this.#pathOf(infoHash, 'json'))
    await removeFile(this.#fs, this.#pathOf(infoHash, 'torrent'))
    await removeFile(this.#fs, this.resumePath(infoHash)).catch(() => {})
  }

  /** See StateStore. */
  resumePath(infoHash: string): string {
    return join(this.#directory, 'resume', `${infoHash}.resume`)
  }

  /** See StateStore. */
  async saveBlocklist(bytes: Uint8Array): Promise<void> {
    checkArgument('bytes', bytes, 'bytes')
    return replaceFile(this.#fs, this.#blocklistPath, withChecksum(bytes))
  }

  /** See StateStore. */
  async loadBlocklist(): Promise<Uint8Array | undefined> {
    const path = this.#blocklistPath
    const file = await readRecordFile(this.#fs, path, MAX_BLOCKLIST_BYTES).catch(error => {
      if (systemCode(error) === 'ENOENT') return undefined
      throw storageError('read', path, error)
    })
    const bytes = file?.subarray(0, -CHECKSUM_BYTES)
    if (!file || !bytes || withChecksum(bytes).equals(file)) return bytes
    throw new StorageError('ERR_RECORD', `${path} is damaged: its checksum does not match`)
  }

  get #blocklistPath(): string {
    return join(this.#directory, 'blocklist')
  }

  /** See StateStore. */
  async close(): Promise<void> {
    const locks = this.#locks
    this.#locks = []
    for (const lock of locks) await lock.release()
  }

  #pathOf(infoHash: string, extension: string): string {
    return join(this.#directory, 'torrents', `${infoHash}.${extension}`)
  }

  /** Locks the directory for this store. @returns the reason if other processes do not see the lock */
  async #lock(): Promise<StorageError | undefined> {
    const directory = this.#directory
    const holder = { name: 'tsdl', infoHash: randomBytes(20) }
    const locks: FileLocks[] = [ProcessLocks.of(this.#fs)]
    try {
      await this.#fs.mkdir(join(directory, 'torrents'), { recursive: true, mode: 0o700 })
      if (this.#fs.hasProcessDescriptors)
        locks.push(new LockDirectory(join(directory, 'lock'), { fs: this.#fs }))
      const path = await this.#fs.realpath(directory)
      const taken: FileLock[] = []
      this.#locks = taken
      for (const lock of locks) taken.push(await lock.take([path], holder))
      return taken.find(({ unseen }) => unseen)?.unseen
    } catch (error) {
      await this.close()
      if (error instanceof StorageError && error.code === 'ERR_LOCKED') {
        const message = `${directory}: another session uses this state directory (end it, or choose another one)`
        throw new StorageError('ERR_LOCKED', message, error)
      }
      throw storageError('write', directory, error)
    }
  }

  async #readTorrents(warnings: StorageError[]): Promise<TorrentRecord[]> {
    const directory = join(this.#directory, 'torrents')
    const names = new Set(await this.#fs.readdir(directory))
    const torrents: TorrentRecord[] = []
    await forEachInParallel(names, PARALLEL_READS, async name => {
      const path = join(directory, name)
      const [hash, extension] = name.split(/\.(.*)/s)
      const isOrphan =
        extension === 'torrent' && !names.has(`${hash}.json`) && !names.has(`${hash}.json${DAMAGED_SUFFIX}`)
      // left by an addition or a removal that a crash interrupted
      if (isOrphan || extension?.endsWith('.next')) await removeFile(this.#fs, path)
      if (extension !== 'json') return
      const record = await this.#read(path, readTorrentRecord, warnings, hash)
      if (record) torrents.push(record)
    })
    return torrents
  }

  /** Returns a record, or undefined if it is missing or damaged. */
  async #read<T extends object>(
    path: string,
    field: (value: unknown, name: string) => T,
    warnings: StorageError[],
    hash?: string,
  ): Promise<T | undefined> {
    try {
      const record = await readStateFile(this.#fs, path, field)
      if (hash === undefined || (record as { infoHash?: string }).infoHash === hash) return record
      throw new DamagedRecordError(`${path} is damaged: it is of another torrent`)
    } catch (error) {
      if (systemCode((error as StorageError).cause) === 'ENOENT') return undefined
      if (!(error instanceof DamagedRecordError)) throw error
      await this.#fs.rename(path, path + DAMAGED_SUFFIX)
      warnings.push(
        new StorageError('ERR_RECORD', `${error.message} (kept as ${path}${DAMAGED_SUFFIX})`, error),
      )
      return undefined
    }
  }
}

function withChecksum(bytes: Uint8Array): Buffer {
  return Buffer.concat([bytes, createHash('sha1').update(bytes).digest()])
}
