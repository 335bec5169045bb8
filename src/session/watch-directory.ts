import { EventEmitter } from 'node:events'
import { join } from 'node:path'
import { checkArgument } from '../codec/check-arguments.ts'
import { InputError, messageOf, StorageError, type TsdlError } from '../errors.ts'
import { type Clock, systemClock, type Timer } from '../ports/clock.ts'
import { type ListingFileSystem, nodeFileSystem } from '../ports/file-system.ts'
import { readRecordFile } from '../storage/record-file.ts'
import { storageError } from '../storage/storage-error.ts'
import type { Session } from './session.ts'
import { DuplicateTorrentError } from './session-options.ts'
import { failureOf } from './torrent/failure-of.ts'
import type { NewTorrentOptions } from './torrent/new-torrent.ts'

/** Options of `WatchDirectory`. */
export interface WatchDirectoryOptions {
  /** Options of the torrents that are added. */
  readonly torrentOptions?: NewTorrentOptions
  readonly fs?: ListingFileSystem
  readonly clock?: Clock
}

/** Events of `WatchDirectory`. */
export interface WatchDirectoryEvents {
  /** The directory or a file in it cannot be used. It is tried again. */
  warning: [error: TsdlError]
}

/** A file as it was found: its state, and since how many looks it has not changed. */
interface WatchedFile {
  readonly state: string
  readonly looks: number
  /** True if it was reported that it cannot be added. */
  readonly isReported: boolean
}

/** Milliseconds between two looks. */
const LOOK_INTERVAL_MS = 2000
/** Looks after which a file that is no torrent and does not change is reported: it may have been half-written before. */
const PATIENT_LOOKS = 5
/** Maximum length of a file with a magnet link in bytes. */
const MAX_LINK_BYTES = 1 << 20
/** The suffix of the name of a file that was added. */
const ADDED_SUFFIX = '.added'

/**
 * Adds the torrents of a directory to a session: `.torrent` files, and `.magnet` files with one link. A file is added when
 * it has not changed between two looks, and then renamed to `.added`. It looks every two seconds, so that it works on every
 * file system.
 */
export class WatchDirectory extends EventEmitter<WatchDirectoryEvents> {
  readonly #session: Session
  readonly #directory: string
  readonly #torrentOptions: NewTorrentOptions
  readonly #fs: ListingFileSystem
  readonly #clock: Clock
  #found = new Map<string, WatchedFile>()
  #timer: Timer | undefined
  #looking: Promise<void> | undefined
  #isClosed = false
  /** The last failure to read the directory, which is reported once. */
  #failure: string | undefined

  /** Begins to look. */
  constructor(session: Session, directory: string, options: WatchDirectoryOptions = {}) {
    super()
    checkArgument('directory', directory, 'text')
    this.#session = session
    this.#directory = directory
    this.#torrentOptions = options.torrentOptions ?? {}
    this.#fs = options.fs ?? nodeFileSystem
    this.#clock = options.clock ?? systemClock
    this.#arm()
  }

  /** Looks at once, in addition to every two seconds. Never rejects. */
  look(): Promise<void> {
    this.#looking ??= this.#look()
      .catch(error => this.#report(error))
      .finally(() => {
        this.#looking = undefined
      })
    return this.#looking
  }

  /** Stops looking. Resolves when no file is being added; never rejects. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#clock.clearTimeout(this.#timer)
    await this.#looking
  }

  #arm(): void {
    if (this.#isClosed) return
    this.#timer = this.#clock.setTimeout(() => {
      void this.look().then(() => this.#arm())
    }, LOOK_INTERVAL_MS)
  }

  async #look(): Promise<void> {
    const names = await this.#fs.readdir(this.#directory).catch(error => {
      if (error.code !== 'ENOENT') throw storageError('read', this.#directory, error)
      const text = `cannot watch ${this.#directory}: no such directory; files are added once it exists`
      throw new StorageError('ERR_STORAGE', text, error)
    })
    this.#failure = undefined
    const before = this.#found
    this.#found = new Map()
    for (const name of names.filter(name => /\.(torrent|magnet)$/i.test(name))) {
      if (this.#isClosed) return
      const state = await this.#stateOf(name)
      if (state === undefined) continue
      const last = before.get(name)
      const looks = last?.state === state ? last.looks + 1 : 0
      const isReported = last?.state === state && last.isReported
      this.#found.set(name, { state, looks, isReported })
      // so that a file that cannot be parsed is parsed only once
      if (looks === 1 || (looks >= PATIENT_LOOKS && !isReported))
        await this.#add(name, { state, looks, isReported })
    }
  }

  /** Returns a text that changes with a file, or undefined if it is no regular file. */
  async #stateOf(name: string): Promise<string | undefined> {
    const found = await this.#fs.lstat(join(this.#directory, name), { bigint: true }).catch(() => undefined)
    return found?.isFile() ? `${found.size} ${found.mtimeNs} ${found.ino}` : undefined
  }

  async #add(name: string, found: WatchedFile): Promise<void> {
    const path = join(this.#directory, name)
    try {
      const source = /\.magnet$/i.test(name) ? await this.#readLink(path) : path
      await this.#session.add(source, this.#torrentOptions).catch(error => {
        if (!(error instanceof DuplicateTorrentError)) throw error
      })
      await this.#fs.rename(path, path + ADDED_SUFFIX).catch(error => {
        throw storageError('write', path, error)
      })
      this.#found.delete(name)
    } catch (error) {
      const isFault = error instanceof InputError
      if (isFault && found.looks < PATIENT_LOOKS) return
      this.#found.set(name, { ...found, isReported: isFault, looks: isFault ? found.looks : 0 })
      this.emit('warning', failureOf(error))
    }
  }

  async #readLink(path: string): Promise<string> {
    const bytes = await readRecordFile(this.#fs, path, MAX_LINK_BYTES).catch(error => {
      throw new InputError('ERR_USAGE', `cannot read ${path}: ${messageOf(error)}`, error)
    })
    const link = bytes.toString('utf8').trim()
    if (/^magnet:\S+$/i.test(link)) return link
    throw new InputError('ERR_USAGE', `${path}: expected one magnet link`)
  }

  #report(error: unknown): void {
    const failure = failureOf(error)
    if (failure.message === this.#failure) return
    this.#failure = failure.message
    this.emit(
      'warning',
      failure instanceof StorageError ? failure : new StorageError('ERR_STORAGE', failure.message),
    )
  }
}
