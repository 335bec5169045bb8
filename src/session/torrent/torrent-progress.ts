import { Bitfield } from '../../codec/bitfield.ts'
import type { Metainfo } from '../../metainfo/metainfo.ts'
import { missingBytes } from '../../pipeline/pieces/wanted.ts'
import type { MetadataProgress } from '../../pipeline/torrent/progress.ts'
import type { TorrentRecord } from '../records/torrent-record.ts'
import type { TorrentRun } from './torrent-run.ts'

/** Numbers that describe how far a torrent of a session is. Bytes are counted over all runs. */
export interface SessionProgress {
  /** Bytes of the torrent; 0 while there is no metadata. */
  readonly size: number
  /** Bytes of wanted pieces, and those of them that are verified. */
  readonly wantedBytes: number
  readonly verifiedBytes: number
  /** Bytes of all verified pieces, wanted or not. */
  readonly haveBytes: number
  /** Bytes of blocks. */
  readonly downloaded: number
  readonly uploaded: number
  readonly wasted: number
  /** Bytes sent for each byte received; if none was received, for each verified byte. */
  readonly ratio: number
  /** Bytes per second. */
  readonly downSpeed: number
  readonly upSpeed: number
  /** Seconds that are left at this speed, or null while that is not known. */
  readonly eta: number | null
  readonly peers: number
  readonly seeds: number
  readonly webSeeds: number
  /** Milliseconds in all runs. */
  readonly downloadingTime: number
  readonly seedingTime: number
  /** The metadata of a magnet link, while it is fetched. */
  readonly metadata?: MetadataProgress
}

/** Describes a torrent from its record, and its run if it has one. */
export function sessionProgressOf(record: TorrentRecord, run: TorrentRun | undefined): SessionProgress {
  const own = run?.torrent.counts
  const isChecked = run !== undefined && hasChecked(run)
  const { verified: verifiedBytes, total: wantedBytes } = isChecked
    ? own!
    : { verified: record.verifiedBytes, total: record.wantedBytes }
  const haveBytes = isChecked ? haveBytesOf(run.torrent.metainfo, run.torrent.verified) : record.haveBytes
  const downloaded = record.downloaded + (own?.downloaded ?? 0)
  const uploaded = record.uploaded + (own?.uploaded ?? 0)
  return {
    size: record.size,
    ...{ wantedBytes, verifiedBytes, haveBytes, downloaded, uploaded },
    wasted: record.wasted + (own?.wasted ?? 0),
    ratio: uploaded / Math.max(1, downloaded || haveBytes),
    downSpeed: own?.downSpeed ?? 0,
    upSpeed: own?.upSpeed ?? 0,
    eta: own?.eta ?? null,
    peers: own?.peers ?? 0,
    seeds: own?.seeds ?? 0,
    webSeeds: own?.webSeeds ?? 0,
    downloadingTime: record.downloadingTime + (run?.meter.downloadingTime ?? 0),
    seedingTime: record.seedingTime + (run?.meter.seedingTime ?? 0),
    ...(own?.metadata ? { metadata: own.metadata } : {}),
  }
}

/** True if the stored pieces are known, because the initial check is done. */
export function hasChecked({ torrent }: TorrentRun): boolean {
  return torrent.state === 'downloading' || torrent.state === 'seeding'
}

/** The bytes of verified pieces. */
export function haveBytesOf(metainfo: Metainfo, verified: Bitfield): number {
  return metainfo.length - missingBytes(metainfo, verified)
}

/** Writes pieces as a record has them. */
export function formatPieces(pieces: Bitfield): string {
  if (pieces.count === 0) return 'none'
  return pieces.full ? 'all' : Buffer.from(pieces.bytes).toString('base64')
}

/** Reads pieces of a record. A value that is not a bitfield of this size stands for no pieces. */
export function parsePieces(text: string, size: number): Bitfield {
  if (text === 'all') return Bitfield.full(size)
  try {
    return text === 'none' ? new Bitfield(size) : Bitfield.from(Buffer.from(text, 'base64'), size)
  } catch {
    return new Bitfield(size)
  }
}
