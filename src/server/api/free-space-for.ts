import { dirname } from 'node:path'
import { type FreeSpace, systemCode } from '../../ports/file-system.ts'

/**
 * Returns the space for a directory that may not exist yet: that of the nearest directory above it. Rejects with a system
 * error.
 * @param freeSpaceAt returns the space at a path that exists
 */
export async function freeSpaceFor(
  directory: string,
  freeSpaceAt: (path: string) => Promise<FreeSpace>,
): Promise<FreeSpace> {
  for (let path = directory; ; path = dirname(path)) {
    try {
      return await freeSpaceAt(path)
    } catch (error) {
      if (systemCode(error) !== 'ENOENT' || path === dirname(path)) throw error
    }
  }
}
