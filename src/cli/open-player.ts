import { spawn } from 'node:child_process'
import { StorageError } from '../errors.ts'
import type { Metainfo } from '../index.ts'
import { reasonOf } from '../ports/reason-of.ts'

/** Returns the URL of the largest file of a torrent. @param serverUrl the URL of the server, with its token */
export function largestFileUrl(serverUrl: string, { files, infoHash }: Metainfo): string {
  const listed = files.filter(({ pad }) => !pad)
  const { path } = listed.reduce((largest, file) => (file.length > largest.length ? file : largest))
  const url = new URL(serverUrl)
  url.pathname = [infoHash.toString('hex'), ...path.split('/').map(encodeURIComponent)].join('/')
  return url.href
}

/**
 * Runs a player with a URL, without a shell. Resolves when it ends, whatever its exit code is.
 * @param command the program and its arguments, separated by spaces
 * @throws StorageError if it cannot be started
 */
export function openPlayer(command: string, url: string): Promise<void> {
  const [program = '', ...args] = command.split(/\s+/).filter(word => word !== '')
  return new Promise((resolve, reject) => {
    const player = spawn(program, [...args, url], { stdio: 'ignore', shell: false })
    player.once('error', error =>
      reject(new StorageError('ERR_STORAGE', `cannot start ${program}: ${reasonOf(error)}`, error)),
    )
    player.once('close', () => resolve())
  })
}
