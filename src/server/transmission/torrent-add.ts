import { InputError, messageOf, StorageError } from '../../errors.ts'
import { text, whole } from '../../session/records/fields.ts'
import { DuplicateTorrentError } from '../../session/session-options.ts'
import type { SessionTorrent } from '../../session/session-torrent.ts'
import { indices, loose, read, texts } from './parameters.ts'
import type { Method, Parameters } from './rpc-context.ts'
import { RPC_CODES, RpcError } from './rpc-error.ts'
import { readBandwidthPriority, readSequential } from './torrent-set.ts'

/** Maximum characters of a .torrent in base64: those of a body. */
const MAX_METAINFO_LENGTH = 64 << 20

/** Adds a torrent: a URL, a magnet link, or a .torrent in base64. */
export const torrentAdd: Method = async (parameters, { session }) => {
  const directory = read(parameters, 'download_dir', text())
  const paused = read(parameters, 'paused', loose)
  const labels = read(parameters, 'labels', texts)
  const maxPeers = read(parameters, 'peer_limit', whole)
  const sequential = readSequential(parameters)
  const cookies = read(parameters, 'cookies', text(16_384))
  const bandwidthPriority = readBandwidthPriority(parameters)
  const [off, low, high] = ['files_unwanted', 'priority_low', 'priority_high'].map(name =>
    read(parameters, name, indices),
  )
  const source = sourceOf(parameters)
  try {
    const torrent = await session.add(source, {
      ...(directory ? { directory } : {}),
      ...(paused === undefined ? {} : { start: !paused }),
      ...(labels ? { labels } : {}),
      ...(maxPeers ? { maxPeers } : {}),
      ...(sequential === undefined ? {} : { sequential }),
      ...(bandwidthPriority ? { bandwidthPriority } : {}),
      ...(cookies ? { headers: { cookie: cookies } } : {}),
      ...(off ? { off } : {}),
      ...(low ? { low } : {}),
      ...(high ? { high } : {}),
    })
    return { value: { torrent_added: identify(torrent) } }
  } catch (error) {
    if (error instanceof DuplicateTorrentError)
      return { value: { torrent_duplicate: identify(error.torrent) } }
    // a directory that is not allowed is no fault of the torrent
    const isOwn = error instanceof InputError && error.code === 'ERR_PATH'
    if (isOwn || error instanceof StorageError) throw error
    throw new RpcError(RPC_CODES.failed, `invalid or corrupt torrent file: ${messageOf(error)}`)
  }
}

function sourceOf(parameters: Parameters): string | Uint8Array {
  const metainfo = read(parameters, 'metainfo', text(MAX_METAINFO_LENGTH))
  if (metainfo) return Buffer.from(metainfo, 'base64')
  const filename = read(parameters, 'filename', text(1 << 20))
  if (!filename) throw new RpcError(RPC_CODES.arguments, 'no filename or metainfo specified')
  if (/^(https?:\/\/|magnet:|[\da-f]{40}$)/i.test(filename)) return filename
  // A path of this machine would let clients read its files.
  throw new RpcError(RPC_CODES.arguments, 'filename: expected a URL or a magnet link')
}

function identify({ id, infoHash, name }: SessionTorrent): object {
  return { hash_string: infoHash, id, name }
}
