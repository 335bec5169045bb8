import { stat } from 'node:fs/promises'
import { basename, dirname, join, resolve, sep } from 'node:path'
import { InputError } from '../errors.ts'
import type { Metainfo } from '../metainfo/metainfo.ts'
import type { NameOptions } from '../metainfo/name.ts'
import { rootNames } from '../metainfo/spellings.ts'
import { nodeFileSystem } from '../ports/file-system.ts'
import { pick } from '../ports/pick.ts'
import { findFiles } from '../storage/find-files.ts'
import { reasonOf } from './exit.ts'

/** A torrent, its files named as they are on disk, and the directory that their paths begin in. */
export interface Located {
  readonly metainfo: Metainfo
  readonly directory: string
}

/** PATH is the directory that was given to `-o`, the torrent's own directory in it, or its one file. */
export async function locate(metainfo: Metainfo, path: string, options: NameOptions = {}): Promise<Located> {
  const whole = resolve(path)
  const stats = await stat(whole).catch(error => {
    throw new InputError('ERR_USAGE', `cannot read ${path}: ${reasonOf(error)}`, error)
  })
  if (stats.isDirectory()) {
    const [first, ...others] = await Promise.all(
      directoriesOf(metainfo, whole, options).map(async directory => ({
        metainfo: await findFiles(metainfo, { ...options, directory }),
        directory,
      })),
    )
    return others.length === 0 ? first! : fullest([first!, ...others])
  }
  const [file, ...more] = metainfo.files
  if (!file || more.length > 0)
    throw new InputError('ERR_USAGE', `${path} is a file, but the torrent has ${metainfo.files.length}`)
  return {
    metainfo: { ...metainfo, files: [{ ...file, ...pick(file, 'spelled'), path: basename(whole) }] },
    directory: dirname(whole),
  }
}

/** Where paths may begin: above a directory that has one of the torrent's names, and in it. */
function directoriesOf(metainfo: Metainfo, whole: string, options: NameOptions): string[] {
  const names = metainfo.multiFile ? rootNames(metainfo, options) : []
  const own = names.find(name => whole.endsWith(join(sep, name)))
  return own === undefined ? [whole] : [whole.slice(0, -own.length - 1) || sep, whole]
}

/** The one that has most of the torrent's files, in their lengths; the first of equals. */
async function fullest(places: readonly Located[]): Promise<Located> {
  const counts = await Promise.all(places.map(countFiles))
  return places[counts.indexOf(Math.max(...counts))]!
}

async function countFiles({ metainfo, directory }: Located): Promise<number> {
  let count = 0
  for (const { length, pad, path } of metainfo.files) {
    if (pad) continue
    const found = await nodeFileSystem.lstat(join(directory, path)).catch(() => undefined)
    if (found?.isFile() && found.size === length) count++
  }
  return count
}
