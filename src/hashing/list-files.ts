import { lstatSync, readdirSync, readlinkSync } from 'node:fs'
import { join, sep } from 'node:path'
import { nameOfBytes, systemPath, systemPathsOf } from '../codec/byte-names.ts'
import { DIRECTORY_SIZE, type Listing, SYMLINK_SIZE } from './hash-job.ts'

/** The bit of a mode that lets the owner execute a file. */
const OWNER_EXECUTES_MODE = 0o100

/** The character that replaces a byte that is not UTF-8. */
const REPLACEMENT_CHARACTER = '\ufffd'

/**
 * Lists the regular files and the directories in a directory, in the order of their names. Links and special files are
 * left out. It blocks: call it in a worker.
 * @param withAttributes true to list links too, and which files are executable
 * @throws a system error if the directory cannot be read
 */
export function listFiles(directory: string, withAttributes = false): Listing {
  const names: string[] = []
  const sizes: number[] = []
  const attributes: string[] = []
  const prefix = join(directory, sep)
  const all = namesIn(directory).sort()
  const toSystem = systemPathsOf(prefix + all.join(''))
  for (const name of all) {
    const found = lstatSync(toSystem(prefix + name))
    const isLink = withAttributes && found.isSymbolicLink()
    if (!found.isDirectory() && !found.isFile() && !isLink) continue
    names.push(name)
    sizes.push(found.isDirectory() ? DIRECTORY_SIZE : isLink ? SYMLINK_SIZE : found.size)
    if (isLink) attributes.push(nameOfBytes(readlinkSync(toSystem(prefix + name), { encoding: 'buffer' })))
    else attributes.push(found.isFile() && found.mode & OWNER_EXECUTES_MODE ? 'x' : '')
  }
  const listed = { names: names.join('\0'), sizes: Float64Array.from(sizes) }
  return withAttributes ? { ...listed, attributes: attributes.join('\0') } : listed
}

function namesIn(directory: string): string[] {
  const path = systemPath(directory)
  const names = readdirSync(path, { encoding: 'utf8' })
  if (!names.some(name => name.includes(REPLACEMENT_CHARACTER))) return names
  return readdirSync(path, { encoding: 'buffer' }).map(nameOfBytes)
}
