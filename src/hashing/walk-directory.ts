import { join, sep } from 'node:path'
import { leavesPlainPaths } from '../metainfo/plain-paths.ts'
import { forEachInParallel } from '../ports/parallel.ts'
import { type FoundDirectory, FoundFile } from './found-file.ts'
import { DIRECTORY_SIZE, type Listing, SYMLINK_SIZE } from './hash-job.ts'

/** Maximum number of directories that are listed together. */
const MAX_BATCH_DIRECTORIES = 32

/** Options of `walkDirectory`. */
export interface WalkOptions {
  /** Lists each of some directories. */
  readonly list: (directories: readonly string[]) => Promise<readonly Listing[]>
  /** Maximum number of calls of `list` at once. */
  readonly limit: number
}

/** The files of a directory, and the names of the directories in it, in the order of their names. */
type Entries = readonly (FoundFile | string)[]

/** A directory that is not listed yet. */
interface PendingDirectory {
  /** Below the root, '' for the root. */
  readonly path: string
  /** The names in the path. */
  readonly names: readonly string[]
  /** True if all names in the path are plain. */
  readonly isPlain: boolean
}

/**
 * Returns the files below a directory, in the order of their names, each directory at the place of its own name. The
 * directories of a level are listed together. Rejects as `list` does.
 */
export async function walkDirectory(root: string, { limit, list }: WalkOptions): Promise<FoundFile[]> {
  const directories = new Map<string, Entries>()
  const prefix = join(root, sep)
  for (let level: PendingDirectory[] = [{ path: '', names: [], isPlain: true }]; level.length > 0; ) {
    const below: PendingDirectory[] = []
    const size = Math.min(MAX_BATCH_DIRECTORIES, Math.ceil(level.length / limit))
    await forEachInParallel(batchesOf(level, size), limit, async batch => {
      const found = await list(batch.map(({ path }) => (path === '' ? root : prefix + path)))
      // Entries are made while other threads list.
      for (const [at, listing] of found.entries()) {
        const { names, path, ...above } = batch[at]!
        const isPlain = above.isPlain && listing.arePlain
        const entries = entriesOf(listing, names, isPlain)
        directories.set(path, entries)
        for (const entry of entries)
          if (typeof entry === 'string')
            below.push({ path: join(path, entry), names: [...names, entry], isPlain })
      }
    })
    level = below
  }
  const files: FoundFile[] = []
  const add = (path: string) => {
    for (const entry of directories.get(path)!) {
      if (typeof entry === 'string') add(join(path, entry))
      else files.push(entry)
    }
  }
  add('')
  return files
}

function entriesOf(listing: Listing, names: readonly string[], arePlain: boolean): Entries {
  const { attributes, content, offsets, sizes } = listing
  if (sizes.length === 0) return []
  const directory = { names, isPlain: arePlain && leavesPlainPaths(names), content }
  const attributesOfEach = attributes?.split('\0')
  return listing.names.split('/').map((name, at) => {
    const size = sizes[at]!
    return size === DIRECTORY_SIZE
      ? name
      : fileOf(directory, name, size, offsets?.[at], attributesOfEach?.[at])
  })
}

function fileOf(
  directory: FoundDirectory,
  name: string,
  size: number,
  contentOffset: number | undefined,
  attribute: string | undefined,
): FoundFile {
  if (size === SYMLINK_SIZE) return new FoundFile(directory, name, 0, -1, { target: attribute! })
  const options = attribute === 'x' ? { executable: true } : undefined
  return new FoundFile(directory, name, size, contentOffset, options)
}

function* batchesOf<T>(items: readonly T[], size: number): Generator<readonly T[]> {
  for (let at = 0; at < items.length; at += size) yield items.slice(at, at + size)
}
