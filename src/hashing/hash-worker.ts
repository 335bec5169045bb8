/** The worker of `HashPool`: reads files and hashes pieces. It may block, since it does nothing else. */
import { createHash, hash as hashBytes } from 'node:crypto'
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { parentPort } from 'node:worker_threads'
import { systemPath } from '../codec/byte-names.ts'
import { PieceDigest } from '../metainfo/piece-digest.ts'
import { pick } from '../ports/pick.ts'
import type {
  FileRange,
  HashReply,
  HashRequest,
  PieceHash,
  RangeMismatch,
  TreePiece,
  TreeResult,
} from './hash-job.ts'
import { hashRun } from './hash-run.ts'
import { listFiles } from './list-files.ts'

/** Small enough for the cache of the processor, so that the hash reads it from there. */
const CHUNK_BYTES = 256 << 10

const chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES)
/** The file of the last range that had a path. The next range is often in the same file. */
let open: { readonly path: string; readonly fd: number } | undefined

parentPort!.on('message', (request: HashRequest | Uint8Array) =>
  parentPort!.postMessage(
    request instanceof Uint8Array ? hashBytes('sha1', request, 'buffer') : reply(request),
  ),
)

function reply(request: HashRequest): HashReply {
  try {
    if ('directories' in request) return { listings: request.directories.map(listFiles) }
    if ('run' in request) return { run: hashRun(request.run) }
    if ('trees' in request) return { trees: request.trees.map(hashTree) }
    return { hashes: request.pieces.map(hashPiece) }
  } catch (error) {
    const { code, errno, message, path, syscall } = error as NodeJS.ErrnoException
    return { error: { message, ...pick({ code, errno, path, syscall }, 'code', 'errno', 'path', 'syscall') } }
  } finally {
    closeOpenFile()
  }
}

function hashPiece(ranges: readonly FileRange[]): PieceHash {
  const hash = createHash('sha1')
  for (const range of ranges) {
    const mismatch = readRange(range, bytes => hash.update(bytes))
    if (mismatch) return mismatch
  }
  return hash.digest()
}

function hashTree({ range, height, padding }: TreePiece): TreeResult {
  const digest = new PieceDigest(padding !== undefined)
  const mismatch = readRange(range, bytes => digest.update(bytes))
  if (mismatch) return mismatch
  const node = digest.node(height)
  return padding === undefined ? { node } : { node, sha1: digest.sha1(padding) }
}

/** Passes the bytes of a range to `update` in chunks. Returns why the range is not whole, or undefined. */
function readRange(range: FileRange, update: (bytes: Uint8Array) => void): RangeMismatch | undefined {
  const fd = descriptorOf(range.file)
  for (let done = 0; done < range.length; ) {
    const wanted = Math.min(CHUNK_BYTES, range.length - done)
    const read = readChunk(fd, wanted, range.offset + done)
    if (read === 0) return { range, present: range.offset + done }
    update(read === CHUNK_BYTES ? chunk : chunk.subarray(0, read))
    done += read
  }
  if (!range.toEnd) return undefined
  const { size } = fstatSync(fd)
  return size > range.offset + range.length ? { range, present: size } : undefined
}

function readChunk(fd: number, length: number, position: number): number {
  try {
    return readSync(fd, chunk, 0, length, position)
  } catch (error) {
    // The system does not say which file could not be read.
    throw Object.assign(error as Error, open?.fd === fd ? { path: open.path } : {})
  }
}

function descriptorOf(file: number | string): number {
  if (typeof file === 'number') return file
  if (open?.path !== file) {
    closeOpenFile()
    open = { path: file, fd: openSync(systemPath(file), 'r') }
  }
  return open.fd
}

function closeOpenFile(): void {
  if (open) closeSync(open.fd)
  open = undefined
}
