import type { FileEntry } from '../metainfo/metainfo.ts'
import type { FileHandle } from '../ports/file-system.ts'
import type { Access } from './safe-directory.ts'

/** Opens a file and works on it; does nothing where a file that is only to be read is missing. */
export type OpenFile = (access: Access, work: (handle: FileHandle) => Promise<void>) => Promise<void>

/**
 * Makes a file what its entry says, beside its bytes: an empty one is made, one that is too long is cut off, and an
 * executable one may be run by whoever may read it.
 * @param look opens the file to see how it is
 * @param change opens it to change it
 */
export async function finishFile(file: FileEntry, look: OpenFile, change: OpenFile): Promise<void> {
  // Any other file that is missing was not written, as no piece of it was.
  if (file.length === 0) await change('write', async () => {})
  let tooLong = false
  let executable = 0
  await look('read', async handle => {
    const { size, mode } = await handle.stat()
    tooLong = size > file.length
    const wanted = mode | ((mode & 0o444) >> 2)
    if (file.executable && wanted !== mode) executable = wanted & 0o7777
  })
  if (executable > 0) await change('read', handle => handle.chmod(executable))
  if (tooLong) await change('write', handle => handle.truncate(file.length))
}
