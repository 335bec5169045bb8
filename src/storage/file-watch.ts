/** Notices that another program changes files which we write, or which we verified. */
import { forEachInParallel } from '../ports/parallel.ts'
import { STATE_LENGTH } from './file-states.ts'

export interface FileWatchOptions {
  /** How many files there are. */
  readonly files: number
  /** In which state a file is, by its path, as `encodeState` says; nothing where it is missing or no regular file. */
  readonly stat: (index: number) => Promise<Buffer | undefined>
  /** Called before and after files are looked at by path: open directories may no longer be what is at their paths. */
  readonly refresh?: () => Promise<void>
  /** Called with each file that was found changed: what is open of it may no longer be what is at its path. */
  readonly changed: (index: number) => void
  /** Milliseconds, monotonic. @default performance.now */
  readonly now?: () => number
}

/** Writes of ours to one file that follow each other closely, looked at as one. */
interface Burst {
  /** Writes that run. */
  running: number
  /** Grows with each write. */
  writes: number
  /** Settles when the state before the first write was compared. */
  readonly compared: Promise<void>
  /** True when it has lasted long enough: it ends with the writes that run. */
  due: boolean
  timer: NodeJS.Timeout | undefined
  /** Settles when the state after the last write is known. */
  ending: Promise<void> | undefined
}

/** Milliseconds from the end of one burst to that of the next, at least: fast writing costs few looks. */
const BURST_MS = 5
/** Files looked at side by side. */
const AT_ONCE = 16

/**
 * Remembers of each file the state that it had after our own last write, or when we began to verify it, and compares:
 * before we write again, and by path whenever it is asked to. Each comparison is one look at a file.
 *
 * A state is size, inode and times. So it misses what another program does to a file during a burst of our own writes
 * to the same file, unless the file was replaced or removed.
 */
export class FileWatch {
  readonly #options: FileWatchOptions
  /** The states, encoded, one behind the other: zeros where nothing is known of a file. */
  #known: Buffer | undefined
  readonly #bursts = new Map<number, Burst>()
  /** Files in which our own writes found a change; cleared by `remember`. */
  readonly #noticed = new Set<number>()
  /** Those of them that nobody was told of. */
  readonly #news = new Set<number>()
  readonly #now: () => number
  /** When the last burst ended. */
  #endedAt = Number.NEGATIVE_INFINITY

  constructor(options: FileWatchOptions) {
    this.#options = options
    this.#now = options.now ?? (() => performance.now())
  }

  /** Does `work`, which opens a file of ours and changes it. */
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

  /** True where the file is not in this state any more, or is being written by us. */
  async differs(index: number): Promise<boolean> {
    await this.#settle([index])
    if (this.#bursts.has(index)) return true
    if (this.#has(index)) await this.#compare(index)
    return this.#noticed.has(index)
  }

  /** Takes the states of these files as they are now, by path: they are going to be verified. */
  async remember(indexes: readonly number[]): Promise<void> {
    await forEachInParallel(indexes, AT_ONCE, async index => {
      const state = await this.#options.stat(index)
      this.#noticed.delete(index)
      this.#news.delete(index)
      this.#set(index, state)
    })
  }

  /** Files in which our writes have found a change, each told once. */
  takeNoticed(): number[] {
    const noticed = [...this.#news]
    this.#news.clear()
    return noticed
  }

  /**
   * Looks at files by path, and tells those that are not as we left them: changed, replaced, or missing. What is told
   * once is told again until `remember`.
   */
  async findChanged(indexes: readonly number[]): Promise<number[]> {
    await this.#settle(indexes)
    await this.#options.refresh?.()
    const changed = new Set(indexes.filter(index => this.#noticed.has(index)))
    await forEachInParallel(
      indexes.filter(index => this.#has(index)),
      AT_ONCE,
      async index => {
        const before = Buffer.from(this.#at(index))
        const state = await this.#options.stat(index)
        const known = this.#at(index)
        // While we write only its identity says something.
        const part = this.#bursts.has(index) || !known.equals(before) ? IDENTITY : WHOLE
        if (state === undefined || !part(state).equals(part(known))) changed.add(index)
      },
    )
    await this.#options.refresh?.()
    for (const index of changed) this.#options.changed(index)
    return [...changed].sort((a, b) => a - b)
  }

  /** Looks no more. */
  close(): void {
    for (const { timer } of this.#bursts.values()) clearTimeout(timer)
    this.#bursts.clear()
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

  /** Ends a burst of which no write runs, and remembers the state that it left. */
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
    if (burst.writes !== writes || this.#bursts.get(index) !== burst) return // others joined: it ends with them
    clearTimeout(burst.timer)
    this.#bursts.delete(index)
    const replaced = this.#has(index) && state && !IDENTITY(state).equals(IDENTITY(this.#at(index)))
    if (state === undefined || replaced) this.#notice(index)
    else this.#set(index, state)
  }

  /** Ends the bursts to these files of which no write runs. */
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
