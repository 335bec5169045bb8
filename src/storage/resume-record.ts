/**
 * The resume record: the pieces that were verified and on the device, and the states of their files. After a restart
 * these pieces need no hashing. Why a record can be trusted:
 *
 * - Its pieces were written before `sync` began, so their bytes are on the device before the record is written.
 * - We never write to a verified piece again. A write of ours before, during or after the stat changes other bytes: it
 *   makes the record stale, or changes nothing in it.
 * - A write by another program after the stat changes `ctimeNs`: `settled` takes no state while a new write could get
 *   the same time. A write before the stat is not noticed, so a sample of the pieces is hashed.
 * - The older record stays until the new one is complete, and an incomplete one fails its checksum.
 * - Blocks of unfinished pieces are not trusted: they are hashed with their piece.
 */

import { createHash } from 'node:crypto'
import { join, resolve } from 'node:path'
import { Bitfield } from '../codec/bitfield.ts'
import { checkArgument } from '../codec/check-arguments.ts'
import { messageOf } from '../errors.ts'
import { Layout } from '../metainfo/layout.ts'
import type { Metainfo } from '../metainfo/metainfo.ts'
import { type FileSystem, systemCode } from '../ports/file-system.ts'
import { FileStates, type StatesSource, settled } from './file-states.ts'
import type { FileStorage } from './file-storage.ts'
import { NextRecordFile, readRecordFile } from './record-file.ts'
import {
  decodeRecord,
  encodeRecord,
  MAX_PARTIAL,
  maxRecordLength,
  type PartialBlocks,
  type ResumeRecord,
} from './resume-encoding.ts'
import { storageError } from './storage-error.ts'

/** Minimum number of random pieces to hash, besides the last, and number of bytes up to which more are hashed. */
const SAMPLE_PIECES = 8
const SAMPLE_BYTES = 64 << 20
/** Approximate number of files up to which more pieces are hashed: to open a small file takes longer than to hash it. */
const SAMPLE_FILES = 4096

export interface ReadResumeRecordOptions {
  readonly fs: FileSystem
  /** The path of the record: see `resumePath`. */
  readonly path: string
  readonly metainfo: Metainfo
  /** Returns the present states of files. */
  readonly storage: StatesSource
  /** Returns a number from 0 up to, but not including, 1. It selects the sample. @default Math.random */
  readonly random?: () => number
  /** Number of bytes of random trusted pieces to hash, but at least eight pieces. @default 64 MiB */
  readonly sampleBytes?: number
}

/** The content of a record. */
export interface ResumedPieces {
  /** Pieces that need no hashing if the sample is correct. */
  readonly trusted: Bitfield
  /** Trusted pieces to hash: random ones and the last one. If one of them is wrong, no piece is trusted. */
  readonly sample: readonly number[]
  /** Blocks of unfinished pieces that were written. They may have changed since. */
  readonly partial: PartialBlocks
  /** The reason if not every piece of the record is trusted. */
  readonly reason?: string
}

export interface WriteResumeRecordOptions {
  readonly fs: FileSystem
  /** The path of the record: see `resumePath`. Its directory is made. */
  readonly path: string
  readonly metainfo: Metainfo
  readonly storage: StatesSource & Pick<FileStorage, 'sync'>
  /** Verified and stored pieces. They are copied at once. */
  readonly verified: Bitfield
  /** Stored blocks of unfinished pieces, of at most 2,000 pieces. @default none */
  readonly partial?: PartialBlocks
}

/**
 * Reads a record. Trusts the pieces of files that have not changed since. A record that cannot be used gives no pieces.
 * Rejects only if the storage is closed.
 */
export async function readResumeRecord(options: ReadResumeRecordOptions): Promise<ResumedPieces> {
  const { fs, path, metainfo, storage, random = Math.random, sampleBytes = SAMPLE_BYTES } = options
  let record: ResumeRecord
  try {
    record = decodeRecord(await readRecordFile(fs, path, maxRecordLength(metainfo)), metainfo)
  } catch (error) {
    const missing = systemCode(error) === 'ENOENT'
    const reason = missing ? `no resume record at ${path}` : `no use of ${path}: ${messageOf(error)}`
    return { trusted: new Bitfield(metainfo.pieceCount), sample: [], partial: new Map(), reason }
  }
  const recorded = [...metainfo.files.keys()].filter(index => record.states.has(index))
  const found = await storage.states(recorded)
  const same = new FileStates(metainfo.files.length)
  let changed = 0
  for (const [at, index] of recorded.entries()) {
    if (record.states.equals(index, found, at)) same.copy(index, found, at)
    else changed++
  }
  const trusted = coveredBy(same, record.pieces, metainfo)
  const doubtful = record.pieces.count - trusted.count
  return {
    trusted,
    sample: sampleOf(trusted, sampleSize(metainfo, sampleBytes), random),
    partial: record.partial,
    ...(doubtful > 0 && {
      reason: `${doubtful} of the ${record.pieces.count} pieces in ${path} are doubtful: ${
        changed
      } of ${recorded.length} files are not as they were`,
    }),
  }
}

