import { createHash } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { StorageError } from '../../errors.ts'
import type { FileEntry, Metainfo } from '../../metainfo/metainfo.ts'
import { piecesOf } from '../../pipeline/pieces/wanted.ts'
import type { TorrentFile } from '../../pipeline/reading/torrent-file.ts'
import type { Torrent } from '../../pipeline/torrent.ts'
import { storageError } from '../../storage/storage-error.ts'
import { WindowStorage } from '../../storage/window-storage.ts'
import type { Destination } from './destination.ts'
import { toStdout } from './piped.ts'
import { checkPrefix, type Part } from './prefix.ts'

export interface ContinuedOptions {
  readonly digest?: boolean
  /** Told from which byte it goes on, once that is proven. */
  readonly resumed: (offset: number) => void
}

/** Milliseconds that it may take to find out which byte of a wrong piece is the first wrong one. */
const SEARCH = 10_000

/**
 * What `have` lacks of a file, to standard output. First it is proven that `have` begins as that file does: pieces that
 * it has whole are hashed, and what it has of others is compared with what peers have. Until then nothing is written.
 * @throws StorageError when it cannot be read
 */
export async function continuedToStdout(
  torrent: Torrent,
  metainfo: Metainfo,
  index: number,
  have: string,
  { digest = false, resumed }: ContinuedOptions,
): Promise<Destination> {
  const file = metainfo.files[index]!
  const hash = digest ? createHash('sha256') : undefined
  const { size, longer, wrong, unproven } = await checkPrefix({ metainfo, file, path: have, hash })
  const rest = { start: size, end: wrong ? size : file.length }
  const parts = [...(wrong ? [wrong] : unproven), rest]
  const wanted = piecesOfAll(metainfo, file, parts)
  torrent.begin({ storage: new WindowStorage(), sharedMemory: true, wanted }, metainfo)
  const digests = new Map<string, string>()
  return {
    digests,
    async transfer() {
      const source = torrent.files[index]!
      // at the same time as those before: what they share is fetched once
      const reader = source.stream({ ...rest, lend: true })
      const comparing = parts.slice(0, -1).map(part => ({ part, reader: source.stream(part) }))
      for (const { part, reader } of comparing) {
        const comparison = firstDifference(reader, have, part)
        const bad = wrong ? await soon(comparison, part) : await comparison
        if (bad !== undefined) throw mismatch(have, file, bad)
      }
      if (longer) throw mismatch(have, file, size)
      resumed(size)
      await toStdout(reader, { hash, from: size })
      await torrent.done
      if (hash) digests.set(file.path, hash.digest('hex'))
    },
  }
}

function piecesOfAll(metainfo: Metainfo, { offset }: FileEntry, parts: readonly Part[]) {
  const [first, ...others] = parts.map(({ start, end }) => piecesOf(metainfo, offset + start, offset + end))
  for (const other of others) for (const piece of other) first!.add(piece)
  return first!
}

/** The first byte of a part of `have` that is another than the reader's. */
async function firstDifference(
  reader: ReturnType<TorrentFile['stream']>,
  have: string,
  { start }: Part,
): Promise<number | undefined> {
  let handle: FileHandle | undefined
  try {
    handle = await open(have).catch(error => {
      throw storageError('read', have, error)
    })
    let at = start
    for await (const chunk of reader) {
      const right = chunk as Uint8Array
      const own = Buffer.alloc(right.length)
      const { bytesRead } = await handle.read(own, 0, own.length, at)
      const same = own.findIndex((byte, index) => index >= bytesRead || byte !== right[index])
      if (same >= 0) return at + same
      at += right.length
    }
    return undefined
  } finally {
    await handle?.close()
  }
}

/** A piece that is wrong is known to be so: which byte of it is worth a while, not more. */
async function soon(comparison: Promise<number | undefined>, { start }: Part): Promise<number> {
  const ended = new AbortController()
  const late = delay(SEARCH, start, { signal: ended.signal, ref: false })
  try {
    return (await Promise.race([comparison.catch(() => start), late])) ?? start
  } finally {
    ended.abort()
    late.catch(() => {})
  }
}

function mismatch(have: string, { path }: FileEntry, offset: number): StorageError {
  return new StorageError(
    'ERR_MISMATCH',
    `${have} is not the beginning of ${path}: it differs from byte ${offset} on; nothing was written ` +
      `(cut it there with \`truncate -s ${offset}\`, or begin anew)`,
  )
}
