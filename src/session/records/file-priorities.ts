import type { PiecePriority } from '../../pipeline/pieces/picker.ts'
import { formatIndices, parseIndices } from './index-ranges.ts'

/** The priority of a file; `off` if it is not wanted. */
export type FilePriority = 'off' | 'low' | 'normal' | 'high'

/** Priorities as they are recorded: the indices of the files that do not have `normal`. */
export interface PriorityRecord {
  readonly off: string
  readonly low: string
  readonly high: string
}

const PRIORITY_LEVELS = ['off', 'low', 'normal', 'high'] as const satisfies readonly FilePriority[]
const NORMAL_LEVEL = 2

/** All files are wanted alike. */
const ALL_NORMAL: PriorityRecord = { off: '', low: '', high: '' }

/** The priorities of the files of a torrent. Most files have the same. */
export class FilePriorities {
  readonly #levels: Uint8Array

  /** @param fileCount number of files @param record its other indices are ignored */
  constructor(fileCount: number, record: PriorityRecord = ALL_NORMAL) {
    this.#levels = new Uint8Array(fileCount).fill(NORMAL_LEVEL)
    for (const priority of ['off', 'low', 'high'] as const)
      for (const index of parseIndices(record[priority], fileCount)) this.set(index, priority)
  }

  /** The priority of a file. */
  get(index: number): FilePriority {
    return PRIORITY_LEVELS[this.#levels[index] ?? NORMAL_LEVEL]!
  }

  /** Changes the priority of a file. */
  set(index: number, priority: FilePriority): void {
    this.#levels[index] = PRIORITY_LEVELS.indexOf(priority)
  }

  /** The priority of a wanted file as the picker takes it. */
  levelOf(index: number): PiecePriority {
    return Math.max(1, this.#levels[index] ?? NORMAL_LEVEL) as PiecePriority
  }

  /** True if a file is wanted. */
  isWanted(index: number): boolean {
    return this.#levels[index] !== 0
  }

  /** Returns what `FilePriorities` is made of. */
  toRecord(): PriorityRecord {
    const at = (priority: FilePriority) => formatIndices(this.#indicesAt(PRIORITY_LEVELS.indexOf(priority)))
    return { off: at('off'), low: at('low'), high: at('high') }
  }

  *#indicesAt(level: number): Generator<number> {
    for (const [index, own] of this.#levels.entries()) if (own === level) yield index
  }
}
