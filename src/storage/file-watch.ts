/** Notices that another program changes files which we write, or which we verified. */
import { encodeState, STATE_LENGTH } from './file-states.ts'
import type { FileHandle, FileState } from './file-system.ts'

export interface FileWatchOptions {
  /** How many files there are. */
  readonly files: number
  /** In which state the file at this index is, by its path; nothing where it is missing or no regular file. */
  readonly stat: (index: number) => Promise<FileState | undefined>
  /** Called with each file that was found changed: what is open of it may no longer be what is at its path. */
  readonly changed: (index: number) => void
}

/** Writes of ours to one file that overlap in time. */
interface Burst {
  running: number
  /** Grows with each write that joins. */
  writes: number
  /** Settles when the state before the first write was compared. */
  readonly compared: Promise<void>
}

/** Files looked at side by side. */
const AT_ONCE = 16

/**
 * Remembers of each file the state that it had after our own last write, or when we began to verify it, and compares:
 * before we write again, and by path whenever it is asked to. Each comparison is one system call for a file.
 *
 * A state is size, inode and times. So it misses what another program does to a file while a write of ours to the
 * same file runs, or within the same tick of the file system's clock (some milliseconds).
 */
export class FileWatch {
  readonly #options: FileWatchOptions
  /** The states, encoded, one behind the other: zeros where nothing is known of a file. */
  #known: Buffer | undefined
  readonly #bursts = new Map<number, Burst>()
  readonly #noticed = new Set<number>()

  constructor(options: FileWatchOptions) {
    this.#options = options
  }

  /** Does `work`, which changes a file of ours, and remembers the state after it. */
  async write<T>(index: number, handle: FileHandle, work: () => Promise<T>): Promise<T> {
    let burst = this.#bursts.get(index)
    if (burst === undefined) {
      burst = { running: 0, writes: 0, compared: this.#compare(index, handle) }
      this.#bursts.set(index, burst)
    }
    burst.running++
    burst.writes++
    try {
      await burst.compared
      return await work()
    } finally {
      if (--burst.running === 0) await this.#settle(index, handle, burst)
    }
  }

  /** True while a write of ours runs, or where the file is not in this state any more. */
  differs(index: number, state: FileState): boolean {
    return this.#bursts.has(index) || (this.#has(index) && !this.#at(index).equals(encodeState(state)))
  }

  /** Takes the states of these files as they are now, by path: they are going to be verified. */
  async remember(indexes: readonly number[]): Promise<void> {
    await forEach(indexes, async index => {
      const state = await this.#options.stat(index)
      this.#noticed.delete(index)
      this.#set(index, state)
    })
  }

  /** Files in which our writes have found a change, each told once. */
  takeNoticed(): number[] {
    const noticed = [...this.#noticed]
    this.#noticed.clear()
    return noticed
  }

  /**
   * Looks at files by path, and tells those that are not as we left them: changed, replaced, or missing. What is told
   * once is told again until `remember`.
   */
  async findChanged(indexes: readonly number[]): Promise<number[]> {
    const changed = new Set(indexes.filter(index => this.#noticed.has(index)))
    await forEach(
      indexes.filter(index => this.#has(index)),
      async index => {
        const before = Buffer.from(this.#at(index))
        const state = await this.#options.stat(index)
        const known = this.#at(index)
        // While we write only its identity says something.
        const part = this.#bursts.has(index) || !known.equals(before) ? IDENTITY : WHOLE
        if (state === undefined || !part(encodeState(state)).equals(part(known))) changed.add(index)
      },
    )
    for (const index of changed) this.#options.changed(index)
    return [...changed].sort((a, b) => a - b)
  }

  async #compare(index: number, handle: FileHandle): Promise<void> {
    if (!this.#has(index)) return
    const state = await handle.stat({ bigint: true })
    if (encodeState(state).equals(this.#at(index))) return
    this.#noticed.add(index)
    this.#options.changed(index)
  }

  async #settle(index: number, handle: FileHandle, burst: Burst): Promise<void> {
    const { writes } = burst
    const state = await handle.stat({ bigint: true })
    if (burst.writes !== writes) return // the last of those that joined meanwhile does it
    this.#set(index, state)
    this.#bursts.delete(index)
  }

  #at(index: number): Buffer {
    this.#known ??= Buffer.alloc(this.#options.files * STATE_LENGTH)
    return this.#known.subarray(index * STATE_LENGTH, (index + 1) * STATE_LENGTH)
  }

  #has(index: number): boolean {
    return this.#known !== undefined && !this.#at(index).equals(NOTHING)
  }

  #set(index: number, state: FileState | undefined): void {
    if (state !== undefined) this.#at(index).set(encodeState(state))
    else if (this.#known !== undefined) this.#at(index).fill(0)
  }
}

const NOTHING = Buffer.alloc(STATE_LENGTH)
const WHOLE = (state: Buffer) => state
/** Inode and device: the last two numbers of a state. */
const IDENTITY = (state: Buffer) => state.subarray(-16)

/** Calls `work` for all of these, some side by side. */
async function forEach(indexes: readonly number[], work: (index: number) => Promise<void>): Promise<void> {
  for (let at = 0; at < indexes.length; at += AT_ONCE)
    await Promise.all(indexes.slice(at, at + AT_ONCE).map(work))
}
