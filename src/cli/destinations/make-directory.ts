import { StorageError } from '../../errors.ts'
import { nodeFileSystem } from '../../index.ts'
import { reasonOf } from '../../ports/reason-of.ts'

/** Creates a directory and those above it. Rejects with a StorageError that says which directory cannot be created. */
export async function makeDirectory(path: string): Promise<void> {
  await nodeFileSystem.mkdir(path, { recursive: true }).catch(error => {
    throw new StorageError('ERR_STORAGE', `cannot write to ${path}: ${reasonOf(error)}`, error)
  })
}
