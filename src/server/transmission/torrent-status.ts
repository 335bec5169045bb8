import type { SessionTorrent } from '../../session/session-torrent.ts'
import type { RpcTorrent } from './rpc-torrent.ts'

/** The numbers that stand for what a torrent does. */
const STATUS_NUMBERS = {
  stopped: 0,
  checkWait: 1,
  check: 2,
  downloadWait: 3,
  download: 4,
  seedWait: 5,
  seed: 6,
} as const

/** Seconds that stand for a time that is not known, and for one that makes no sense now. */
const ETA_NOT_AVAILABLE = -1
const ETA_UNKNOWN = -2
/** A ratio without any bytes. */
const NO_RATIO = -1

/** Returns the number that stands for what a torrent does. */
export function statusNumberOf(torrent: SessionTorrent): number {
  const { isComplete, status } = torrent
  if (status === 'stopped') return STATUS_NUMBERS.stopped
  if (status === 'waiting') return STATUS_NUMBERS.checkWait
  if (status === 'checking') return STATUS_NUMBERS.check
  if (status === 'queued') return isComplete ? STATUS_NUMBERS.seedWait : STATUS_NUMBERS.downloadWait
  return status === 'seeding' ? STATUS_NUMBERS.seed : STATUS_NUMBERS.download
}

/** Returns the seconds until a torrent is complete, or a number below 0. */
export function etaOf({ progress: { eta }, torrent }: RpcTorrent): number {
  if (torrent.status === 'metadata') return ETA_UNKNOWN
  if (torrent.status !== 'downloading') return ETA_NOT_AVAILABLE
  return eta === null ? ETA_UNKNOWN : Math.round(eta)
}

/** Returns the ratio of a torrent, or a number below 0. */
export function ratioOf({ progress: { downloaded, haveBytes, ratio, uploaded } }: RpcTorrent): number {
  return uploaded === 0 && downloaded === 0 && haveBytes === 0 ? NO_RATIO : ratio
}

/** Returns the part of the metadata that is known, from 0 to 1. */
export function metadataPart({ progress: { metadata }, record }: RpcTorrent): number {
  if (record.link === null) return 1
  return metadata && metadata.of > 0 ? metadata.have / metadata.of : 0
}
