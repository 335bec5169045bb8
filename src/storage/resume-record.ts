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
import { asDict, asList, type BencodeValue, bytes, decode, encode, integer } from '../codec/bencode.ts'
import { Bitfield } from '../codec/bitfield.ts'
import { BLOCK_LENGTH } from '../codec/message.ts'
import { messageOf } from '../errors.ts'
import { Layout } from '../metainfo/layout.ts'
import type { Metainfo } from '../metainfo/metainfo.ts'
import { type FileSystem, systemCode } from '../ports/file-system.ts'
import { FileStates, STATE_LENGTH, type StatesSource, settled } from './file-states.ts'
import type { FileStorage } from './file-storage.ts'
import { NextRecordFile, readRecordFile } from './record-file.ts'
import { storageError } from './storage-error.ts'

/** Increased when older versions would misread a record. Unknown fields are ignored. */
const VERSION = 1
const SHA1 = 20
/** Minimum number of random pieces to hash, besides the last, and number of bytes up to which more are hashed. */
const SAMPLE = 8
const SAMPLE_BYTES = 64 << 20
/** Maximum number of unfinished pieces in a record. */
const MAX_PARTIAL = 2000

/** The written blocks of unfinished pieces, by piece: one bit for each block of 16 KiB. */
export type PartialBlocks = ReadonlyMap<number, Bitfield>

export interface ReadResumeRecordOptions {
  readonly fs: FileSystem
  /** The path of the record: see `resumePath`. */
  readonly path: string
  readonly metainfo: Metainfo
  /** Tells the present states of files. */
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
    record = decodeRecord(await readRecordFile(fs, path, longest(metainfo)), metainfo)
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
    sample: sampleOf(trusted, Math.max(SAMPLE, Math.floor(sampleBytes / metainfo.pieceLength)), random),
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
  const output = createHash('sha1').update(resolve(outputDirectory)).digest('hex')
  return join(stateDirectory, `${Buffer.from(infoHash).toString('hex')}-${output.slice(0, 16)}.resume`)
}

interface ResumeRecord {
  readonly pieces: Bitfield
  readonly states: FileStates
  readonly partial: PartialBlocks
}

/** A record: its bencoding (BEP 3), and the SHA-1 of that. */
function encodeRecord({ pieces, states, partial }: ResumeRecord, { infoHash, files }: Metainfo): Buffer {
  const body = encode({
    version: VERSION,
    'info-hash': infoHash,
    pieces: pieces.bytes,
    files: files.map((_, index) => (states.has(index) ? states.at(index) : '')),
    partial: [...partial].map(([index, blocks]) => [index, blocks.bytes]),
  })
  return Buffer.concat([body, sha1(body)])
}

/** Decodes a record. Throws an Error if it is not a valid record of this torrent. */
function decodeRecord(record: Buffer, metainfo: Metainfo): ResumeRecord {
  const { infoHash, pieceCount, files } = metainfo
  const body = record.subarray(0, -SHA1)
  if (!sha1(body).equals(record.subarray(-SHA1))) throw new Error('it is torn, or was edited')
  const fields = asDict(decode(body, { maxItems: files.length + 3 * MAX_PARTIAL + 100 }))
  const version = integer(fields?.version)
  if (version !== VERSION) throw new Error(`it is of version ${version}, and only ${VERSION} is known here`)
  if (!bytes(fields?.['info-hash'])?.equals(infoHash)) throw new Error('it is of another torrent')
  const states = asList(fields?.files)?.map(bytes)
  if (states?.length !== files.length) throw new Error(`it does not tell of ${files.length} files`)
  return {
    pieces: Bitfield.from(bytes(fields?.pieces) ?? Buffer.alloc(0), pieceCount),
    states: decodeStates(states),
    partial: decodePartial(fields?.partial, metainfo),
  }
}

function decodeStates(encoded: readonly (Uint8Array | undefined)[]): FileStates {
  const states = new FileStates(encoded.length)
  for (const [index, state] of encoded.entries())
    if (state?.length === STATE_LENGTH) states.at(index).set(state)
  return states
}

/** Returns the blocks, without those of pieces that the torrent does not have. */
function decodePartial(value: BencodeValue | undefined, metainfo: Metainfo): PartialBlocks {
  const partial = new Map<number, Bitfield>()
  for (const entry of asList(value)?.slice(0, MAX_PARTIAL) ?? []) {
    const [first, second] = asList(entry) ?? []
    const index = integer(first) ?? -1
    const blocks = bytes(second)
    if (index < 0 || index >= metainfo.pieceCount || !blocks) continue
    const bits = new Bitfield(blocksOf(index, metainfo))
    if (blocks.length !== bits.bytes.length) continue
    for (let block = 0; block < bits.size; block++)
      if (blocks[block >> 3]! & (0x80 >> (block & 7))) bits.add(block)
    partial.set(index, bits)
  }
  return partial
}

/** Returns the number of blocks of a piece. */
function blocksOf(index: number, { length, pieceLength }: Metainfo): number {
  return Math.ceil(Math.min(pieceLength, length - index * pieceLength) / BLOCK_LENGTH)
}

/** Returns the maximum length of a record of this torrent in bytes. */
function longest(metainfo: Metainfo): number {
  const { files, pieceCount } = metainfo
  const partial = Math.min(pieceCount, MAX_PARTIAL) * (30 + Math.ceil(blocksOf(0, metainfo) / 8))
  return 200 + Math.ceil(pieceCount / 8) + files.length * (STATE_LENGTH + '40:'.length) + partial + SHA1
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

/** Selects the sample. Inputs: the trusted pieces, the number to take, and randomness. */
function sampleOf(trusted: Bitfield, most: number, random: () => number): number[] {
  const pieces = [...trusted]
  const last = pieces.pop()
  if (last === undefined) return []
  const count = Math.min(most, pieces.length)
  for (let at = 0; at < count; at++) {
    const other = at + Math.floor(random() * (pieces.length - at))
    const chosen = pieces[other]!
    pieces[other] = pieces[at]!
    pieces[at] = chosen
  }
  return [...pieces.slice(0, count), last]
}

function sha1(data: Uint8Array): Buffer {
  return createHash('sha1').update(data).digest()
}
