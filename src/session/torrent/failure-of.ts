import { messageOf, StorageError, TsdlError } from '../../errors.ts'

/** Returns an error of ours for whatever ended a torrent or a job. */
export function failureOf(error: unknown): TsdlError {
  return error instanceof TsdlError ? error : new StorageError('ERR_STORAGE', messageOf(error), error)
}
