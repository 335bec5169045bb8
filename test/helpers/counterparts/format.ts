import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { create } from '../../../src/hashing/create-torrent.ts'
import type { TorrentFormat } from '../../../src/metainfo/metainfo.ts'
import type { Content } from './content.ts'

/** Options of a torrent in another format. */
export interface FormatOptions {
  /** @default 64 KiB */
  readonly pieceLength?: number
  /** libtorrent gives no metadata of a private torrent. @default true */
  readonly isPrivate?: boolean
}

/** The same content by a torrent of another format. test/interop/create.test.ts compares these with libtorrent's. */
export async function inFormat(
  content: Content,
  format: TorrentFormat,
  { pieceLength = 65_536, isPrivate = true }: FormatOptions = {},
): Promise<Content> {
  const path = join(content.dir, content.name)
  const made = await create(path, { format, pieceLength, private: isPrivate })
  const torrent = join(content.dir, `${format}.torrent`)
  await writeFile(torrent, made.torrent)
  return { ...content, torrent, infoHash: made.infoHash, pieces: made.pieceCount }
}
