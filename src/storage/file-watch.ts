/** Detects that another program changes files that we write or have verified. */
import type { FileState } from '../ports/file-system.ts'
import { BurstPace } from './burst-pace.ts'
import { FileStates } from './file-states.ts'
import { NoticedFiles } from './noticed-files.ts'

/** The files that are watched: their owner. */
export interface WatchedFiles {
  readonly count: number
  /** Returns the states of the files at their paths, in the order of `indexes`. Never rejects. */
  findStates(indexes: readonly number[]): Promise<FileStates>
  /** Returns the state at the path of a file, without a check of its directories; undefined if it cannot be read. */
  findStateAtPath(index: number): Promise<FileState | undefined>
  /** Called before and after files are checked by path, since open directories may have been replaced. */
  forgetDirectories(): Promise<void>
  /** Called with each changed file, since the open file may not be the one at its path. */
  evict(index: number): void
}

const performanceNow = () => performance.now()

/** Consecutive writes to one file, compared as one. */
interface Burst {
  /** Number of running writes. */
  running: number
  /** Number of all writes. */
  writes: number
  /** Resolves when the state before the first write has been compared. */
  readonly compared: Promise<void>
  /** True if the burst ends with its running writes. */
  due: boolean
  timer: NodeJS.Timeout | undefined
  /** Resolves when the state after the last write is known. */
  ending: Promise<void> | undefined
}

/** The result of changing a group of files. */
export interface FileChanges {
  /** The states of the files afterwards, in the order of the group. */
  readonly states: FileStates
  /** Positions in the group of files that another program has changed before. */
  readonly changed: readonly number[]
  /** Number of files that were changed before the end or the failure. The others are unchanged. */
  readonly done: number
  readonly error?: Error
}

/**
 * Remembers the state of each file after our last write, or when we began to verify it. Compares it before our next write
 * and on request. A comparison costs one stat by path.
 *
 * A state consists of size, inode and times. So a change during a burst of our own writes to the same file is missed,
 * unless the file was replaced or removed.
 */
export class FileWatch {
  /** The remembered states, by file. */
  readonly known: FileStates
  readonly #files: WatchedFiles
  readonly #now: () => number
  // Made when needed, as most torrents are idle.
  #bursts: Map<number, Burst> | undefined
  /** Files in which our writes found a change. Cleared by `remember`. */
  readonly #noticed = new NoticedFiles()
  readonly #pace = new BurstPace()

  /** @param now milliseconds, monotonic */
  constructor(files: WatchedFiles, now: () => number = performanceNow) {
    this.#files = files
    this.#now = now
    this.known = new FileStates(files.count)
  }

  /** Calls `work`, which opens a file and changes it. */
  async write<T>(index: number, work: () => Promise<T>): Promise<T> {
    const burst = this.#bursts?.get(index) ?? this.#begin(index, this.#compare(index))
    burst.running++
    burst.writes++
    try {
      await burst.compared
      return await work()
    } finally {
      burst.running--
      await this.#leave(index, burst)
    }
  }

  /**
   * Calls `work`, which changes several files. `work` gets their remembered states, in the same order, and compares
   * them with the files before it changes these. Rejects with the error of the changes, or that of `work` if the result
   * is unknown.
   */
  async writeAll(
    indexes: readonly number[],
    work: (known: FileStates) => Promise<FileChanges>,
  ): Promise<void> {
    const known = this.known.pick(indexes)
    const earlier: Promise<void>[] = []
    let endComparing = () => {}
    const compared = new Promise<void>(resolve => (endComparing = resolve))
    const bursts = indexes.map((index, at) => {
      const joined = this.#bursts?.get(index)
      if (joined) {
        earlier.push(joined.compared)
        known.clear(at)
      }
      const burst = joined ?? this.#begin(index, compared)
      burst.running++
      burst.writes++
      return { index, burst, isOwn: joined === undefined }
    })
    let changes: FileChanges | undefined
    try {
      await Promise.all(earlier)
      changes = await work(known)
      for (const at of changes.changed) this.#notice(indexes[at]!)
      if (changes.error) throw changes.error
    } finally {
      endComparing()
      for (const [at, { index, burst, isOwn }] of bursts.entries()) {
        burst.running--
        // With other writes in the burst, one of them may have changed the file since.
        if (isOwn && burst.writes === 1) this.#close(index, burst, changes, at)
        else await this.#leave(index, burst)
      }
    }
  }

