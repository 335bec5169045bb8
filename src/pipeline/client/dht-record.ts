import { MAX_STATE } from '../../dht/state.ts'
import { messageOf, StorageError } from '../../errors.ts'
import { type FileSystem, systemCode } from '../../ports/file-system.ts'
import { NextRecordFile, readRecordFile } from '../../storage/record-file.ts'

/** Reads the DHT nodes of an earlier run. Resolves with `undefined` if there are none, or if they cannot be read. */
export async function readDhtRecord(fs: FileSystem, path: string): Promise<Uint8Array | undefined> {
  return readRecordFile(fs, path, MAX_STATE).catch(() => undefined)
}

/**
 * Saves `Dht.state` for the next run, if there is one, in place of the earlier one.
 * @throws StorageError ERR_RECORD
 */
export async function writeDhtRecord(
  fs: FileSystem,
  path: string,
  state: Uint8Array | undefined,
): Promise<void> {
  if (!state) return
  try {
    const next = await NextRecordFile.open(fs, path)
    await next.commit(state).catch(async error => {
      await next.abandon()
      throw error
    })
  } catch (error) {
    const why = systemCode(error) ?? messageOf(error)
    throw new StorageError('ERR_RECORD', `the DHT nodes were not saved at ${path}: ${why}`, error)
  }
}