/**
 * Syncs the storage, then replaces the record. Rejects with StorageError. A file that another program keeps writing is
 * left out, since its state would be stale at once.
 */
export async function writeResumeRecord(options: WriteResumeRecordOptions): Promise<void> {
  const { fs, path, metainfo, storage } = options
  const partial = new Map([...(options.partial ?? [])].slice(0, MAX_PARTIAL))
  // Copied before the sync: a piece that is written during the sync may not be on the device at its end.
  const pieces = Bitfield.from(Uint8Array.from(options.verified.bytes), metainfo.pieceCount)
  await storage.sync()
  try {
    const next = await NextRecordFile.open(fs, path)
    try {
      const states = await settled(storage, filesOf(pieces, metainfo), metainfo.files.length, next)
      await next.commit(encodeRecord({ pieces, states, partial }, metainfo))
    } catch (error) {
      await next.abandon()
      throw error
    }
  } catch (error) {
    throw storageError('write', path, error)
  }
}

/** Returns the path of the record of a torrent and an output directory. */
export function resumePath(stateDirectory: string, infoHash: Uint8Array, outputDirectory: string): string {
  checkArgument('stateDirectory', stateDirectory, 'text')
  checkArgument('infoHash', infoHash, 'id')
  checkArgument('outputDirectory', outputDirectory, 'text')
  const output = createHash('sha1').update(resolve(outputDirectory)).digest('hex')
  return join(stateDirectory, `${Buffer.from(infoHash).toString('hex')}-${output.slice(0, 16)}.resume`)
}

/** Returns the pieces of which all bytes are in these files or are padding (BEP 47). */
function coveredBy(states: FileStates, pieces: Bitfield, metainfo: Metainfo): Bitfield {
  const covered = new Bitfield(pieces.size)
  for (const [piece, spans] of spansOf(pieces, metainfo)) {
    const all = spans.every(
      ({ file, fileIndex, offset, length }) => file.pad || states.sizeOf(fileIndex) >= offset + length,
    )
    if (all) covered.add(piece)
  }
  return covered
}

/** Returns the files that contain bytes of these pieces. */
function filesOf(pieces: Bitfield, metainfo: Metainfo): number[] {
  const files = new Set<number>()
  for (const [, spans] of spansOf(pieces, metainfo))
    for (const { file, fileIndex } of spans) if (!file.pad) files.add(fileIndex)
  return [...files]
}

function* spansOf(pieces: Bitfield, metainfo: Metainfo) {
  const layout = new Layout(metainfo)
  for (const piece of pieces) {
    const { position, length } = layout.pieceRange(piece)
    yield [piece, layout.spans(position, length)] as const
  }
}

/** Returns the number of random pieces in the sample. */
function sampleSize({ files, pieceCount, pieceLength }: Metainfo, sampleBytes: number): number {
  const piecesOfFiles = (SAMPLE_FILES * pieceCount) / files.length
  return Math.max(SAMPLE_PIECES, Math.floor(Math.min(sampleBytes / pieceLength, piecesOfFiles)))
}

/** Selects the sample. Inputs: the trusted pieces, the number to take, and randomness. */
function sampleOf(trusted: Bitfield, maxCount: number, random: () => number): number[] {
  const pieces = [...trusted]
  const last = pieces.pop()
  if (last === undefined) return []
  const count = Math.min(maxCount, pieces.length)
  for (let at = 0; at < count; at++) {
    const other = at + Math.floor(random() * (pieces.length - at))
    const chosen = pieces[other]!
    pieces[other] = pieces[at]!
    pieces[at] = chosen
  }
  return pieces.slice(0, count).concat(last)
}
