import { join, sep } from 'node:path'
import { forEachInParallel } from '../ports/parallel.ts'
import { FoundFile } from './found-file.ts'
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

/**
 * Returns the files below a directory, in the order of their names, each directory at the place of its own name. The
 * directories of a level are listed together. Rejects as `list` does.
 */
export async function walkDirectory(root: string, { limit, list }: WalkOptions): Promise<FoundFile[]> {
  const listings = new Map<string, Listing>()
  const prefix = join(root, sep)
  for (let level = ['']; level.length > 0; ) {
    const below: string[] = []
    const size = Math.min(MAX_BATCH_DIRECTORIES, Math.ceil(level.length / limit))
    await forEachInParallel(batchesOf(level, size), limit, async directories => {
      const found = await list(directories.map(path => (path === '' ? root : prefix + path)))
      for (const [at, listing] of found.entries()) {
        listings.set(directories[at]!, listing)
        for (const name of directoriesOf(listing)) below.push(join(directories[at]!, name))
      }
    })
    level = below
  }
  const files: FoundFile[] = []
  const add = (directory: string, above: readonly string[]) => {
    const listing = listings.get(directory)!
    const attributes = listing.attributes?.split('\0')
    const { content, offsets } = listing
    for (const [at, name] of namesOf(listing).entries()) {
      const size = listing.sizes[at]!
      const path = [...above, name]
      if (size === DIRECTORY_SIZE) add(join(directory, name), path)
      else if (size === SYMLINK_SIZE) files.push(new FoundFile(path, 0, { target: attributes![at]! }))
      else if (content && offsets![at]! >= 0)
        files.push(new FoundFile(path, size, { content, contentOffset: offsets![at]! }))
      else files.push(new FoundFile(path, size, { executable: attributes?.[at] === 'x' }))
    }
  }
  add('', [])
  return files
}

function directoriesOf(listing: Listing): string[] {
  return listing.sizes.includes(DIRECTORY_SIZE)
    ? namesOf(listing).filter((_, at) => listing.sizes[at] === DIRECTORY_SIZE)
    : []
}

function namesOf({ names, sizes }: Listing): string[] {
  return sizes.length === 0 ? [] : names.split('\0')
}

function* batchesOf<T>(items: readonly T[], size: number): Generator<readonly T[]> {
  for (let at = 0; at < items.length; at += size) yield items.slice(at, at + size)
}
