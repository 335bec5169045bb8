import { createHash } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { StorageError } from '../../errors.ts'
import {
  type FileEntry,
  type Metainfo,
  piecesOf,
  storageError,
  type Torrent,
  type TorrentFile,
  WindowStorage,
} from '../../index.ts'
import type { DownloadDestination } from './destination.ts'
import { writeToStdout } from './piped.ts'
import { checkPrefix, type PrefixPart } from './prefix.ts'

/** Options of a download that continues a file. */
export interface ContinuedOptions {
  readonly digest?: boolean
  /** Called with the offset at which the download continues, after the file is proven to be the beginning. */
  readonly onResumed: (offset: number) => void
}

/** Milliseconds for the search for the first wrong byte of a wrong piece. */
const SEARCH_TIMEOUT_MS = 10_000

/**
 * Begins to write the rest of a file to standard output, of which `existing` is the beginning. Nothing is written before
 * that is proven: complete pieces of `existing` are hashed, and parts of pieces are compared with the bytes from peers.
 * @throws StorageError if `existing` cannot be read
 */
export async function beginContinuedToStdout(
  torrent: Torrent,
  metainfo: Metainfo,
  index: number,
  existing: string,
  { digest = false, onResumed }: ContinuedOptions,
): Promise<DownloadDestination> {
  const file = metainfo.files[index]!
  const hash = digest ? createHash('sha256') : undefined
  const { size, longer, wrong, unproven } = await checkPrefix({ metainfo, file, path: existing, hash })
  const rest = { start: size, end: wrong ? size : file.length }
  const parts = [...(wrong ? [wrong] : unproven), rest]
  const wanted = piecesOfAll(metainfo, file, parts)
  torrent.begin({ storage: new WindowStorage(), sharedMemory: true, wanted }, metainfo)
  const digests = new Map<string, string>()
  return {
    digests,
    async transfer() {
      const source = torrent.files[index]!
      // All readers run at the same time, so that a piece they share is downloaded once.
      const reader = source.stream({ ...rest, lend: true })
      const comparing = parts.slice(0, -1).map(part => ({ part, reader: source.stream(part) }))
      for (const { part, reader } of comparing) {
        const comparison = findDifference(reader, existing, part)
        const offset = wrong ? await withinSearchTime(comparison, part) : await comparison
        if (offset !== undefined) throw mismatch(existing, file, offset)
      }
      if (longer) throw mismatch(existing, file, size)
      onResumed(size)
      await writeToStdout(reader, { hash, startOffset: size })
      await torrent.done
      if (hash) digests.set(file.path, hash.digest('hex'))
    },
  }
}

function piecesOfAll(metainfo: Metainfo, { offset }: FileEntry, parts: readonly PrefixPart[]) {
  const [first, ...rest] = parts.map(({ start, end }) => piecesOf(metainfo, offset + start, offset + end))
  for (const pieces of rest) for (const piece of pieces) first!.add(piece)
  return first!
}

/** Returns the offset of the first byte in a part of the file at `path` that differs from the reader's. */
async function findDifference(
  reader: ReturnType<TorrentFile['stream']>,
  path: string,
  { start }: PrefixPart,
): Promise<number | undefined> {
  let handle: FileHandle | undefined
  try {
    handle = await open(path).catch(error => {
      throw storageError('read', path, error)
    })
    let at = start
    for await (const chunk of reader) {
      const expected = chunk as Uint8Array
      const actual = Buffer.alloc(expected.length)
      const { bytesRead } = await handle.read(actual, 0, actual.length, at)
      const differs = actual.findIndex((byte, index) => index >= bytesRead || byte !== expected[index])
      if (differs >= 0) return at + differs
      at += expected.length
    }
    return undefined
  } finally {
    await handle?.close()
  }
}

/** Returns the result of a comparison, or the start of the part after SEARCH_TIMEOUT_MS: the piece is known to be wrong. */
async function withinSearchTime(
  comparison: Promise<number | undefined>,
  { start }: PrefixPart,
): Promise<number> {
  const finished = new AbortController()
  const timeout = delay(SEARCH_TIMEOUT_MS, start, { signal: finished.signal, ref: false })
  try {
    return (await Promise.race([comparison.catch(() => start), timeout])) ?? start
  } finally {
    finished.abort()
    timeout.catch(() => {})
  }
}

function mismatch(existing: string, { path }: FileEntry, offset: number): StorageError {
  return new StorageError(
    'ERR_MISMATCH',
    `${existing} is not the beginning of ${path}: it differs from byte ${offset} on. Nothing was written. ` +
      `Cut it with \`truncate -s ${offset}\`, or download the whole file`,
  )
}
