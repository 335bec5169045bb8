import type { FileEntry, Metainfo } from '../metainfo/metainfo.ts'

/** What lies in one directory of a torrent. */
export interface Directory {
  /** Names, in the torrent's order. */
  readonly directories: ReadonlySet<string>
  /** Indices of files, padding left out. */
  readonly files: readonly number[]
}

interface Growing extends Directory {
  readonly directories: Set<string>
  readonly files: number[]
}

/** The files of a torrent by path, and its directories; padding (BEP 47) is not there. */
export class Tree {
  readonly #files = new Map<string, number>()
  readonly #directories = new Map<string, Growing>()

  constructor(files: readonly FileEntry[]) {
    this.#directory('')
    files.forEach(({ path, pad }, index) => {
      if (pad) return
      this.#files.set(path, index)
      this.#directory(parentOf(path)).files.push(index)
    })
  }

  /** The index of the file at a path. */
  file(path: string): number | undefined {
    return this.#files.get(path)
  }

  /** The directory at a path without a slash at its end; '' is the topmost. */
  directory(path: string): Directory | undefined {
    return this.#directories.get(path)
  }

  /** The topmost path where there is something to choose: the torrent's own directory, if it is one. */
  get top(): string {
    const { directories, files } = this.#directory('')
    return files.length === 0 && directories.size === 1 ? [...directories][0]! : ''
  }

  #directory(path: string): Growing {
    const known = this.#directories.get(path)
    if (known) return known
    const made: Growing = { directories: new Set(), files: [] }
    this.#directories.set(path, made)
    if (path !== '') this.#directory(parentOf(path)).directories.add(nameOf(path))
    return made
  }
}

const trees = new WeakMap<Metainfo, Tree>()

/** The tree of a torrent, grown at the first call. */
export function treeOf(metainfo: Metainfo): Tree {
  const tree = trees.get(metainfo) ?? new Tree(metainfo.files)
  trees.set(metainfo, tree)
  return tree
}

/** The last name of a path. */
export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

/** The path without its last name. */
export function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')))
}
