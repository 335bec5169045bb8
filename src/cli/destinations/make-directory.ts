import { mkdirSync, type Stats, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { StorageError } from '../../errors.ts'
import { reasonOf } from '../../ports/reason-of.ts'

/**
 * Creates a directory and those above it. They are created one by one, because a recursive `mkdir` of Node 20 never ends
 * in a file system that creates nothing, such as /proc.
 * @throws StorageError that says which directory cannot be created
 */
export function makeDirectory(path: string): void {
  try {
    for (const directory of missingDirectories(resolve(path))) mkdirSync(directory)
  } catch (error) {
    // another process may have created it
    if (find(path)?.isDirectory()) return
    throw new StorageError('ERR_STORAGE', `cannot write to ${path}: ${reasonOf(error)}`, error)
  }
}

/** Returns those of a path and the directories above it that do not exist, the highest first. */
function missingDirectories(path: string): string[] {
  const missing: string[] = []
  for (let at = path; ; at = dirname(at)) {
    const found = find(at)
    if (found?.isDirectory()) return missing
    if (found) throw new Error(`${at} is not a directory`)
    missing.unshift(at)
  }
}

function find(path: string): Stats | undefined {
  try {
    return statSync(path)
  } catch {
    return undefined
  }
}
