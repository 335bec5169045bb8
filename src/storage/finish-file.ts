import type { FileEntry } from '../metainfo/metainfo.ts'
import type { FileHandle, FileState } from '../ports/file-system.ts'
import type { Access } from './safe-directory.ts'

/** What `finishFile` needs of the storage. */
export interface FinishedFile {
  /** Returns the state of the file, or undefined if it is missing. */
  stat(): Promise<FileState | undefined>
  /** Opens the file and changes it. Does nothing if it is missing, unless `access` is `write`. */
  change(access: Access, work: (handle: FileHandle) => Promise<void>): Promise<void>
}

/**
 * Gives a file the properties of its entry. An empty file is created, a file that is too long is cut off, and an executable
 * file can be run by the users that can read it.
 */
export async function finishFile(
  { executable, length }: Pick<FileEntry, 'executable' | 'length'>,
  file: FinishedFile,
): Promise<void> {
  let state = await file.stat()
  // Any other file that is missing was not written, as no piece of it was.
  if (state === undefined && length === 0) {
    await file.change('write', async () => {})
    if (executable) state = await file.stat()
  }
  if (state === undefined) return
  const mode = Number(state.mode ?? 0)
  const wanted = mode | ((mode & 0o444) >> 2)
  if (executable && wanted !== mode) await file.change('read', handle => handle.chmod(wanted & 0o7777))
  if (state.size > length) await file.change('update', handle => handle.truncate(length))
}
