/**
 * Locks that other processes see: a small file for each torrent that writes, in a shared directory.
 *
 * - A file names the socket of its process (`Beacon`). If nothing listens there, the process has ended, and its file is
 *   removed. So a process that was killed blocks no other.
 * - A process first writes its own file and then reads the other files. Of two processes that start together, at least
 *   one sees the other, so they never both succeed. A process that sees another removes its own file, and tries again
 *   after a random delay.
 */

import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { asBytes, asDict, asInteger, asText, decode, encode } from '../codec/bencode.ts'
import { checkArgument } from '../codec/check-arguments.ts'
import { messageOf, StorageError } from '../errors.ts'
import { type ListingFileSystem, nodeFileSystem } from '../ports/file-system.ts'
import { Beacon, isLit } from './beacon.ts'
import { type FileLock, type FileLocks, type LockHolder, locked } from './file-locks.ts'
import { keysOf, type PathKeys, sharedKey } from './path-keys.ts'
import { NextRecordFile, readRecordFile } from './record-file.ts'

const LOCK_VERSION = 2
const LOCK_EXTENSION = '.lock'
/** Maximum length of a lock file in bytes: 8 for each of 500,000 files, and the rest. */
const MAX_LOCK_BYTES = 4 << 20
/** Number of tries before a torrent gives up. */
const MAX_LOCK_TRIES = 6
/** Mean delay between two tries, milliseconds. The delay is random, from 0 to twice the mean. */
const PAUSE_MS = 100

/** Options of `LockDirectory`. */
export interface LockDirectoryOptions {
  /** @default the disk of this machine */
  readonly fs?: ListingFileSystem
  /** Returns a number from 0 up to, but not including, 1. @default Math.random */
  readonly random?: () => number
  /** Resolves after some milliseconds. @default a timer of Node */
  readonly pause?: (milliseconds: number) => Promise<unknown>
}

interface HeldLock {
  readonly keys: PathKeys
  readonly holder: string
  readonly pid: number
  readonly beacon: string
}

/** Locks among all processes that use this directory. One instance serves all torrents of a process. */
export class LockDirectory implements FileLocks {
  readonly #directory: string
  readonly #fs: ListingFileSystem
  readonly #random: () => number
  readonly #pause: (milliseconds: number) => Promise<unknown>
  /** Names of our own files. */
  readonly #own = new Set<string>()
  #beacon: Promise<Beacon> | undefined
  #users = 0
  /** The last reading of the locks of other processes, and the one that has not begun. */
  #reading: Promise<readonly HeldLock[]> = Promise.resolve([])
  #nextReading: Promise<readonly HeldLock[]> | undefined

  /** Does not access the disk. @param directory is made at the first lock, readable only by its owner */
  constructor(directory: string, options: LockDirectoryOptions = {}) {
    checkArgument('directory', directory, 'text')
    this.#directory = directory
    this.#fs = options.fs ?? nodeFileSystem
    this.#random = options.random ?? Math.random
    this.#pause = options.pause ?? setTimeout
  }

