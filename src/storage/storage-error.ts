/** Converts system errors of the disk into errors with advice for the user. */
import { type ErrorCode, messageOf, StorageError } from '../errors.ts'
import { systemCode } from '../ports/file-system.ts'

/** By system error code: our code, the reason, and advice if there is any. */
const known: Readonly<Record<string, readonly [ErrorCode, string, string?]>> = {
  ENOSPC: [
    'ERR_DISK_FULL',
    'no space left on device',
    'free some and run it again: what was verified is kept',
  ],
  EDQUOT: ['ERR_DISK_FULL', 'disk quota exceeded', 'free some and run it again: what was verified is kept'],
  EACCES: ['ERR_PERMISSION', 'permission denied'],
  EPERM: ['ERR_PERMISSION', 'operation not permitted'],
  EROFS: ['ERR_PERMISSION', 'the file system is read-only', 'choose another output directory'],
  EFBIG: [
    'ERR_STORAGE',
    'the file would be larger than the file system or a limit allows',
    'FAT32 ends at 4 GiB; see also `ulimit -f`',
  ],
  ENOTDIR: ['ERR_STORAGE', 'a file is where a directory is needed', 'move it away'],
  EEXIST: ['ERR_STORAGE', 'something else is there already', 'move it away'],
  EISDIR: ['ERR_STORAGE', 'a directory is where a file is needed', 'move it away'],
  ELOOP: ['ERR_STORAGE', 'it is a symbolic link, or its path runs through too many'],
  ENAMETOOLONG: [
    'ERR_STORAGE',
    'the name is too long for this file system',
    'try a shorter output directory',
  ],
  ENOENT: ['ERR_STORAGE', 'no such file or directory', 'was it moved meanwhile?'],
  ENXIO: ['ERR_STORAGE', 'it is not a regular file'],
  EMFILE: ['ERR_STORAGE', 'too many open files', 'raise `ulimit -n`'],
  ENFILE: ['ERR_STORAGE', 'too many open files on this machine'],
  EIO: ['ERR_STORAGE', 'input/output error', 'the device may be failing'],
  EBUSY: ['ERR_STORAGE', 'the file is in use by another program'],
}

/** The attempted action: the verb in `cannot write DIR/path`. */
export type StorageAction = 'read' | 'write' | 'finish' | 'link' | 'close'

/**
 * Returns the StorageError for an error at `path`, with the system error as `cause`. A StorageError is returned as it is.
 */
export function storageError(action: StorageAction, path: string, error: unknown): StorageError {
  if (error instanceof StorageError) return error
  const [code, reason, remedy] = known[systemCode(error) ?? ''] ?? ['ERR_STORAGE', messageOf(error)]
  const advice = remedy === undefined ? '' : ` (${remedy})`
  return new StorageError(code, `cannot ${action} ${path}: ${reason}${advice}`, error)
}
