import { basename, join, resolve, sep } from 'node:path'
import { getSystemErrorMap } from 'node:util'
import { quote } from '../codec/quote.ts'
import { InputError } from '../errors.ts'
import type { ContentPlan } from '../metainfo/content-plan.ts'
import { type Created, type CreateOptions, create, defaultPieceLength } from '../metainfo/create.ts'
import { MAX_FILES } from '../metainfo/files.ts'
import { MAX_DIRECTORIES } from '../metainfo/path-set.ts'
import type { SourceFile } from '../metainfo/source-file.ts'
import { nodeFileSystem } from '../ports/file-system.ts'
import { type FoundDirectory, FoundFile } from './found-file.ts'
import { hashFiles } from './hash-files.ts'
import { HashPool } from './hash-pool.ts'
import { hashTrees } from './hash-trees.ts'

/** Maximum bytes of small files that are in memory from the time they are listed until they are hashed. */
const MAX_CONTENT_BYTES = 64 << 20

/** The directory of the file of a single-file torrent, which has no path in the torrent. */
const SINGLE_FILE_DIRECTORY: FoundDirectory = { names: [], isPlain: false }

/** Options of `createFromPath`. */
export interface CreateFromPathOptions extends Omit<CreateOptions, 'files' | 'hashPieces' | 'name'> {
  /** The name of the file or directory in the torrent. @default the last part of the path */
  readonly name?: string
  /** Returns true for the files of a directory that are included. @default all */
  readonly select?: (path: readonly string[]) => boolean
  /** True to keep executables and symlinks (BEP 47). Links that lead out of the directory are left out. @default false */
  readonly attributes?: boolean
  /** The threads that read and hash. @default a pool that is closed at the end @internal */
  readonly hashPool?: HashPool
  /** True if the calling thread hashes too, which delays its other work. @default false */
  readonly useMainThread?: boolean
}

/**
 * Creates the .torrent of a file, or of all regular files below a directory in the order of their names. Special
 * files are left out, and links without `attributes`. Files are read and hashed in worker threads.
 * Rejects as `create` does, and with ERR_USAGE for a path that cannot be read.
 */
export async function createFromPath(path: string, options: CreateFromPathOptions = {}): Promise<Created> {
  const {
    attributes = false,
    hashPool,
    name = basename(resolve(path)),
    select,
    useMainThread = false,
    ...rest
  } = options
  const pool = hashPool ?? new HashPool({ useMainThread })
  try {
    const { files, prefix, warnings } = await findFiles(path, pool, {
      ...{ attributes, select },
      contentBytes: (options.format ?? 'v1') === 'v1' ? MAX_CONTENT_BYTES : 0,
    })
    const length = files.reduce((sum, file) => sum + file.length, 0)
    const pieceLength = options.pieceLength ?? defaultPieceLength(length)
    let hashed = 0
    const onBytes = (bytes: number) => {
      hashed += bytes
      options.onProgress?.(hashed, length)
    }
    const hashPieces = (plan: ContentPlan, signal: AbortSignal) => {
      const shared = { pool, signal, onBytes }
      if (plan.format === 'v1') {
        const changed = (file: FoundFile, present: number) =>
          changedError(prefix + file.path.join(sep), file.length, present)
        return hashFiles(attributes ? files.filter(({ symlink }) => !symlink) : files, {
          ...shared,
          prefix,
          pieceLength,
          changed,
        })
      }
      const pathOf = ({ path }: SourceFile) => prefix + path.join(sep)
      const sizes = new Map(files.map(file => [pathOf(file), file.length]))
      return hashTrees(plan, {
        ...shared,
        pathOf: ({ source }) => pathOf(source),
        changed: ({ present, range: { file } }) => changedError(file, sizes.get(String(file)), present),
      })
    }
    const arePathsPlain = havePlainPaths(files)
    const created = await create({ ...rest, name, files, pieceLength, hashPieces, arePathsPlain })
    return { ...created, warnings: [...created.warnings, ...warnings] }
  } catch (error) {
    throw readError(path, error)
  } finally {
    if (!hashPool) await pool.close()
  }
}

/** Returns true if `arePlain` holds for the files. May return false for others too. */
function havePlainPaths(files: readonly FoundFile[]): boolean {
  let directories = 0
  let last: FoundDirectory | undefined
  for (const { directory, target } of files) {
    if (!directory.isPlain || target !== undefined) return false
    if (directory !== last) directories += directory.names.length
    last = directory
  }
  return files.length <= MAX_FILES && directories <= MAX_DIRECTORIES
}

async function findFiles(
  path: string,
  pool: HashPool,
  {
    attributes,
    contentBytes,
    select,
  }: { attributes: boolean; contentBytes: number; select: CreateFromPathOptions['select'] },
) {
  const { isDirectory, mode = 0, size } = await stat(path)
  if (!isDirectory) {
    const executable = attributes && (mode & 0o100) !== 0
    return {
      files: [new FoundFile(SINGLE_FILE_DIRECTORY, '', size, -1, { executable })],
      prefix: path,
      warnings: [],
    }
  }
  const all = await pool.list(path, undefined, { attributes, contentBytes })
  if (all.length === 0) throw new InputError('ERR_USAGE', `${path}: the directory contains no files`)
  const warnings: string[] = []
  const isFile = (file: FoundFile) => {
    if (select && !select(file.path)) return false
    if (file.target === undefined || file.symlink) return true
    warnings.push(`${quote(file.path.join('/'))}: a symlink that leads out of the directory is left out`)
    return false
  }
  const files = select || attributes ? all.filter(isFile) : all
  if (files.length === 0) throw new InputError('ERR_USAGE', `${path}: all of its files are excluded`)
  return { files, prefix: join(path, sep), warnings }
}

async function stat(path: string) {
  const found = await nodeFileSystem.lstat(await nodeFileSystem.realpath(path))
  if (found.isDirectory() || found.isFile())
    return { isDirectory: found.isDirectory(), mode: found.mode, size: found.size }
  throw new InputError('ERR_USAGE', `${path}: expected a file or a directory`)
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