  /** See FileLocks. If the directory cannot be used, other processes do not see the lock. */
  async take(paths: readonly string[], holder: LockHolder): Promise<FileLock> {
    checkArgument('paths', paths, 'array')
    checkArgument('holder', holder, 'object')
    const keys = await keysOf(paths)
    this.#users++
    try {
      const name = await this.#take(paths, keys, holder.name)
      let released: Promise<void> | undefined
      return { release: () => (released ??= this.#release(name)) }
    } catch (error) {
      await this.#leave()
      if (error instanceof StorageError) throw error
      const reason = `other processes may write the same files: no lock in ${this.#directory}: ${messageOf(error)}`
      return { unseen: new StorageError('ERR_RECORD', reason, error), release: async () => {} }
    }
  }

  async #take(paths: readonly string[], keys: PathKeys, holder: string): Promise<string> {
    const beacon = await (this.#beacon ??= this.#light())
    for (let tries = 1; ; tries++) {
      const name = `${randomBytes(8).toString('hex')}${LOCK_EXTENSION}`
      await this.#put(name, { keys, holder, pid: process.pid, beacon: beacon.address })
      const other = findShared(keys, await this.#readOthers())
      if (other === undefined) return name
      await this.#remove(name)
      if (tries === MAX_LOCK_TRIES)
        throw locked(paths, other.shared, `"${other.holder}", in process ${other.pid},`)
      await this.#pause(2 * PAUSE_MS * this.#random())
    }
  }

  async #light(): Promise<Beacon> {
    await this.#fs.mkdir(this.#directory, { recursive: true, mode: 0o700 })
    return Beacon.light(this.#directory, randomBytes(8).toString('hex'))
  }

  async #put(name: string, { beacon, holder, keys, pid }: HeldLock): Promise<void> {
    this.#own.add(name)
    const paths = Buffer.from(keys.buffer, keys.byteOffset, keys.byteLength)
    const next = await NextRecordFile.open(this.#fs, join(this.#directory, name))
    try {
      await next.commit(encode({ version: LOCK_VERSION, beacon, holder, pid, paths }))
    } catch (error) {
      await next.abandon()
      throw error
    }
  }

  /**
   * Returns the locks of other processes, read from now on. All callers that wait for another reading to end share the
   * next one: a process that starts many torrents would read the directory for each.
   */
  #readOthers(): Promise<readonly HeldLock[]> {
    if (this.#nextReading) return this.#nextReading
    const previous = this.#reading.catch(() => {})
    this.#reading = this.#nextReading = previous.then(() => {
      this.#nextReading = undefined
      return this.#findOthers()
    })
    return this.#reading
  }

  /** Reads the locks of other processes, and removes those of processes that have ended. */
  async #findOthers(): Promise<HeldLock[]> {
    const names = await this.#fs.readdir(this.#directory)
    const lit = new Map<string, Promise<boolean>>()
    const others: HeldLock[] = []
    for (const name of names) {
      if (this.#own.has(name) || !name.endsWith(LOCK_EXTENSION)) continue
      const held = await this.#read(name)
      if (held === undefined) continue
      const { beacon } = held
      if (!lit.has(beacon)) lit.set(beacon, isLit(beacon))
      if (await lit.get(beacon)) {
        others.push(held)
        continue
      }
      await this.#remove(name)
      await this.#fs.unlink(beacon).catch(() => {})
    }
    return others
  }

  /** Returns the lock of this name, or undefined if it is gone or of an unknown version. */
  async #read(name: string): Promise<HeldLock | undefined> {
    try {
      const fields = asDict(
        decode(await readRecordFile(this.#fs, join(this.#directory, name), MAX_LOCK_BYTES)),
      )
      const paths = asBytes(fields?.paths)
      const pid = asInteger(fields?.pid)
      const beacon = asText(fields?.beacon)
      const holder = asText(fields?.holder)
      if (asInteger(fields?.version) !== LOCK_VERSION || !paths || !pid || !beacon || !holder)
        return undefined
      return { keys: new Float64Array(Uint8Array.from(paths).buffer), holder, pid, beacon }
    } catch {
      return undefined
    }
  }

  async #release(name: string): Promise<void> {
    await this.#remove(name)
    await this.#leave()
  }

  async #remove(name: string): Promise<void> {
    await this.#fs.unlink(join(this.#directory, name)).catch(() => {})
    this.#own.delete(name)
  }

  async #leave(): Promise<void> {
    if (--this.#users > 0) return
    const lit = this.#beacon
    this.#beacon = undefined
    const beacon = await lit?.catch(() => undefined)
    await beacon?.close()
  }
}

/** Returns a lock that shares a path with these, and the key of the path. */
function findShared(keys: PathKeys, locks: readonly HeldLock[]) {
  for (const held of locks) {
    const shared = sharedKey(keys, held.keys)
    if (shared !== undefined) return { ...held, shared }
  }
  return undefined
}
