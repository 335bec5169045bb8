import { dirname } from 'node:path'

/** The calls of a file system that `makeDirectories` needs. */
export interface DirectoryCalls {
  /** Creates one directory. */
  mkdir(path: string): Promise<unknown>
  /** True for a directory, or a link to one. Rejects for a path that does not exist. */
  isDirectory(path: string): Promise<boolean>
}

/**
 * Creates a directory and its parents, one by one: a recursive `mkdir` of Node 20 never ends in a file system that
 * creates nothing, such as /proc. Rejects with the system error, or with ENOTDIR for a file in the path.
 */
export async function makeDirectories(path: string, calls: DirectoryCalls): Promise<void> {
  if (await make(path, calls)) return
  const parent = dirname(path)
  if (parent !== path) await makeDirectories(parent, calls)
  await calls.mkdir(path).catch(async error => {
    if (!(await calls.isDirectory(path).catch(() => false))) throw error // another process may have created it
  })
}

/** Creates one directory. Resolves with false if its parent is missing, or is not a directory. */
async function make(path: string, calls: DirectoryCalls): Promise<boolean> {
  try {
    await calls.mkdir(path)
    return true
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return false
    // any other code, too: /proc and read-only file systems report an existing directory with codes of their own
    const isThere = await calls.isDirectory(path).catch(() => undefined)
    if (isThere) return true
    throw isThere === false
      ? Object.assign(new Error(`${path} is not a directory`), { code: 'ENOTDIR' })
      : error
  }
}
