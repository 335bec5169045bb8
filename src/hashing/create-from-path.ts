import { basename, join, resolve, sep } from 'node:path'
import { Readable } from 'node:stream'
import { getSystemErrorMap } from 'node:util'
import { InputError } from '../errors.ts'
import type { ContentPlan } from '../metainfo/content-plan.ts'
import { type Created, type CreateOptions, create, defaultPieceLength } from '../metainfo/create.ts'
import type { SourceFile } from '../metainfo/source-file.ts'
import { nodeFileSystem } from '../ports/file-system.ts'
import { type DiskFile, hashFiles } from './hash-files.ts'
import { HashPool } from './hash-pool.ts'
import { hashTrees } from './hash-trees.ts'

/** Options of `createFromPath`. */
export interface CreateFromPathOptions extends Omit<CreateOptions, 'files' | 'hashPieces' | 'name'> {
  /** The name of the file or directory in the torrent. @default the last part of the path */
  readonly name?: string
  /** Returns true for the files of a directory that are included. @default all */
  readonly select?: (path: readonly string[]) => boolean
  /** The threads that read and hash. @default a pool that is closed at the end @internal */
  readonly hashPool?: HashPool
  /** True if the calling thread hashes too, which delays its other work. @default false */
  readonly useMainThread?: boolean
}

/**
 * Creates the .torrent of a file, or of all regular files below a directory in the order of their names. Links and
 * special files are left out. Files are read and hashed in worker threads.
 * Rejects as `create` does, and with ERR_USAGE for a path that cannot be read.
 */
export async function createFromPath(path: string, options: CreateFromPathOptions = {}): Promise<Created> {
  const { hashPool, name = basename(resolve(path)), select, useMainThread = false, ...rest } = options
  const pool = hashPool ?? new HashPool({ useMainThread })
  try {
    const { disk, prefix, sources } = await findFiles(path, pool, select)
    const length = disk.reduce((sum, { size }) => sum + size, 0)
    const pieceLength = options.pieceLength ?? defaultPieceLength(length)
    let hashed = 0
    const onBytes = (bytes: number) => {
      hashed += bytes
      options.onProgress?.(hashed, length)
    }
    const hashPieces = (plan: ContentPlan, signal: AbortSignal) => {
      const shared = { pool, signal, onBytes }
      if (plan.format === 'v1') {
        const changed = (file: DiskFile, present: number) =>
          changedError(prefix + file.path, file.size, present)
        return hashFiles(disk, { ...shared, prefix, pieceLength, changed })
      }
      const files = new Map(sources.map((source, at) => [source, disk[at]!]))
      const sizes = new Map(disk.map(file => [prefix + file.path, file.size]))
      return hashTrees(plan, {
        ...shared,
        pathOf: ({ source }) => prefix + files.get(source)!.path,
        changed: ({ present, range: { file } }) => changedError(file, sizes.get(String(file)), present),
      })
    }
    return await create({ ...rest, name, files: sources, pieceLength, hashPieces })
  } catch (error) {
    throw readError(path, error)
  } finally {
    if (!hashPool) await pool.close()
  }
}

async function findFiles(path: string, pool: HashPool, select: CreateFromPathOptions['select'] = () => true) {
  const { isDirectory, size } = await stat(path)
  if (!isDirectory) return { sources: [sourceOf([], size)], disk: [{ path, size }], prefix: '' }
  const all = await pool.list(path)
  if (all.length === 0) throw new InputError('ERR_USAGE', `${path}: the directory contains no files`)
  const found = all.filter(({ names }) => select(names))
  if (found.length === 0) throw new InputError('ERR_USAGE', `${path}: all of its files are excluded`)
  return {
    sources: found.map(({ names, size }) => sourceOf(names, size)),
    disk: found.map(({ names, size }): DiskFile => ({ path: names.join(sep), size })),
    prefix: join(path, sep),
  }
}

async function stat(path: string) {
  const found = await nodeFileSystem.lstat(await nodeFileSystem.realpath(path))
  if (found.isDirectory() || found.isFile()) return { isDirectory: found.isDirectory(), size: found.size }
  throw new InputError('ERR_USAGE', `${path}: expected a file or a directory`)
}

/** A file that `hashFiles` reads. */
function sourceOf(path: readonly string[], length: number): SourceFile {
  return { path, length, read: readNothing }
}

function readNothing(): Readable {
  return Readable.from([])
}

function changedError(file: string | number, size: number | undefined, present: number): InputError {
  return new InputError(
    'ERR_METAINFO',
    `${file}: expected ${size} bytes, got ${present}; the file may have changed`,
  )
}

/** An error of `create` as it is, and a system error as an InputError that names the path. */
function readError(path: string, error: unknown): unknown {
  const { errno = 0, message, path: failed = path, syscall } = error as NodeJS.ErrnoException
  if (syscall === undefined) return error
  const reason = getSystemErrorMap().get(errno)?.[1] ?? message
  return new InputError('ERR_USAGE', `cannot read ${failed}: ${reason}`, error)
}
