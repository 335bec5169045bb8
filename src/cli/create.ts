import { basename, resolve } from 'node:path'
import { isatty } from 'node:tty'
import { InputError } from '../errors.ts'
import { create, type TorrentFormat } from '../index.ts'
import { VERSION } from '../version.ts'
import { EXIT_CODES } from './exit.ts'
import type { Reporter } from './reporter.ts'
import { globOf } from './selection.ts'
import { spoolStdin } from './spool-stdin.ts'
import { tiersOf } from './tracker-tiers.ts'
import { writeTorrent } from './write-torrent.ts'

/** The options of `tsdl create`. */
export interface CreateFlags {
  readonly output?: string
  readonly format?: TorrentFormat
  readonly pieceLength?: number
  readonly tracker?: string[]
  readonly webSeed?: string[]
  readonly private?: boolean
  readonly comment?: string
  /** Globs of files that are left out. */
  readonly exclude?: readonly string[]
  readonly source?: string
  /** True to keep executables and symlinks. */
  readonly attributes?: boolean
  readonly name?: string
  /** False if the date is left out. */
  readonly date: boolean
}

/** Creates a .torrent from a file or a directory and writes it to a file or to standard output. */
export async function createTorrent(path: string, flags: CreateFlags, reporter: Reporter): Promise<number> {
  if (path !== '-') return createFrom(path, flags, reporter)
  if (flags.name === undefined) throw new InputError('ERR_USAGE', 'standard input has no name: use --name')
  const copy = await spoolStdin()
  try {
    return await createFrom(copy.path, flags, reporter)
  } finally {
    copy.remove()
  }
}

async function createFrom(path: string, flags: CreateFlags, reporter: Reporter): Promise<number> {
  const name = flags.name ?? basename(resolve(path))
  const { attributes, private: isPrivate, comment, exclude = [], format, pieceLength, source } = flags
  const globs = await Promise.all(exclude.map(pattern => globOf(pattern)))
  const { torrent, warnings } = await create(path, {
    name,
    ...(format === undefined ? {} : { format }),
    ...(pieceLength === undefined ? {} : { pieceLength }),
    ...(attributes ? { attributes } : {}),
    ...(isPrivate ? { private: true } : {}),
    ...(comment === undefined ? {} : { comment }),
    ...(source === undefined ? {} : { source }),
    ...(globs.length > 0 && { select: names => !globs.some(matches => matches(names.join('/'))) }),
    trackers: tiersOf(flags.tracker ?? []),
    webSeeds: flags.webSeed ?? [],
    createdBy: `tsdl ${VERSION}`,
    ...(flags.date ? { creationDate: Math.floor(Date.now() / 1000) } : {}),
    useMainThread: true,
    onProgress: (bytes, total) => reporter.reportChecking(bytes, total, 'hashing'),
  })
  reporter.close()
  for (const warning of warnings) reporter.reportWarning('ERR_METAINFO', warning)
  const output = flags.output ?? (isatty(1) ? `${name}.torrent` : '-')
  await writeTorrent(output, torrent)
  return EXIT_CODES.ok
}
