import { basename, isAbsolute, join, resolve, sep } from 'node:path'
import { Readable } from 'node:stream'
import { getSystemErrorMap } from 'node:util'
import { quote } from '../codec/quote.ts'
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
    const { disk, prefix, sources, warnings } = await findFiles(path, pool, { attributes, select })
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
        return hashFiles(
          disk.filter((_, at) => !sources[at]!.symlink),
          { ...shared, prefix, pieceLength, changed },
        )
      }
      const files = new Map(sources.map((source, at) => [source, disk[at]!]))
      const sizes = new Map(disk.map(file => [prefix + file.path, file.size]))
      return hashTrees(plan, {
        ...shared,
        pathOf: ({ source }) => prefix + files.get(source)!.path,
        changed: ({ present, range: { file } }) => changedError(file, sizes.get(String(file)), present),
      })
    }
    const created = await create({ ...rest, name, files: sources, pieceLength, hashPieces })
    return { ...created, warnings: [...created.warnings, ...warnings] }
  } catch (error) {
    throw readError(path, error)
  } finally {
    if (!hashPool) await pool.close()
  }
}

async function findFiles(
  path: string,
  pool: HashPool,
  { attributes, select = () => true }: { attributes: boolean; select: CreateFromPathOptions['select'] },
) {
  const { isDirectory, mode = 0, size } = await stat(path)
  if (!isDirectory) {
    const executable = attributes && (mode & 0o100) !== 0
    return { sources: [sourceOf([], size, executable)], disk: [{ path, size }], prefix: '', warnings: [] }
  }
  const all = await pool.list(path, undefined, attributes)
  if (all.length === 0) throw new InputError('ERR_USAGE', `${path}: the directory contains no files`)
  const warnings: string[] = []
  const found = all.filter(({ names, target }) => {
    if (!select(names)) return false
    if (target === undefined || targetOf(names, target)) return true
    warnings.push(`${quote(names.join('/'))}: a symlink that leads out of the directory is left out`)
    return false
  })
  if (found.length === 0) throw new InputError('ERR_USAGE', `${path}: all of its files are excluded`)
  return {
    sources: found.map(({ executable, names, size, target }) =>
      sourceOf(names, size, executable, target === undefined ? undefined : targetOf(names, target)),
    ),
    disk: found.map(({ names, size }): DiskFile => ({ path: names.join(sep), size })),
    prefix: join(path, sep),
    warnings,
  }
}

async function stat(path: string) {
  const found = await nodeFileSystem.lstat(await nodeFileSystem.realpath(path))
  if (found.isDirectory() || found.isFile())
    return { isDirectory: found.isDirectory(), mode: found.mode, size: found.size }
  throw new InputError('ERR_USAGE', `${path}: expected a file or a directory`)
}

/** A file that `hashFiles` reads. */
function sourceOf(
  path: readonly string[],
  length: number,
  executable = false,
  symlink?: readonly string[],
): SourceFile {
  const plain = { path, length, read: readNothing }
  if (symlink) return { ...plain, symlink }
  return executable ? { ...plain, executable } : plain
}

/** Returns the names of the target of a link below the listed directory, or undefined if it is not below it. */
function targetOf(link: readonly string[], target: string): readonly string[] | undefined {
  if (isAbsolute(target)) return undefined
  const names = link.slice(0, -1)
  for (const name of target.split(sep)) {
    if (name === '' || name === '.') continue
    if (name !== '..') names.push(name)
    else if (names.pop() === undefined) return undefined
  }
  return names.length > 0 ? names : undefined
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
