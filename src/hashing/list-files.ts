import { lstatSync, readdirSync, readlinkSync } from 'node:fs'
import { join, sep } from 'node:path'
import { nameOfBytes, systemPath, systemPathsOf } from '../codec/byte-names.ts'
import { arePlainNames } from '../metainfo/plain-paths.ts'
import { DIRECTORY_SIZE, type DirectoryJob, type Listing, SYMLINK_SIZE } from './hash-job.ts'
import { SmallFileReader } from './small-file-reader.ts'

/** The bit of a mode that lets the owner execute a file. */
const OWNER_EXECUTES_MODE = 0o100

/** What a byte that is not UTF-8 is decoded as. */
const REPLACEMENT_CHARACTER = '\ufffd'

/** Lists directories. It blocks: call it in a worker. */
export class DirectoryLister {
  readonly #withAttributes: boolean
  readonly #reader: SmallFileReader | undefined

  constructor({ attributes = false, contentBytes = 0 }: Omit<DirectoryJob, 'directories'>) {
    this.#withAttributes = attributes
    // Attributes need an `lstat` of each file.
    this.#reader = contentBytes > 0 && !attributes ? new SmallFileReader(contentBytes) : undefined
  }

  /**
   * Lists the regular files and the directories in a directory, in the order of their names. Special files are left out, and
   * links without `attributes`.
   * @throws a system error if the directory cannot be read
   */
  list(directory: string): Listing {
    const names: string[] = []
    const sizes: number[] = []
    const attributes: string[] = []
    const prefix = join(directory, sep)
    this.#reader?.start()
    const all = entriesIn(directory).sort(compareNames)
    const toSystem = systemPathsOf(prefix + all.map(({ name }) => name).join(''))
    for (const { isRegular, name } of all) {
      const path = toSystem(prefix + name)
      const read = isRegular ? this.#reader?.read(path) : undefined
      if (read !== undefined) {
        names.push(name)
        sizes.push(read)
        continue
      }
      const found = lstatSync(path)
      const isLink = this.#withAttributes && found.isSymbolicLink()
      if (!found.isDirectory() && !found.isFile() && !isLink) continue
      names.push(name)
      if (found.isFile()) sizes.push(this.#reader?.readAfterLook(path, found.size) ?? found.size)
      else {
        sizes.push(isLink ? SYMLINK_SIZE : DIRECTORY_SIZE)
        this.#reader?.skip()
      }
      if (isLink) attributes.push(nameOfBytes(readlinkSync(path, { encoding: 'buffer' })))
      else attributes.push(found.isFile() && found.mode & OWNER_EXECUTES_MODE ? 'x' : '')
    }
    return {
      names: names.join('/'),
      arePlain: arePlainNames(names),
      sizes: Float64Array.from(sizes),
      ...(this.#withAttributes && { attributes: attributes.join('\0') }),
      ...this.#reader?.take(),
    }
  }
}

interface Entry {
  readonly name: string
  /** False for a directory, a link and a special file. */
  readonly isRegular: boolean
}

function entriesIn(directory: string): Entry[] {
  const path = systemPath(directory)
  const entries = readdirSync(path, { encoding: 'utf8', withFileTypes: true })
  if (!entries.some(({ name }) => name.includes(REPLACEMENT_CHARACTER)))
    return entries.map(entry => ({ name: entry.name, isRegular: entry.isFile() }))
  return readdirSync(path, { encoding: 'buffer', withFileTypes: true }).map(entry => ({
    name: nameOfBytes(entry.name),
    isRegular: entry.isFile(),
  }))
}

/** Compares by UTF-16 code units, as `sort` does. */
function compareNames(one: Entry, other: Entry): number {
  return one.name < other.name ? -1 : 1
}
