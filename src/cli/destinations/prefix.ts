import { createHash, type Hash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { type FileEntry, Layout, type Metainfo, storageError } from '../../index.ts'
import { PieceTrees, type RunningHash } from '../../metainfo/index.ts'

/** A range of bytes of a file; `end` is the byte after the last. */
export interface PrefixPart {
  readonly start: number
  readonly end: number
}

/** The part of a torrent's file that a file on disk contains. */
export interface Prefix {
  /** Number of bytes that the file on disk has of the torrent's file, correct or not. */
  readonly size: number
  /** True if the file on disk is longer than the torrent's file. */
  readonly longer: boolean
  /** The first wrong piece. The bytes after it were not checked. */
  readonly wrong: PrefixPart | undefined
  /** Parts of incomplete pieces, which cannot be hashed. */
  readonly unproven: readonly PrefixPart[]
}

/** Options of `checkPrefix`. */
export interface PrefixOptions {
  readonly metainfo: Metainfo
  readonly file: FileEntry
  /** The path on disk. A missing file counts as empty. */
  readonly path: string
  /** A hash that is updated with all bytes read. */
  readonly hash?: Hash | undefined
}

/**
 * Hashes the complete pieces of a file on disk. Reads the file once.
 * @throws StorageError if it cannot be read
 */
export async function checkPrefix({ metainfo, file, path, hash }: PrefixOptions): Promise<Prefix> {
  const { pieceLength, hashes } = metainfo
  const layout = new Layout(metainfo)
  const trees = metainfo.format === 'v2' ? PieceTrees.of(metainfo) : undefined
  const begin = (piece: number) => trees?.begin(piece) ?? createHash('sha1')
  const expected = (piece: number) => trees?.expected(piece) ?? hashes.subarray(piece * 20, piece * 20 + 20)
  const sizeOnDisk = await sizeOf(path)
  const size = Math.min(sizeOnDisk, file.length)
  const longer = sizeOnDisk > size
  const first = Math.ceil(file.offset / pieceLength)
  /** The piece that is being hashed. `startOf` and `endOf` give its place in the file. */
  let index = first
  const startOf = (piece: number) => Math.min(size, piece * pieceLength - file.offset)
  const endOf = (piece: number) => piece * pieceLength + layout.pieceSize(piece) - file.offset
  let digest: RunningHash | undefined
  let at = 0
  try {
    for await (const chunk of size > 0
      ? createReadStream(path, { end: size - 1, highWaterMark: 1 << 20 })
      : []) {
      const bytes = chunk as Buffer
      hash?.update(bytes)
      for (let taken = 0; taken < bytes.length; ) {
        const head = startOf(first) - at
        const part = bytes.subarray(taken, taken + (head > 0 ? head : endOf(index) - at))
        taken += part.length
        at += part.length
        if (head > 0) continue
        digest ??= begin(index)
        digest.update(part)
        if (at < endOf(index)) continue
        const matches = Buffer.compare(digest.digest(), expected(index)) === 0
        if (!matches) return { size, longer, wrong: { start: startOf(index), end: at }, unproven: [] }
        digest = undefined
        index++
      }
    }
  } catch (error) {
    throw storageError('read', path, error)
  }
  const parts = [
    { start: 0, end: startOf(first) },
    { start: startOf(index), end: size },
  ]
  return { size, longer, wrong: undefined, unproven: parts.filter(({ start, end }) => start < end) }
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0
    throw storageError('read', path, error)
  }
}
