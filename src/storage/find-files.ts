/** Finds files that have other names on disk: those of a run with other options, or of another client. */

import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { checkArgument, checkOptions } from '../codec/check-arguments.ts'
import type { FileEntry, Metainfo } from '../metainfo/metainfo.ts'
import type { NameOptions } from '../metainfo/name.ts'
import { foldPath } from '../metainfo/path-set.ts'
import { OtherPaths, rawNames, rootNames } from '../metainfo/spellings.ts'
import { type ListingFileSystem, nodeFileSystem } from '../ports/file-system.ts'

/** Number of files to search for in one turn of the event loop. */
const FILES_PER_TURN = 128

export interface FindFilesOptions extends NameOptions {
  /** The output directory. */
  readonly directory: string
  /** @default the disk of this machine */
  readonly fs?: ListingFileSystem
}

/**
 * Returns the torrent with the paths that its files have on disk. A missing file keeps its path, or gets a path in the
 * torrent's own directory if that has another name on disk. No two files get the same path. It rejects only for an invalid
 * argument: a directory that cannot be listed counts as missing.
 */
export async function findFiles(metainfo: Metainfo, options: FindFilesOptions): Promise<Metainfo> {
  checkArgument('metainfo', metainfo, 'object')
  checkOptions(options, { fs: 'object' })
  checkArgument('directory', options.directory, 'text')
  const { directory, fs = nodeFileSystem } = options
  const { files, multiFile, name } = metainfo
  const disk = new Listings(directory, fs)
  const roots: string[] = []
  for (const root of rootNames(metainfo, options)) if (await disk.has(root)) roots.push(root)
  // A new download has nothing to compare.
  if (roots.length === 0) return metainfo
  const others = new OtherPaths(metainfo, options)
  if (!files.some((_, index) => others.has(index))) return metainfo
  const owners = new Map(files.flatMap(({ pad, path }) => (pad ? [] : [[foldPath(path), path]])))
  const isFree = async (path: string) => {
    const owner = owners.get(foldPath(path))
    // Two paths that differ only in case are two files only if the disk has both.
    return owner === undefined || (owner !== path && (await disk.has(owner)) && (await disk.has(path)))
  }
  const otherRoot = multiFile && !roots.includes(name) ? roots[0] : undefined
  const paths: string[] = []
  for (const [index, file] of files.entries()) {
    if (index % FILES_PER_TURN === 0) await setImmediate()
    let path = file.path
    if (!file.pad && (otherRoot !== undefined || others.has(index))) {
      const moved = otherRoot + file.path.slice(name.length)
      const found = await search(file, others, index, disk, isFree)
      path = found ?? (otherRoot !== undefined && (await isFree(moved)) ? moved : file.path)
      owners.set(foldPath(path), path)
    }
    paths.push(path)
  }
  return withPaths(metainfo, paths)
}

/** Returns the path that a file has on disk, or undefined. Its own path comes first. */
async function search(
  { length, path }: FileEntry,
  others: OtherPaths,
  index: number,
  disk: Listings,
  isFree: (path: string) => Promise<boolean>,
): Promise<string | undefined> {
  if (await disk.hasFile(path)) return path
  // A longer file is a different one. It would be truncated.
  const isIt = async (other: string) => (await disk.hasFile(other, length)) && (await isFree(other))
  for (const other of others.of(index)) if (await isIt(other)) return other
  for (const other of await others.numbered(index)) if (await isIt(other)) return other
  return undefined
}

/** Returns the torrent with these paths, in the order of its files. */
export function withPaths(metainfo: Metainfo, paths: readonly string[]): Metainfo {
  const { files, multiFile } = metainfo
  if (files.every(({ path }, index) => path === paths[index])) return metainfo
  const found = new Map(files.map(({ path }, index) => [path, paths[index]!]))
  return {
    ...metainfo,
    files: files.map((file, index) => {
      const path = paths[index]!
      const symlink = file.symlink === undefined ? undefined : (found.get(file.symlink) ?? file.symlink)
      if (path === file.path && symlink === file.symlink) return file
      // Web seeds still use the names of the torrent.
      const spelled = multiFile ? { spelled: rawNames(metainfo, file).slice(1) } : {}
      return { ...file, path, ...spelled, ...(symlink === undefined ? {} : { symlink }) }
    }),
  }
}

/** The entries of directories below one. Each directory is listed once, if its parent contains it. */
class Listings {
  readonly #directory: string
  readonly #fs: ListingFileSystem
  readonly #listings = new Map<string, Promise<ReadonlySet<string>>>()

  constructor(directory: string, fs: ListingFileSystem) {
    this.#directory = directory
    this.#fs = fs
  }

  async has(path: string): Promise<boolean> {
    const slash = path.lastIndexOf('/')
    const names = await this.#list(slash < 0 ? '' : path.slice(0, slash))
    return names.has(path.slice(slash + 1))
  }

  /** True if a path is a regular file of at most `length` bytes. */
  async hasFile(path: string, length = Number.POSITIVE_INFINITY): Promise<boolean> {
    if (!(await this.has(path))) return false
    const found = await this.#fs.lstat(join(this.#directory, path)).catch(() => undefined)
    return found?.isFile() === true && found.size <= length
  }

  #list(directory: string): Promise<ReadonlySet<string>> {
    const known = this.#listings.get(directory)
    if (known) return known
    const listing = this.#read(directory)
    this.#listings.set(directory, listing)
    return listing
  }

  async #read(directory: string): Promise<ReadonlySet<string>> {
    if (directory !== '' && !(await this.has(directory))) return new Set()
    return new Set(await this.#fs.readdir(join(this.#directory, directory)).catch(() => []))
  }
}
