import { writeFile } from 'node:fs/promises'
import { StorageError } from '../errors.ts'
import { reasonOf } from '../ports/reason-of.ts'
import { writeStdout } from './stdout.ts'

/** Writes a .torrent to a file, or for `-` to standard output. @throws StorageError */
export async function writeTorrent(output: string, torrent: Uint8Array): Promise<void> {
  if (output === '-') return writeStdout(torrent)
  await writeFile(output, torrent).catch(error => {
    throw new StorageError('ERR_STORAGE', `cannot write ${output}: ${reasonOf(error)}`, error)
  })
}
