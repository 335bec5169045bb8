import { homedir } from 'node:os'
import { join } from 'node:path'
import { LockDirectory, resumePath } from '../index.ts'

/** Returns the path of the resume record for a torrent in a directory. */
export function recordPathOf(infoHash: Uint8Array, directory: string): string {
  return resumePath(stateDirectory(), infoHash, directory)
}

let locks: LockDirectory | undefined

/** Returns the locks that keep the processes of one user from writing the same files. A process has one instance. */
export function sharedLocks(): LockDirectory {
  return (locks ??= new LockDirectory(join(stateDirectory(), 'locks')))
}

/** Returns the directory for resume records, locks and DHT nodes, below XDG_STATE_HOME. */
export function stateDirectory(): string {
  const { XDG_STATE_HOME: home } = process.env
  return join(home || join(homedir(), '.local', 'state'), 'tsdl')
}
