/** Detects that another program changes files that we write or have verified. */
import { forEachInParallel } from '../ports/parallel.ts'
import { STATE_LENGTH } from './file-states.ts'

export interface FileWatchOptions {
  /** Number of files. */
  readonly files: number
  /** Returns the encoded state of the file at its path, or undefined if no regular file is there. */
  readonly stat: (index: number) => Promise<Buffer | undefined>
  /** Called before and after files are checked by path, since open directories may have been replaced. */
  readonly refresh?: () => Promise<void>
  /** Called with each changed file, since the open file may not be the one at its path. */
  readonly changed: (index: number) => void
  /** Milliseconds, monotonic. @default performance.now */
  readonly now?: () => number
}

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

/** Minimum time between the ends of two bursts, milliseconds, so that fast writes cost few stats. */
const BURST_MS = 5
/** Maximum number of files that are checked at once. */
const AT_ONCE = 16

/**
 * Remembers the state of each file after our last write, or when we began to verify it. Compares it before our next write
 * and on request. A comparison costs one stat by path.
 *
 * A state consists of size, inode and times. So a change during a burst of our own writes to the same file is missed,
 * unless the file was replaced or removed.
 */
export class FileWatch {
  readonly #options: FileWatchOptions
  /** The encoded states in the order of the files. Zeros mean that a state is unknown. */
  #known: Buffer | undefined
  readonly #bursts = new Map<number, Burst>()
  /** Files in which our writes found a change. Cleared by `remember`. */
  readonly #noticed = new Set<number>()
  /** Those that `takeNoticed` has not returned yet. */
  readonly #news = new Set<number>()
  readonly #now: () => number
  /** Time of the end of the last burst. */
  #endedAt = Number.NEGATIVE_INFINITY

  constructor(options: FileWatchOptions) {
    this.#options = options
    this.#now = options.now ?? (() => performance.now())
  }

  /** Calls `work`, which opens a file and changes it. */
  async write<T>(index: number, work: () => Promise<T>): Promise<T> {
    let burst = this.#bursts.get(index)
    if (burst === undefined) {
      const compared = this.#compare(index)
      burst = { running: 0, writes: 0, compared, due: false, timer: undefined, ending: undefined }
      this.#bursts.set(index, burst)
    }
    burst.running++
    burst.writes++
    try {
      await burst.compared
      return await work()
    } finally {
      burst.running--
      if (burst.due || this.#now() - this.#endedAt >= BURST_MS) await this.#end(index, burst)
      else burst.timer ??= this.#endLater(index, burst)
    }
  }

  /** True if the file has changed, or is being written by us. */
  async differs(index: number): Promise<boolean> {
    await this.#settle([index])
    if (this.#bursts.has(index)) return true
    if (this.#noticed.has(index)) return true
    const changed = this.#has(index) && (await this.#isChanged(index))
    if (changed) this.#options.changed(index)
    return changed
  }

  /** Remembers the present states of these files, which are about to be verified. */
  async remember(indexes: readonly number[]): Promise<void> {
    await forEachInParallel(indexes, AT_ONCE, async index => {
      const state = await this.#options.stat(index)
      this.#noticed.delete(index)
      this.#news.delete(index)
      this.#set(index, state)
    })
  }

  /** Returns the files in which our writes have found a change, each once. */
  takeNoticed(): number[] {
    const noticed = [...this.#news]
    this.#news.clear()
    return noticed
  }

  /**
   * Checks files by path, and returns those that were changed, replaced or removed. A file is returned again until
   * `remember`.
   */
  async findChanged(indexes: readonly number[]): Promise<number[]> {
    await this.#settle(indexes)
    await this.#options.refresh?.()
    const changed = new Set(indexes.filter(index => this.#noticed.has(index)))
    await forEachInParallel(
      indexes.filter(index => this.#has(index)),
      AT_ONCE,
      async index => {
        if (await this.#isChanged(index)) changed.add(index)
      },
    )
    await this.#options.refresh?.()
    for (const index of changed) this.#options.changed(index)
    return [...changed].sort((a, b) => a - b)
  }

  /** Stops the timers, and waits for the checks that run. */
  async close(): Promise<void> {
    const bursts = [...this.#bursts.values()]
    this.#bursts.clear()
    for (const { timer } of bursts) clearTimeout(timer)
    await Promise.all(bursts.map(({ ending }) => ending))
  }

  /** Checks a file by path. While we write to it, only a different inode is a change by another program. */
  async #isChanged(index: number): Promise<boolean> {
    const before = Buffer.from(this.#at(index))
    const state = await this.#options.stat(index)
    const known = this.#at(index)
    const part = this.#bursts.has(index) || !known.equals(before) ? IDENTITY : WHOLE
    return state === undefined || !part(state).equals(part(known))
  }

  async #compare(index: number): Promise<void> {
    if (!this.#has(index)) return
    const state = await this.#options.stat(index)
    if (state === undefined || !state.equals(this.#at(index))) this.#notice(index)
  }

  #endLater(index: number, burst: Burst): NodeJS.Timeout {
    return setTimeout(() => {
      burst.due = true
      void this.#end(index, burst)
    }, BURST_MS).unref()
  }

  /** Ends a burst without running writes, and remembers the state after it. */
  async #end(index: number, burst: Burst): Promise<void> {
    if (burst.running > 0 || this.#bursts.get(index) !== burst) return
    burst.ending ??= this.#remember(index, burst).finally(() => {
      burst.ending = undefined
    })
    await burst.ending
  }

  async #remember(index: number, burst: Burst): Promise<void> {
    const { writes } = burst
    this.#endedAt = this.#now()
    const state = await this.#options.stat(index)
    if (burst.writes !== writes || this.#bursts.get(index) !== burst) return // Other writes joined, and end the burst.
    clearTimeout(burst.timer)
    this.#bursts.delete(index)
    const replaced = this.#has(index) && state && !IDENTITY(state).equals(IDENTITY(this.#at(index)))
    if (state === undefined || replaced) this.#notice(index)
    else this.#set(index, state)
  }

  /** Ends the bursts of these files that have no running writes. */
  async #settle(indexes: readonly number[]): Promise<void> {
    if (this.#bursts.size === 0) return
    await forEachInParallel(indexes, AT_ONCE, async index => {
      const burst = this.#bursts.get(index)
      if (burst) await this.#end(index, burst)
    })
  }

  #notice(index: number): void {
    this.#noticed.add(index)
    this.#news.add(index)
    this.#options.changed(index)
  }

  #at(index: number): Buffer {
    this.#known ??= Buffer.alloc(this.#options.files * STATE_LENGTH)
    return this.#known.subarray(index * STATE_LENGTH, (index + 1) * STATE_LENGTH)
  }

  #has(index: number): boolean {
    return this.#known !== undefined && !this.#at(index).equals(NOTHING)
  }

  #set(index: number, state: Buffer | undefined): void {
    if (state !== undefined) this.#at(index).set(state)
    else if (this.#known !== undefined) this.#at(index).fill(0)
  }
}

const NOTHING = Buffer.alloc(STATE_LENGTH)
const WHOLE = (state: Buffer) => state
/** Inode and device: the last two numbers of a state. */
const IDENTITY = (state: Buffer) => state.subarray(-16)
