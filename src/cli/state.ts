import { homedir } from 'node:os'
import { join } from 'node:path'
import { LockDirectory } from '../storage/lock-directory.ts'
import { resumePath } from '../storage/resume-record.ts'

/** Where the resume record of a torrent in a directory is: below XDG_STATE_HOME, as other programs keep theirs. */
export function recordOf(infoHash: Uint8Array, directory: string): string {
  return resumePath(stateDirectory(), infoHash, directory)
}

let locks: LockDirectory | undefined

/** Keeps the processes of one user from writing the same files. One instance for this process. */
export function sharedLocks(): LockDirectory {
  return (locks ??= new LockDirectory(join(stateDirectory(), 'locks')))
}

/** Where resume records, locks and the nodes of the DHT are kept. */
export function stateDirectory(): string {
  const { XDG_STATE_HOME: home } = process.env
  return join(home || join(homedir(), '.local', 'state'), 'tsdl')
}
