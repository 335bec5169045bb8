import { basename, dirname, join, resolve, sep } from 'node:path'
import { checkArgument, checkOptions } from '../codec/check-arguments.ts'
import { InputError } from '../errors.ts'
import type { Metainfo } from '../metainfo/metainfo.ts'
import type { NameOptions } from '../metainfo/name.ts'
import { rootNames } from '../metainfo/spellings.ts'
import { type ListingFileSystem, nodeFileSystem } from '../ports/file-system.ts'
import { pick } from '../ports/pick.ts'
import { reasonOf } from '../ports/reason-of.ts'
import { findFiles } from './find-files.ts'

/** A torrent with the file names that it has on disk, and the directory that its paths are relative to. */
export interface Located {
  readonly metainfo: Metainfo
  readonly directory: string
}

/** Options of `locate`. */
export interface LocateOptions extends NameOptions {
  /** The file system. @default that of this machine */
  readonly fs?: ListingFileSystem
}

/**
 * Finds the files of a torrent at a path: the output directory, the torrent's own directory in it, or its one file.
 * @throws InputError if the path cannot be read, or is a file and the torrent has several
 */
export async function locate(
  metainfo: Metainfo,
  path: string,
  options: LocateOptions = {},
): Promise<Located> {
  checkArgument('metainfo', metainfo, 'object')
  checkArgument('path', path, 'text')
  checkOptions(options, { fs: 'object' })
  const { fs = nodeFileSystem } = options
  const fullPath = resolve(path)
  const isDirectory = await fs
    .realpath(fullPath)
    .then(async target => (await fs.lstat(target)).isDirectory())
    .catch(error => {
      throw new InputError('ERR_USAGE', `cannot read ${path}: ${reasonOf(error)}`, error)
    })
  if (isDirectory) {
    const [first, ...rest] = await Promise.all(
      directoriesOf(metainfo, fullPath, options).map(async directory => ({
        metainfo: await findFiles(metainfo, { ...options, directory }),
        directory,
      })),
    )
    return rest.length === 0 ? first! : findFullest([first!, ...rest], fs)
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
async function findFullest(places: readonly Located[], fs: ListingFileSystem): Promise<Located> {
  const counts = await Promise.all(places.map(place => countFiles(place, fs)))
  return places[counts.indexOf(Math.max(...counts))]!
}

async function countFiles({ metainfo, directory }: Located, fs: ListingFileSystem): Promise<number> {
  let count = 0
  for (const { length, pad, path } of metainfo.files) {
    if (pad) continue
    const found = await fs.lstat(join(directory, path)).catch(() => undefined)
    if (found?.isFile() && found.size === length) count++
  }
  return count
}
