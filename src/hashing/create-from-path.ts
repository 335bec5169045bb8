import { basename, join, resolve } from 'node:path'
import { Readable } from 'node:stream'
import { getSystemErrorMap } from 'node:util'
import { InputError } from '../errors.ts'
import type { ContentPlan, PieceHashes } from '../metainfo/content-plan.ts'
import { type Created, type CreateOptions, create, defaultPieceLength } from '../metainfo/create.ts'
import type { SourceFile } from '../metainfo/source-file.ts'
import { nodeFileSystem } from '../ports/file-system.ts'
import { forEachInParallel } from '../ports/parallel.ts'
import { type FileRange, JOB_BYTES, type RangeMismatch } from './hash-job.ts'
import { HashPool } from './hash-pool.ts'
import { hashTrees } from './hash-trees.ts'

/** Options of `createFromPath`. */
export interface CreateFromPathOptions extends Omit<CreateOptions, 'files' | 'hashPieces' | 'name'> {
  /** The name of the file or directory in the torrent. @default the last part of the path */
  readonly name?: string
  /** Returns true for the files of a directory that are included. @default all */
  readonly select?: (path: readonly string[]) => boolean
  /** The threads that read and hash. @default a pool that is closed at the end */
  readonly hashPool?: HashPool
}

/** A file on disk that becomes part of the torrent. */
interface DiskFile {
  readonly path: string
  readonly size: number
}

/** Maximum number of ranges of a job, for small files. */
const JOB_RANGES = 1_024

/**
 * Creates the .torrent of a file, or of all regular files below a directory in the order of their names. Links and
 * special files are left out. Files are read and hashed in worker threads.
 * Rejects as `create` does, and with ERR_USAGE for a path that cannot be read.
 */
export async function createFromPath(path: string, options: CreateFromPathOptions = {}): Promise<Created> {
  const { hashPool, name = basename(resolve(path)), select, ...rest } = options
  const pool = hashPool ?? new HashPool()
  try {
    const { sources, disk } = await findFiles(path, pool, select)
    const length = disk.reduce((sum, { size }) => sum + size, 0)
    const pieceLength = options.pieceLength ?? defaultPieceLength(length)
    const paths = new Map(sources.map((source, at) => [source, disk[at]!.path]))
    const { onProgress } = options
    const hashPieces = (plan: ContentPlan, signal: AbortSignal) => {
      if (plan.format === 'v1') return hashFiles(disk, { length, pieceLength, pool, signal, onProgress })
      let hashed = 0
      return hashTrees(plan, {
        ...{ pool, signal, pathOf: ({ source }) => paths.get(source)! },
        onBytes: bytes => {
          hashed += bytes
          onProgress?.(hashed, length)
        },
        changed: mismatch => changedError(mismatch, disk),
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
  if (!isDirectory) return { sources: [sourceOf([], size)], disk: [{ path, size }] }
  const all = await pool.list(path)
  if (all.length === 0) throw new InputError('ERR_USAGE', `${path}: the directory contains no files`)
  const found = all.filter(({ names }) => select(names))
  if (found.length === 0) throw new InputError('ERR_USAGE', `${path}: all of its files are excluded`)
  return {
    sources: found.map(({ names, size }) => sourceOf(names, size)),
    disk: found.map(({ names, size }) => ({ path: join(path, ...names), size })),
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

interface HashFilesContext {
  readonly length: number
  readonly pieceLength: number
  readonly pool: HashPool
  readonly signal: AbortSignal
  readonly onProgress: CreateOptions['onProgress']
}

/** Returns the hashes of all pieces. */
async function hashFiles(
  files: readonly DiskFile[],
  { length, pieceLength, pool, signal, onProgress }: HashFilesContext,
): Promise<PieceHashes> {
  const hashes = Buffer.alloc(Math.ceil(length / pieceLength) * 20)
  let hashed = 0
  await forEachInParallel(jobsOf(files, pieceLength), pool.jobs, async ({ first, pieces, bytes }) => {
    const results = await pool.hash(pieces, signal)
    for (const [index, result] of results.entries()) {
      if (!(result instanceof Uint8Array)) throw changedError(result, files)
      hashes.set(result, (first + index) * 20)
    }
    hashed += bytes
    onProgress?.(hashed, length)
  })
  return { hashes, nodes: Buffer.alloc(0) }
}

interface Job {
  /** Index of the first piece. */
  readonly first: number
  readonly pieces: readonly (readonly FileRange[])[]
  readonly bytes: number
}

/** Divides the content into jobs of whole pieces. */
function* jobsOf(files: readonly DiskFile[], pieceLength: number): Generator<Job> {
  let pieces: FileRange[][] = []
  let piece: FileRange[] = []
  let room = pieceLength
  let first = 0
  let bytes = 0
  let ranges = 0
  const take = () => {
    const job = { first, pieces, bytes }
    first += pieces.length
    pieces = []
    bytes = ranges = 0
    return job
  }
  for (const { path, size } of files) {
    for (let offset = 0; offset < size; ) {
      const length = Math.min(room, size - offset)
      piece.push({ file: path, offset, length, ...(offset + length === size ? { toEnd: true } : {}) })
      offset += length
      room -= length
      bytes += length
      ranges++
      if (room > 0) continue
      pieces.push(piece)
      piece = []
      room = pieceLength
      if (bytes >= JOB_BYTES || ranges >= JOB_RANGES) yield take()
    }
  }
  if (piece.length > 0) pieces.push(piece)
  if (pieces.length > 0) yield take()
}

function changedError({ present, range }: RangeMismatch, files: readonly DiskFile[]): InputError {
  const expected = files.find(({ path }) => path === range.file)?.size
  return new InputError(
    'ERR_METAINFO',
    `${range.file}: expected ${expected} bytes, got ${present}; the file may have changed`,
  )
}

/** An error of `create` as it is, and a system error as an InputError that names the path. */
function readError(path: string, error: unknown): unknown {
  const { errno = 0, message, path: failed = path, syscall } = error as NodeJS.ErrnoException
  if (syscall === undefined) return error
  const reason = getSystemErrorMap().get(errno)?.[1] ?? message
  return new InputError('ERR_USAGE', `cannot read ${failed}: ${reason}`, error)
}