  /**
   * Returns the present states of files, in the order of `indexes`, without those of files that have changed or that we
   * write.
   */
  async states(indexes: readonly number[]): Promise<FileStates> {
    await this.#settle(indexes)
    const found = await this.#files.findStates(indexes)
    for (const [at, index] of indexes.entries()) {
      const changed = this.known.has(index) && !this.known.equals(index, found, at)
      if (this.#bursts?.has(index) || this.#noticed.has(index)) found.clear(at)
      else if (changed) {
        found.clear(at)
        this.#files.evict(index)
      }
    }
    return found
  }

  /** Remembers the present states of these files, which are about to be verified. Returns them in the same order. */
  async remember(indexes: readonly number[]): Promise<FileStates> {
    const found = await this.#files.findStates(indexes)
    for (const [at, index] of indexes.entries()) {
      this.#noticed.delete(index)
      this.#set(index, found, at)
    }
    return found
  }

  /** Returns the files in which our writes have found a change, each once. */
  takeNoticed(): number[] {
    return this.#noticed.take()
  }

  /**
   * Compares files with their remembered states, with one `lstat` for each. False if any may have changed: `findChanged`
   * finds out which.
   */
  async areUnchanged(indexes: readonly number[]): Promise<boolean> {
    for (const index of indexes) {
      if (this.#bursts?.has(index) || this.#noticed.has(index)) return false
      if (!this.known.has(index)) continue
      const found = await this.#files.findStateAtPath(index)
      if (!found || !this.known.matches(index, found)) return false
    }
    return true
  }

  /**
   * Checks files by path, and returns those that were changed, replaced or removed. A file is returned again until
   * `remember`.
   */
  async findChanged(indexes: readonly number[]): Promise<number[]> {
    await this.#settle(indexes)
    await this.#files.forgetDirectories()
    const changed = new Set(indexes.filter(index => this.#noticed.has(index)))
    const watched = indexes.filter(index => this.known.has(index))
    const before = this.known.pick(watched)
    const found = await this.#files.findStates(watched)
    for (const [at, index] of watched.entries())
      if (this.#isChanged(index, before, found, at)) changed.add(index)
    await this.#files.forgetDirectories()
    for (const index of changed) this.#files.evict(index)
    return [...changed].sort((a, b) => a - b)
  }

  /** Stops the timers, and waits for the checks that run. */
  async close(): Promise<void> {
    const bursts = [...(this.#bursts?.values() ?? [])]
    this.#bursts = undefined
    for (const { timer } of bursts) clearTimeout(timer)
    await Promise.all(bursts.map(({ ending }) => ending))
  }

  /**
   * True if a file has changed: it was in the state `before`, and was found in another. While we write to it, only a
   * different inode is a change by another program.
   */
  #isChanged(index: number, before: FileStates, found: FileStates, at: number): boolean {
    if (!found.has(at)) return true
    const isWritten = this.#bursts?.has(index) || !this.known.equals(index, before, at)
    return isWritten ? !this.known.isSameFile(index, found, at) : !this.known.equals(index, found, at)
  }

  async #compare(index: number): Promise<void> {
    if (!this.known.has(index)) return
    const found = await this.#files.findStates([index])
    if (!this.known.equals(index, found, 0)) this.#notice(index)
  }

  #begin(index: number, compared: Promise<void>): Burst {
    const burst = { running: 0, writes: 0, compared, due: false, timer: undefined, ending: undefined }
    this.#pace.noteBegin(this.#now())
    this.#bursts ??= new Map()
    this.#bursts.set(index, burst)
    return burst
  }

  /** Ends a burst after a write, now or soon. */
  async #leave(index: number, burst: Burst): Promise<void> {
    if (burst.due || this.#pace.mayEnd(this.#now())) await this.#end(index, burst)
    else burst.timer ??= this.#endLater(index, burst)
  }

  /** Ends a burst of one write, which was the one at this position of a group. */
  #close(index: number, burst: Burst, changes: FileChanges | undefined, at: number): void {
    if (this.#bursts?.get(index) !== burst) return
    this.#bursts?.delete(index)
    if (changes === undefined) this.known.clear(index)
    else if (at < changes.done) this.#update(index, changes.states, at)
  }

  #endLater(index: number, burst: Burst): NodeJS.Timeout {
    return setTimeout(() => {
      burst.due = true
      void this.#end(index, burst)
    }, this.#pace.delayMs).unref()
  }

  /** Ends a burst without running writes, and remembers the state after it. */
  async #end(index: number, burst: Burst): Promise<void> {
    if (burst.running > 0 || this.#bursts?.get(index) !== burst) return
    burst.ending ??= this.#remember(index, burst).finally(() => {
      burst.ending = undefined
    })
    await burst.ending
  }

  async #remember(index: number, burst: Burst): Promise<void> {
    const { writes } = burst
    this.#pace.noteEnd(this.#now())
    const found = await this.#files.findStates([index])
    if (burst.writes !== writes || this.#bursts?.get(index) !== burst) return // Other writes joined, and end the burst.
    clearTimeout(burst.timer)
    this.#bursts?.delete(index)
    this.#update(index, found, 0)
  }

  /** Remembers the state after our writes, unless the file was replaced or removed. */
  #update(index: number, found: FileStates, at: number): void {
    const isReplaced = this.known.has(index) && !this.known.isSameFile(index, found, at)
    if (!found.has(at) || isReplaced) this.#notice(index)
    else this.#set(index, found, at)
  }

  /** Ends the bursts of these files that have no running writes. */
  async #settle(indexes: readonly number[]): Promise<void> {
    const running = this.#bursts
    if (running === undefined || running.size === 0) return
    const bursts = indexes.flatMap(index => {
      const burst = running.get(index)
      return burst ? [{ index, burst }] : []
    })
    await Promise.all(bursts.map(({ index, burst }) => this.#end(index, burst)))
  }

  #notice(index: number): void {
    this.#noticed.add(index)
    this.#files.evict(index)
  }

  /** Remembers a state. A file that could not be checked counts as missing. */
  #set(index: number, found: FileStates, at: number): void {
    if (found.has(at)) this.known.copy(index, found, at)
    else this.known.clear(index)
  }
}
