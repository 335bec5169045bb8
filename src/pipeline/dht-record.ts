import { MAX_STATE } from '../dht/state.ts'
import { messageOf, StorageError } from '../errors.ts'
import { type FileSystem, systemCode } from '../ports/file-system.ts'
import { NextRecordFile, readRecordFile } from '../storage/record-file.ts'

/** What an earlier run left of the DHT at `path`; none if there is nothing, or nothing that could be read. Never rejects. */
export async function readDhtRecord(fs: FileSystem, path: string): Promise<Uint8Array | undefined> {
  return readRecordFile(fs, path, MAX_STATE).catch(() => undefined)
}

/**
 * Leaves `Dht.state` for the next run, in place of what is there, unless there is none.
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
    throw new StorageError('ERR_RECORD', `the nodes of the DHT were not kept at ${path}: ${why}`, error)
  }
}
