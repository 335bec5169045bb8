import { lstatSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { nameOfBytes, systemPath } from '../codec/byte-names.ts'
import type { FoundFile } from './hash-job.ts'

/**
 * Lists the regular files below a directory, in the order of their names. Links and special files are left out. It
 * blocks: call it in a worker.
 * @throws a system error if a directory cannot be read
 */
export function listFiles(directory: string): FoundFile[] {
  const files: FoundFile[] = []
  const walk = (parent: string, above: readonly string[]) => {
    const names = readdirSync(systemPath(parent), { encoding: 'buffer' }).map(nameOfBytes).sort()
    for (const name of names) {
      const path = join(parent, name)
      const found = lstatSync(systemPath(path))
      if (found.isDirectory()) walk(path, [...above, name])
      else if (found.isFile()) files.push({ names: [...above, name], size: found.size })
    }
  }
  walk(directory, [])
  return files
}
