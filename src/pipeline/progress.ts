import type { Metainfo } from '../metainfo/metainfo.ts'
import type { Intake } from './intake.ts'
import type { Speed } from './speed.ts'
import type { Swarm } from './swarm.ts'
import type { WebSeeds } from './web-seeds.ts'

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
}

export interface ProgressOptions {
  readonly metainfo: Metainfo
  readonly intake: Intake
  readonly swarm: Swarm
  readonly webSeeds: Pick<WebSeeds, 'active' | 'downloaded' | 'wasted'>
  readonly down: Speed
  readonly up: Speed
  /** Whether it is a reader that takes the pieces, rather than a disk. */
  readonly read: boolean
}

/** What can be told of a torrent, from its parts. */
export function progressOf({ metainfo, intake, swarm, webSeeds, down, up, read }: ProgressOptions): Progress {
  const { total, left, scheduler } = intake
  const connected = swarm.connected
  const { uploaded } = swarm
  return {
    verified: total - left,
    total,
    downSpeed: down.rate,
    upSpeed: up.rate,
    peers: connected.length,
    seeds: connected.filter(peer => peer.requester.bits.full).length,
    webSeeds: webSeeds.active,
    eta: down.rate > 1 ? left / down.rate : null,
    buffered: scheduler.pieces * metainfo.pieceLength,
    limit: limitOf(
      left,
      connected.length + webSeeds.active,
      scheduler.full || (read && !intake.cursors.waiting),
      read,
    ),
    downloaded: swarm.downloaded + webSeeds.downloaded,
    uploaded,
    wasted: swarm.wasted + webSeeds.wasted,
    ratio: uploaded / Math.max(1, total || metainfo.length),
  }
}

function limitOf(left: number, peers: number, full: boolean, read: boolean): Progress['limit'] {
  if (left === 0) return 'none'
  if (peers === 0) return 'peers'
  if (full) return read ? 'reader' : 'disk'
  return 'network'
}
