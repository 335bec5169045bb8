import { createHash, type Hash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import type { FileEntry, Metainfo } from '../../metainfo/metainfo.ts'
import { storageError } from '../../storage/storage-error.ts'

/** Bytes of a file, from `start` to before `end`. */
export interface Part {
  readonly start: number
  readonly end: number
}

/** What a file on disk has of the beginning of a torrent's file. */
export interface Prefix {
  /** Bytes of the torrent's file that are there, right or wrong. */
  readonly size: number
  /** It goes on behind the end of the torrent's file. */
  readonly longer: boolean
  /** The first piece that is wrong: nothing behind it was looked at. */
  readonly wrong: Part | undefined
  /** What lies in pieces that are not there whole: to be compared with the right bytes. */
  readonly unproven: readonly Part[]
}

export interface PrefixOptions {
  readonly metainfo: Metainfo
  readonly file: FileEntry
  /** Where it is on disk; one that is not there is empty. */
  readonly path: string
  /** Fed with all that is read. */
  readonly hash?: Hash | undefined
}

/**
 * Hashes the pieces that a file on disk has whole, reading it once.
 * @throws StorageError when it cannot be read
 */
export async function checkPrefix({ metainfo, file, path, hash }: PrefixOptions): Promise<Prefix> {
  const { pieceLength, hashes } = metainfo
  const there = await sizeOf(path)
  const size = Math.min(there, file.length)
  const longer = there > size
  const first = Math.ceil(file.offset / pieceLength)
  /** The piece that is being hashed; its first byte, and the one after its last, in the file. */
  let index = first
  const startOf = (piece: number) => Math.min(size, piece * pieceLength - file.offset)
  const endOf = (piece: number) => Math.min((piece + 1) * pieceLength, metainfo.length) - file.offset
  let sha1 = createHash('sha1')
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
        sha1.update(part)
        if (at < endOf(index)) continue
        const right = sha1.digest().equals(hashes.subarray(index * 20, index * 20 + 20))
        if (!right) return { size, longer, wrong: { start: startOf(index), end: at }, unproven: [] }
        sha1 = createHash('sha1')
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
