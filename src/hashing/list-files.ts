import { lstatSync, readdirSync } from 'node:fs'
import { join, sep } from 'node:path'
import { nameOfBytes, systemPath, systemPathsOf } from '../codec/byte-names.ts'
import { DIRECTORY_SIZE, type Listing } from './hash-job.ts'

/** What a byte that is not UTF-8 is decoded as. */
const REPLACEMENT_CHARACTER = '\ufffd'

/**
 * Lists the regular files and the directories in a directory, in the order of their names. Links and special files are
 * left out. It blocks: call it in a worker.
 * @throws a system error if the directory cannot be read
 */
export function listFiles(directory: string): Listing {
  const names: string[] = []
  const sizes: number[] = []
  const prefix = join(directory, sep)
  const all = namesIn(directory).sort()
  const toSystem = systemPathsOf(prefix + all.join(''))
  for (const name of all) {
    const found = lstatSync(toSystem(prefix + name))
    if (!found.isDirectory() && !found.isFile()) continue
    names.push(name)
    sizes.push(found.isDirectory() ? DIRECTORY_SIZE : found.size)
  }
  return { names: names.join('\0'), sizes: Float64Array.from(sizes) }
}

function namesIn(directory: string): string[] {
  const path = systemPath(directory)
  const names = readdirSync(path, { encoding: 'utf8' })
  if (!names.some(name => name.includes(REPLACEMENT_CHARACTER))) return names
  return readdirSync(path, { encoding: 'buffer' }).map(nameOfBytes)
}
