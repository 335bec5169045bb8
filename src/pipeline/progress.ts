import type { MetadataDownload } from './metadata/metadata-download.ts'
import type { Pieces } from './pieces/pieces.ts'
import type { WebSeeds } from './pieces/web-seeds.ts'
import type { Swarm } from './swarm/swarm.ts'

/** How a torrent stands. */
export interface Progress {
  /** Bytes of wanted pieces that are verified and at rest. */
  readonly verified: number
  /** Bytes of wanted pieces. */
  readonly total: number
  /** Bytes a second. */
  readonly downSpeed: number
  readonly upSpeed: number
  readonly peers: number
  readonly seeds: number
  /** Web seeds that are of use now: among neither of the two above. */
  readonly webSeeds: number
  /** Seconds that are left at this speed, or null while it is 0. */
  readonly eta: number | null
  /** Bytes of pieces held in memory. */
  readonly buffered: number
  /** What holds it back. */
  readonly limit: 'network' | 'peers' | 'disk' | 'reader' | 'none'
  /** Bytes of blocks received. */
  readonly downloaded: number
  /** Bytes of blocks sent. */
  readonly uploaded: number
  /** Bytes received and thrown away. */
  readonly wasted: number
  /** Bytes sent for each one that was wanted, or when none was, for each that there is. */
  readonly ratio: number
  /** How the metadata of a magnet link comes, until it is there. */
  readonly metadata?: MetadataProgress
}

/** How the metadata of a magnet link comes. */
export interface MetadataProgress {
  /** Peers that are connected or being dialled, and those that offer metadata. */
  readonly peers: number
  readonly offering: number
  /** Pieces of metadata, of 16 KiB, that are there, and all; 0 while that is not known. */
  readonly have: number
  readonly of: number
}

export interface ProgressOptions {
  /** None while the metadata is not known. */
  readonly pieces: Pick<Pieces, 'pipeline' | 'metainfo' | 'windowed'> | undefined
  readonly metadata: Pick<MetadataDownload, 'offering' | 'progress'> | undefined
  readonly swarm: Swarm
  readonly webSeeds: Pick<WebSeeds, 'active' | 'downloaded' | 'wasted'> | undefined
  /** Bytes a second. */
  readonly down: number
  readonly up: number
}

/** What can be told of a torrent, from its parts. */
export function progressOf({ pieces, metadata, swarm, webSeeds, down, up }: ProgressOptions): Progress {
  const { connected, uploaded } = swarm
  const { total = 0, left = 0 } = pieces?.pipeline ?? {}
  const active = webSeeds?.active ?? 0
  return {
    verified: total - left,
    total,
    downSpeed: down,
    upSpeed: up,
    peers: connected.length,
    seeds: connected.filter(peer => peer.requester.isSeed).length,
    webSeeds: active,
    eta: down > 1 ? left / down : null,
    buffered: pieces ? pieces.pipeline.scheduler.pieces * pieces.metainfo.pieceLength : 0,
    limit: pieces ? limitOf(pieces, connected.length + active) : 'peers',
    downloaded: swarm.downloaded + (webSeeds?.downloaded ?? 0),
    uploaded,
    wasted: swarm.wasted + (webSeeds?.wasted ?? 0),
    ratio: uploaded / Math.max(1, total || (pieces?.metainfo.length ?? 0)),
    ...(metadata && !pieces
      ? { metadata: { peers: swarm.peers.size, offering: metadata.offering, ...metadata.progress } }
      : {}),
  }
}

function limitOf(
  { pipeline, windowed }: NonNullable<ProgressOptions['pieces']>,
  peers: number,
): Progress['limit'] {
  if (pipeline.left === 0) return 'none'
  if (peers === 0) return 'peers'
  if (pipeline.scheduler.full || (windowed && !pipeline.cursors.waiting)) return windowed ? 'reader' : 'disk'
  return 'network'
}
