import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { isatty } from 'node:tty'
import { bytesOfName, systemPath } from '../codec/byte-names.ts'
import { InputError } from '../errors.ts'
import { create, type SourceFile } from '../metainfo/create.ts'
import { nodeFileSystem } from '../ports/file-system.ts'
import { VERSION } from '../version.ts'
import { EXIT, reasonOf } from './exit.ts'
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
  const files = await sources(path)
  const name = flags.name ?? basename(resolve(path))
  const { private: isPrivate, comment, pieceLength } = flags
  const total = files.reduce((sum, { length }) => sum + length, 0)
  const { torrent, warnings } = await create({
    name,
    files,
    ...(pieceLength === undefined ? {} : { pieceLength }),
    ...(isPrivate ? { private: true } : {}),
    ...(comment === undefined ? {} : { comment }),
    trackers: (flags.tracker ?? []).map(tier => tier.split(',').map(url => url.trim())),
    webSeeds: flags.webSeed ?? [],
    createdBy: `tsdl ${VERSION}`,
    ...(flags.date ? { creationDate: Math.floor(Date.now() / 1000) } : {}),
    onProgress: bytes => reporter.checking(bytes, total, 'hashing'),
  }).catch(error => {
    if (error?.code && error.syscall) throw unreadable(path, error)
    throw error
  })
  reporter.close()
  for (const warning of warnings) reporter.warning('ERR_METAINFO', warning)
  const output = flags.output ?? (isatty(1) ? `${name}.torrent` : '-')
  await writeTorrent(output, torrent)
  return EXIT.ok
}

/** The files below a path, in the order of their names; links and whatever else is no file are left out. */
export async function sources(path: string): Promise<SourceFile[]> {
  const stats = await stat(path).catch(error => {
    throw unreadable(path, error)
  })
  if (stats.isFile())
    return [{ path: [], length: stats.size, read: () => createReadStream(path, { highWaterMark: 1 << 20 }) }]
  const files: SourceFile[] = []
  const walk = async (directory: string, names: readonly string[]): Promise<void> => {
    const entries = await nodeFileSystem.readdir(directory)
    for (const entry of entries.sort()) {
      const full = join(directory, entry)
      const stats = await nodeFileSystem.lstat(full)
      if (stats.isDirectory()) await walk(full, [...names, entry])
      else if (stats.isFile()) {
        files.push({
          path: [...names, entry].map(bytesOfName),
          length: stats.size,
          read: () => createReadStream(systemPath(full), { highWaterMark: 1 << 20 }),
        })
      }
    }
  }
  await walk(path, []).catch(error => {
    throw unreadable(path, error)
  })
  if (files.length === 0) throw new InputError('ERR_USAGE', `${path}: no files in it`)
  return files
}

function unreadable(path: string, error: Error): InputError {
  return new InputError('ERR_USAGE', `cannot read ${path}: ${reasonOf(error)}`, error)
}
