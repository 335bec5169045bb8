import { readFile, realpath, rename, rm } from 'node:fs/promises'
import { quote } from '../codec/index.ts'
import { InputError } from '../errors.ts'
import { MAX_TORRENT_SIZE } from '../index.ts'
import { editTorrent } from '../metainfo/index.ts'
import { reasonOf } from '../ports/reason-of.ts'
import { EXIT_CODES } from './exit.ts'
import { readStdin } from './source.ts'
import { tiersOf } from './tracker-tiers.ts'
import { writeTorrent } from './write-torrent.ts'

/** The options of `tsdl edit`. */
export interface EditOptions {
  readonly output?: string
  /** Tiers of trackers; false removes them. */
  readonly tracker?: false | readonly string[]
  readonly webSeed?: false | readonly string[]
  readonly comment?: string
}

/** Changes the trackers, web seeds and comment of a .torrent, in place or in another file. Returns the exit code. */
export async function edit(path: string, { output = path, ...options }: EditOptions): Promise<number> {
  const { comment, tracker, webSeed } = options
  if (tracker === undefined && webSeed === undefined && comment === undefined) {
    throw new InputError('ERR_USAGE', 'nothing to change: use --tracker, --web-seed or --comment')
  }
  const torrent = path === '-' ? await readStdin(MAX_TORRENT_SIZE) : await readTorrentFile(path)
  const edited = await editTorrent(torrent, {
    ...{ comment, webSeeds: webSeed === false ? [] : webSeed },
    trackers: tracker === false ? [] : tracker && tiersOf(tracker),
  })
  await (output === path && path !== '-' ? replace(path, edited) : writeTorrent(output, edited))
  return EXIT_CODES.ok
}

async function readTorrentFile(path: string): Promise<Buffer> {
  return readFile(path).catch(error => {
    throw new InputError('ERR_USAGE', `cannot read ${quote(path)}: ${reasonOf(error)}`, error)
  })
}

/** Replaces a file at once, so that a crash leaves the old or the new one. */
async function replace(path: string, bytes: Buffer): Promise<void> {
  const target = await realpath(path)
  const draft = `${target}.${process.pid}.tmp`
  try {
    await writeTorrent(draft, bytes)
    await rename(draft, target)
  } catch (error) {
    await rm(draft, { force: true })
    throw error
  }
}
