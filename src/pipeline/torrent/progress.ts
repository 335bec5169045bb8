import type { Metainfo } from '../../metainfo/metainfo.ts'
import type { Bottleneck } from '../diagnosis/bottleneck.ts'
import type { MetadataDownload } from '../metadata/metadata-download.ts'
import type { Pieces } from '../pieces/pieces.ts'
import type { TorrentContent } from './torrent-content.ts'
import type { TorrentState } from './torrent-events.ts'
import type { TorrentNetwork } from './torrent-network.ts'

/** The progress of a torrent. */
export interface Progress extends ProgressCounts {
  /** What limits the download, as measured over the last two seconds. */
  readonly bottleneck: Bottleneck
}

/** Bytes, rates and peers of a torrent. */
export interface ProgressCounts {
  /** Bytes of wanted pieces that are verified and stored. */
  readonly verified: number
  /** Bytes of wanted pieces. */
  readonly total: number
  /** Bytes per second from peers and web seeds. */
  readonly downSpeed: number
  /** Bytes per second to peers. */
  readonly upSpeed: number
  /** Peers that are connected. */
  readonly peers: number
  /** Connected peers that have every piece. */
  readonly seeds: number
  /** Web seeds that are useful now. They count neither as peers nor as seeds. */
  readonly webSeeds: number
  /** Remaining seconds at this speed, or null while it is 0. */
  readonly eta: number | null
  /** Bytes of pieces held in memory. */
  readonly buffered: number
  /** What limits the download at this moment, in brief. */
  readonly limit: 'network' | 'peers' | 'disk' | 'reader' | 'none'
  /** Bytes of blocks received. */
  readonly downloaded: number
  /** Bytes of blocks sent. */
  readonly uploaded: number
  /** Bytes received and discarded. */
  readonly wasted: number
  /** Bytes of pieces that were copied from other files on disk. */
  readonly reused: number
  /** Bytes sent for each wanted byte; for each byte of the torrent if none was wanted. */
  readonly ratio: number
  /** The metadata of a magnet link, while it is fetched. */
  readonly metadata?: MetadataProgress
}

/** The progress of the metadata of a magnet link. */
export interface MetadataProgress {
  /** Peers that are connected or being dialled. */
  readonly peers: number
  /** Peers that offer metadata. */
  readonly offering: number
  /** Pieces of metadata, of 16 KiB, that have arrived. */
  readonly have: number
  /** Pieces of metadata in all; 0 while that is not known. */
  readonly of: number
}

/** The parts of a torrent that progress and diagnosis read. */
export interface TorrentParts {
  readonly state: TorrentState
  /** Milliseconds of the clock. */
  readonly now: number
  /** Undefined while it is not known. */
  readonly metainfo: Metainfo | undefined
  readonly network: TorrentNetwork
  /** Undefined before the storage is known. */
  readonly content: TorrentContent | undefined
  /** Undefined for a torrent that was made from its metainfo. */
  readonly metadata: MetadataDownload | undefined
  /** True while only the piece layers of a v2 torrent are missing (BEP 52). */
  readonly lacksLayers: boolean
}

/** Describes a torrent from its parts. */
export function progressOf(parts: TorrentParts, bottleneck: Bottleneck): Progress {
  return { ...countsOf(parts), bottleneck }
}

/** Counts what a torrent has from its parts. */
export function countsOf({ content, metadata, network, state }: TorrentParts): ProgressCounts {
  const { activeSwarm, rates, uploaded } = network
  const connected = activeSwarm?.connected ?? []
  const { pieces, webSeeds } = content ?? {}
  const { left = 0, reused = 0, total = 0 } = pieces?.wanted ?? {}
  const active = webSeeds?.active ?? 0
  // the rates are averages, which stay above 0 for a while after the last byte
  const receives = connected.length + active > 0 && !(state === 'seeding' && pieces?.retains)
  const downSpeed = receives ? rates.down : 0
  return {
    verified: total - left,
    total,
    downSpeed,
    upSpeed: connected.length > 0 ? rates.up : 0,
    peers: connected.length,
    seeds: connected.filter(peer => peer.requester.isSeed).length,
    webSeeds: active,
    eta: downSpeed > 1 ? left / downSpeed : null,
    buffered: pieces?.pipeline ? pieces.pipeline.scheduler.activePieces * pieces.metainfo.pieceLength : 0,
    limit: state === 'paused' ? 'none' : pieces ? limitOf(pieces, connected.length + active) : 'peers',
    downloaded: network.downloaded,
    uploaded,
    wasted: (activeSwarm?.wasted ?? 0) + (webSeeds?.wasted ?? 0),
    reused,
    ratio: uploaded / Math.max(1, total || (pieces?.metainfo.length ?? 0)),
    ...(metadata && !pieces
      ? {
          metadata: {
            peers: activeSwarm?.peers.size ?? 0,
            offering: metadata.offering,
            ...metadata.progress,
          },
        }
      : {}),
  }
}

function limitOf({ pipeline, wanted, windowed }: Pieces, sources: number): Progress['limit'] {
  if (wanted.left === 0) return 'none'
  if (sources === 0 || !pipeline) return 'peers'
  if (pipeline.scheduler.isFull || (windowed && !pipeline.cursors.isAwaited))
    return windowed ? 'reader' : 'disk'
  return 'network'
}
