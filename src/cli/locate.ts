import { stat } from 'node:fs/promises'
import { basename, dirname, join, resolve, sep } from 'node:path'
import { InputError } from '../errors.ts'
import type { Metainfo } from '../metainfo/metainfo.ts'
import type { NameOptions } from '../metainfo/name.ts'
import { rootNames } from '../metainfo/spellings.ts'
import { nodeFileSystem } from '../ports/file-system.ts'
import { pick } from '../ports/pick.ts'
import { reasonOf } from '../ports/reason-of.ts'
import { findFiles } from '../storage/find-files.ts'

/** A torrent with the file names that it has on disk, and the directory that its paths are relative to. */
export interface Located {
  readonly metainfo: Metainfo
  readonly directory: string
}

/**
 * Finds the files of a torrent at a path: a directory that was given to `-o`, the torrent's own directory, or its one file.
 * @throws InputError if the path cannot be read, or is a file and the torrent has several
 */
export async function locate(metainfo: Metainfo, path: string, options: NameOptions = {}): Promise<Located> {
  const fullPath = resolve(path)
  const stats = await stat(fullPath).catch(error => {
    throw new InputError('ERR_USAGE', `cannot read ${path}: ${reasonOf(error)}`, error)
  })
  if (stats.isDirectory()) {
    const [first, ...rest] = await Promise.all(
      directoriesOf(metainfo, fullPath, options).map(async directory => ({
        metainfo: await findFiles(metainfo, { ...options, directory }),
        directory,
      })),
    )
    return rest.length === 0 ? first! : findFullest([first!, ...rest])
  }
  const [file, ...otherFiles] = metainfo.files
  if (!file || otherFiles.length > 0)
    throw new InputError('ERR_USAGE', `${path} is a file, but the torrent has ${metainfo.files.length} files`)
  return {
    metainfo: { ...metainfo, files: [{ ...file, ...pick(file, 'spelled'), path: basename(fullPath) }] },
    directory: dirname(fullPath),
  }
}

/** Returns the directories that paths may be relative to. A directory with the torrent's name may be the one or the other. */
function directoriesOf(metainfo: Metainfo, path: string, options: NameOptions): string[] {
  const names = metainfo.multiFile ? rootNames(metainfo, options) : []
  const ownName = names.find(name => path.endsWith(join(sep, name)))
  return ownName === undefined ? [path] : [path.slice(0, -ownName.length - 1) || sep, path]
}

/** Returns the place with the most files of the correct length; the first of equals. */
async function findFullest(places: readonly Located[]): Promise<Located> {
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
