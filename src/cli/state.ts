import { homedir } from 'node:os'
import { join } from 'node:path'
import { resumePath } from '../storage/resume-record.ts'

/** Where the resume record of a torrent in a directory is: below XDG_STATE_HOME, as other programs keep theirs. */
export function recordOf(infoHash: Uint8Array, directory: string): string {
  const { XDG_STATE_HOME: home } = process.env
  return resumePath(join(home || join(homedir(), '.local', 'state'), 'tsdl'), infoHash, directory)
}
