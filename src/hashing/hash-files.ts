import { sep } from 'node:path'
import type { PieceHashes } from '../metainfo/content-plan.ts'
import { forEachInParallel } from '../ports/parallel.ts'
import type { FoundFile } from './found-file.ts'
import { type FileRun, JOB_BYTES } from './hash-job.ts'
import type { HashPool } from './hash-pool.ts'

/** Maximum number of files of a job, unless one piece has more. */
const JOB_FILES = 2_048

/** Options of `hashFiles`. */
export interface HashFilesOptions {
  readonly pool: HashPool
  readonly signal: AbortSignal
  /** Comes before the path of each file, its names joined by the separator of the system. */
  readonly prefix: string
  readonly pieceLength: number
  /** Called with the number of bytes after each job. */
  readonly onBytes: (bytes: number) => void
  /** Returns the error for a file that has `present` bytes, not its size. */
  readonly changed: (file: FoundFile, present: number) => Error
}

/** Reads and hashes the files of a v1 torrent in threads. */
export async function hashFiles(
  files: readonly FoundFile[],
  { changed, onBytes, pieceLength, pool, prefix, signal }: HashFilesOptions,
): Promise<PieceHashes> {
  const length = files.reduce((sum, file) => sum + file.length, 0)
  const hashes = Buffer.alloc(Math.ceil(length / pieceLength) * 20)
  await forEachInParallel(jobsOf(files, pieceLength), pool.jobs, async ({ firstPiece, ...job }) => {
    const content = contentOf(files, job)
    const result = await (content
      ? pool.hashContent({ content, pieceLength }, signal)
      : pool.hashRun({ ...packed(files, job), prefix, pieceLength }, signal))
    if (!(result instanceof Uint8Array)) throw changed(files[job.first + result.at]!, result.present)
    hashes.set(result, firstPiece * 20)
    onBytes(job.length)
  })
  return { hashes, nodes: Buffer.alloc(0) }
}

interface Job {
  readonly firstPiece: number
  /** Indexes of the first file, and of the file after the last one. */
  readonly first: number
  readonly end: number
  /** See FileRun. */
  readonly offset: number
  readonly length: number
}

/** Divides the content into jobs of whole pieces. */
function* jobsOf(files: readonly FoundFile[], pieceLength: number): Generator<Job> {
  const maxLength = Math.max(1, Math.floor(JOB_BYTES / pieceLength)) * pieceLength
  let job = { firstPiece: 0, first: 0, offset: 0, length: 0 }
  for (let at = 0; at < files.length; at++) {
    const size = files[at]!.length
    for (let offset = 0; offset < size; ) {
      const isFull = job.length > 0 && at - job.first >= JOB_FILES
      const room = (isFull ? Math.ceil(job.length / pieceLength) * pieceLength : maxLength) - job.length
      const length = Math.min(room, size - offset)
      job.length += length
      offset += length
      if (length < room) continue
      yield { ...job, end: at + 1 }
      const firstPiece = job.firstPiece + job.length / pieceLength
      job = {
        firstPiece,
        length: 0,
        ...(offset < size ? { first: at, offset } : { first: at + 1, offset: 0 }),
      }
    }
  }
  if (job.length > 0) yield { ...job, end: files.length }
}

/** Returns the parts of the content of a job if all of its files were read before. */
function contentOf(files: readonly FoundFile[], job: Omit<Job, 'firstPiece'>): Uint8Array[] | undefined {
  for (let at = job.first; at < job.end; at++) if (files[at]!.contentOffset < 0) return undefined
  const parts: Uint8Array[] = []
  let left = job.length
  let from = job.offset
  for (let at = job.first; at < job.end; ) {
    const { contentOffset, directory } = files[at]!
    const start = contentOffset + from
    let end = contentOffset
    // The files of a directory are one after another in memory too.
    for (; at < job.end; at++) {
      const next = files[at]!
      if (next.directory !== directory || next.contentOffset !== end) break
      end += next.length
    }
    const part = directory.content!.subarray(start, Math.min(end, start + left))
    parts.push(part)
    left -= part.length
    from = 0
  }
  return parts
}

function packed(
  files: readonly FoundFile[],
  { end, first, length, offset }: Omit<Job, 'firstPiece'>,
): Pick<FileRun, 'length' | 'offset' | 'paths' | 'sizes'> {
  const own = files.slice(first, end)
  return {
    length,
    offset,
    paths: own.map(({ path }) => path.join(sep)).join('\0'),
    sizes: Float64Array.from(own, ({ length }) => length),
  }
}
