import type { Metainfo } from '../../metainfo/metainfo.ts'
import type { Storage } from '../../storage/storage.ts'

/** The parts of a torrent that decide how its memory is used. */
export interface PipelineMemory {
  readonly metainfo: Pick<Metainfo, 'pieceLength'>
  readonly storage: Pick<Storage, 'window'>
  /** True to fetch only what readers need soon. */
  readonly onDemand?: boolean
}

/** The share of memory for active pieces. */
const PIECES_SHARE = 13 / 32
/** The same for readers: the further ahead of them, the longer a slow peer may take. */
const WINDOW_SHARE = 7 / 16
/** Minimum number of active pieces, whatever their length. */
const MIN_ADMITTED_PIECES = 4
/** Bytes ahead of readers of a disk that are downloaded before all others. */
const READ_AHEAD_BYTES = 16 << 20

/** Bytes of pieces that are written at once, and the least and the most pieces. */
const WRITTEN_BYTES = 1 << 20
const MIN_WRITTEN_PIECES = 4
const MAX_WRITTEN_PIECES = 16

/** Returns the maximum of active pieces. The rest of the memory is for sockets and garbage. @param bytes of memory */
export function admittedPieces({ metainfo, storage }: PipelineMemory, bytes: number): number {
  const share = storage.window ? WINDOW_SHARE : PIECES_SHARE
  return Math.max(MIN_ADMITTED_PIECES, Math.floor((bytes * share) / metainfo.pieceLength))
}

/** Returns the maximum of pieces that are written at once. Small pieces may be of many files, which are written in groups. */
export function writtenPieces({ metainfo, storage }: PipelineMemory, admitted: number): number {
  if (storage.window) return admitted
  const small = Math.floor(WRITTEN_BYTES / metainfo.pieceLength)
  return Math.min(MAX_WRITTEN_PIECES, Math.max(MIN_WRITTEN_PIECES, small))
}

/** Returns the maximum of pieces ahead of readers. @param admitted the maximum of active pieces */
export function readAheadPieces({ metainfo, onDemand, storage }: PipelineMemory, admitted: number): number {
  if (onDemand || storage.window) return admitted
  return Math.min(admitted, Math.max(2, Math.ceil(READ_AHEAD_BYTES / metainfo.pieceLength)))
}
