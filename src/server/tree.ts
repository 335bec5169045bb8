import type { FileEntry, Metainfo } from '../metainfo/metainfo.ts'
import { lastNameOf, parentOf } from '../metainfo/path-parts.ts'
import type { LoopTurns } from './loop-turns.ts'

/** Files and directories that are added in one turn of the event loop: a torrent may have half a million. */
const STEP_ENTRIES = 1000

/** The content of one directory of a torrent. */
export interface Directory {
  /** The names of its directories, in the torrent's order. */
  readonly directories: ReadonlySet<string>
  /** The indices of its files, without padding. */
  readonly files: readonly number[]
}

interface GrowingDirectory extends Directory {
  readonly directories: Set<string>
  readonly files: number[]
}

/** The files and directories of a torrent by path, without padding (BEP 47). */
export class Tree {
  readonly #files = new Map<string, number>()
  readonly #directories = new Map<string, GrowingDirectory>()

  constructor() {
    this.#directory('')
  }

  /** Adds the files of a torrent in steps, each of bounded work. */
  *add(files: readonly FileEntry[]): Generator<void> {
    let next = STEP_ENTRIES
    for (const [index, { path, pad }] of files.entries()) {
      if (!pad) {
        this.#files.set(path, index)
        this.#directory(parentOf(path)).files.push(index)
      }
      const added = index + this.#directories.size
      if (added < next) continue
      next = added + STEP_ENTRIES
      yield
    }
  }

  /** The index of the file at a path. */
  file(path: string): number | undefined {
    return this.#files.get(path)
  }

  /** The directory at a path without a trailing slash; '' is the root. */
  directory(path: string): Directory | undefined {
    return this.#directories.get(path)
  }

  /** The first directory that holds more than one directory: the torrent's own one, or '' for a single file. */
  get top(): string {
    const { directories, files } = this.#directory('')
    return files.length === 0 && directories.size === 1 ? [...directories][0]! : ''
  }

  #directory(path: string): GrowingDirectory {
    const known = this.#directories.get(path)
    if (known) return known
    const made: GrowingDirectory = { directories: new Set(), files: [] }
    this.#directories.set(path, made)
    if (path !== '') this.#directory(parentOf(path)).directories.add(lastNameOf(path))
    return made
  }
}

const trees = new WeakMap<Metainfo, Promise<Tree>>()

/** The tree of a torrent, built at the first call. */
export function treeOf(metainfo: Metainfo, turns: LoopTurns): Promise<Tree> {
  const tree = trees.get(metainfo) ?? grow(metainfo, turns)
  trees.set(metainfo, tree)
  return tree
}

async function grow({ files }: Metainfo, turns: LoopTurns): Promise<Tree> {
  const tree = new Tree()
  for (const _ of tree.add(files)) await turns.next()
  return tree
}

/** The directory that holds all files of a torrent, or '' for a torrent of one file. */
export function topOf({ files }: Metainfo): string {
  const { path } = files.find(({ pad }) => !pad) ?? { path: '' }
  return path.slice(0, Math.max(0, path.indexOf('/')))
}
