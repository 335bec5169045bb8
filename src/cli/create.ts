import { basename, resolve } from 'node:path'
import { isatty } from 'node:tty'
import { createFromPath } from '../hashing/create-from-path.ts'
import { VERSION } from '../version.ts'
import { EXIT } from './exit.ts'
import type { Reporter } from './reporter.ts'
import { writeTorrent } from './write-torrent.ts'

export interface CreateFlags {
  readonly output?: string
  readonly pieceLength?: number
  readonly tracker?: string[]
  readonly webSeed?: string[]
  readonly private?: boolean
  readonly comment?: string
  readonly name?: string
  /** False leaves the date out. */
  readonly date: boolean
}

/** Makes a torrent of a file or a directory, and writes it where the options say. */
export async function createTorrent(path: string, flags: CreateFlags, reporter: Reporter): Promise<number> {
  const name = flags.name ?? basename(resolve(path))
  const { private: isPrivate, comment, pieceLength } = flags
  const { torrent, warnings } = await createFromPath(path, {
    name,
    ...(pieceLength === undefined ? {} : { pieceLength }),
    ...(isPrivate ? { private: true } : {}),
    ...(comment === undefined ? {} : { comment }),
    trackers: (flags.tracker ?? []).map(tier => tier.split(',').map(url => url.trim())),
    webSeeds: flags.webSeed ?? [],
    createdBy: `tsdl ${VERSION}`,
    ...(flags.date ? { creationDate: Math.floor(Date.now() / 1000) } : {}),
    onProgress: (bytes, total) => reporter.checking(bytes, total, 'hashing'),
  })
  reporter.close()
  for (const warning of warnings) reporter.warning('ERR_METAINFO', warning)
  const output = flags.output ?? (isatty(1) ? `${name}.torrent` : '-')
  await writeTorrent(output, torrent)
  return EXIT.ok
}
