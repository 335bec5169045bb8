import { fileURLToPath } from 'node:url'
import { types } from 'node:util'
import { describeValue } from '../../codec/quote.ts'
import { InputError } from '../../errors.ts'
import { isMagnet, type Magnet, parseMagnet } from '../../metainfo/magnet.ts'
import type { Metainfo } from '../../metainfo/metainfo.ts'
import { openMetainfo } from '../../metainfo/parse.ts'
import { type LoadTorrentOptions, loadTorrent } from './load-torrent.ts'

/**
 * A source of a torrent:
 * - a `string`: a magnet link, an info-hash (40 hex digits or 32 of base32), an http(s) URL or a path of a .torrent
 * - a `URL`: `magnet:`, `http:`, `https:` or `file:`
 * - the bytes of a .torrent, in any ArrayBuffer or view
 * - a parsed `Metainfo` or `Magnet`
 */
export type TorrentSource = string | URL | ArrayBufferLike | ArrayBufferView | Metainfo | Magnet

/**
 * Loads and parses a source.
 * Rejects with an InputError that names the source if it cannot be read or is not a torrent.
 */
export async function loadSource(
  source: TorrentSource,
  options: LoadTorrentOptions = {},
): Promise<Metainfo | Magnet> {
  if (source instanceof URL) return loadSource(textOf(source), options)
  if (typeof source === 'string') {
    if (source === '') throw new InputError('ERR_USAGE', 'source: it is empty')
    return isMagnet(source) ? parseMagnet(source) : loadTorrent(source, options)
  }
  if (types.isAnyArrayBuffer(source)) return openMetainfo(new Uint8Array(source), options)
  if (ArrayBuffer.isView(source)) {
    return openMetainfo(new Uint8Array(source.buffer, source.byteOffset, source.byteLength), options)
  }
  if (isMetainfo(source) || isParsedMagnet(source)) return source
  throw new InputError(
    'ERR_USAGE',
    'source: expected a path, URL, magnet link, info-hash, the bytes of a .torrent, a Metainfo or a Magnet, ' +
      `got ${describeValue(source)}`,
  )
}

/** Returns true for a parsed .torrent. */
export function isMetainfo(source: unknown): source is Metainfo {
  const { files, hashes, infoHash } = (source ?? {}) as Partial<Metainfo>
  return Buffer.isBuffer(infoHash) && Buffer.isBuffer(hashes) && Array.isArray(files)
}

/** Returns true for a parsed magnet link. */
export function isParsedMagnet(source: unknown): source is Magnet {
  const { infoHash, infoHashV2, peers, sources } = (source ?? {}) as Partial<Magnet>
  return Buffer.isBuffer(infoHash ?? infoHashV2) && Array.isArray(peers) && Array.isArray(sources)
}

function textOf(url: URL): string {
  return url.protocol === 'file:' ? fileURLToPath(url) : url.href
}
