/**
 * What survives a restart without hashing everything again: which pieces were verified and on the device, and in
 * which state their files were then. Why it does not lie:
 *
 * - Its pieces were at rest before `sync` began, so their bytes are on the device before it is written.
 * - We never write to a verified piece again. A write of ours before, during or after the stat touches other bytes:
 *   it makes the record stale, or changes nothing that it speaks of.
 * - Somebody else's write after the stat moves `ctimeNs`: `settled` takes no state while the clock can still give
 *   out the same time. One before the stat is believed, as by the running download; the sample is for that.
 * - The older record stays until the new one is whole, and a torn one fails its checksum.
 * - Of blocks of unfinished pieces it proves nothing: they are hashed with their piece.
 */
import { createHash } from 'node:crypto'
import { join, resolve } from 'node:path'
import { asDict, asList, type BencodeValue, bytes, decode, encode, integer } from '../codec/bencode.ts'
import { Bitfield } from '../codec/bitfield.ts'
import { BLOCK_LENGTH } from '../codec/message.ts'
import { messageOf } from '../errors.ts'
import { Layout } from '../metainfo/layout.ts'
import type { Metainfo } from '../metainfo/metainfo.ts'
import { type FileState, type FileSystem, systemCode } from '../ports/file-system.ts'
import { encodeState, look, STATE_LENGTH, settled } from './file-states.ts'
import type { FileStorage } from './file-storage.ts'
import { NextRecordFile, readRecordFile } from './record-file.ts'
import { storageError } from './storage-error.ts'

/** Grows when older versions would misread a record; fields that one does not know it passes over. */
const VERSION = 1
const SHA1 = 20
/** Pieces to hash by chance, besides the last: so many at least, and more up to so many bytes, which take no time. */
const SAMPLE = 8
const SAMPLE_BYTES = 64 << 20
/** Unfinished pieces that a record names at most. */
const MAX_PARTIAL = 2000

/** Which blocks of unfinished pieces are at rest, by piece: one bit a block of 16 KiB. */
export type PartialBlocks = ReadonlyMap<number, Bitfield>

export interface ReadResumeRecordOptions {
  readonly fs: FileSystem
  /** Where the record is: see `resumePath`. */
  readonly path: string
  readonly metainfo: Metainfo
  readonly storage: Pick<FileStorage, 'stat'>
  /** From 0 to below 1; picks the sample. @default Math.random */
  readonly random?: () => number
  /** Bytes of trusted pieces to hash by chance; eight pieces in any case. @default 64 MiB */
  readonly sampleBytes?: number
}

/** What a record is good for. */
export interface ResumedPieces {
  /** Pieces that need not be hashed, if the sample proves right. */
  readonly trusted: Bitfield
  /** Trusted pieces to hash: some by chance, and the last one. If one of them is wrong, trust none. */
  readonly sample: readonly number[]
  /** Blocks of unfinished pieces that were at rest. They may have changed since. */
  readonly partial: PartialBlocks
  /** Why not every piece of the record is trusted, where that is so. */
  readonly reason?: string
}

export interface WriteResumeRecordOptions {
  readonly fs: FileSystem
  /** Where the record goes, see `resumePath`; its directory is made. */
  readonly path: string
  readonly metainfo: Metainfo
  readonly storage: Pick<FileStorage, 'stat' | 'sync'>
  /** Pieces whose hash was right and whose `write` has resolved. Copied before anything else happens. */
  readonly verified: Bitfield
  /** Blocks of unfinished pieces whose `write` has resolved; 2,000 pieces at most are recorded. @default none */
  readonly partial?: PartialBlocks
}

/**
 * Which pieces an earlier run vouches for: those all of whose files are exactly as they were.
 * A record that cannot be used vouches for none. Rejects only where the storage is closed.
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
  const recorded = [...record.states.keys()]
  const found = await look(storage, recorded)
  const same = recorded.filter(index => {
    const state = found.get(index)
    return state !== undefined && encodeState(state).equals(record.states.get(index)!)
  })
  const trusted = coveredBy(new Map(same.map(index => [index, found.get(index)!])), record.pieces, metainfo)
  const doubtful = record.pieces.count - trusted.count
  return {
    trusted,
    sample: sampleOf(trusted, Math.max(SAMPLE, Math.floor(sampleBytes / metainfo.pieceLength)), random),
    partial: record.partial,
    ...(doubtful > 0 && {
      reason: `${doubtful} of the ${record.pieces.count} pieces in ${path} are doubtful: ${
        recorded.length - same.length
      } of ${recorded.length} files are not as they were`,
    }),
  }
}

/**
 * Syncs the storage, then puts a record of `verified` in place of the one before. Rejects with a StorageError.
 * A file that somebody keeps writing to is left out: its state would be stale at once.
 */
export async function writeResumeRecord(options: WriteResumeRecordOptions): Promise<void> {
  const { fs, path, metainfo, storage } = options
  const partial = new Map([...(options.partial ?? [])].slice(0, MAX_PARTIAL))
  // Before the sync: a piece that comes to rest while it runs may not be on the device at its end.
  const pieces = Bitfield.from(Uint8Array.from(options.verified.bytes), metainfo.pieceCount)
  await storage.sync()
  try {
    const next = await NextRecordFile.open(fs, path)
    try {
      const states = await settled(storage, filesOf(pieces, metainfo), next)
      await next.commit(encodeRecord({ pieces, states, partial }, metainfo))
    } catch (error) {
      await next.abandon()
      throw error
    }
  } catch (error) {
    throw storageError('write', path, error)
  }
}

/** Where the record of a download is: one for each torrent and output directory. */
export function resumePath(stateDirectory: string, infoHash: Uint8Array, outputDirectory: string): string {
  const output = createHash('sha1').update(resolve(outputDirectory)).digest('hex')
  return join(stateDirectory, `${Buffer.from(infoHash).toString('hex')}-${output.slice(0, 16)}.resume`)
}

interface ResumeRecord {
  readonly pieces: Bitfield
  /** By file index, as `encodeState` gives it. */
  readonly states: ReadonlyMap<number, Buffer>
  readonly partial: PartialBlocks
}

/** Bencoding (BEP 3), and the SHA-1 of it. */
function encodeRecord({ pieces, states, partial }: ResumeRecord, { infoHash, files }: Metainfo): Buffer {
  const body = encode({
    version: VERSION,
    'info-hash': infoHash,
    pieces: pieces.bytes,
    files: files.map((_, index) => states.get(index) ?? ''),
    partial: [...partial].map(([index, blocks]) => [index, blocks.bytes]),
  })
  return Buffer.concat([body, sha1(body)])
}

/** Throws an Error that says why these bytes are no record of this torrent. */
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
  const there = [...states.entries()].filter(
    (entry): entry is [number, Buffer] => entry[1]?.length === STATE_LENGTH,
  )
  return {
    pieces: Bitfield.from(bytes(fields?.pieces) ?? Buffer.alloc(0), pieceCount),
    states: new Map(there),
    partial: decodePartial(fields?.partial, metainfo),
  }
}

/** Passes over what is of no piece of this torrent. */
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

/** How many blocks a piece has. */
function blocksOf(index: number, { length, pieceLength }: Metainfo): number {
  return Math.ceil(Math.min(pieceLength, length - index * pieceLength) / BLOCK_LENGTH)
}

/** Bytes that a record of this torrent has at most. */
function longest(metainfo: Metainfo): number {
  const { files, pieceCount } = metainfo
  const partial = Math.min(pieceCount, MAX_PARTIAL) * (30 + Math.ceil(blocksOf(0, metainfo) / 8))
  return 200 + Math.ceil(pieceCount / 8) + files.length * (STATE_LENGTH + '40:'.length) + partial + SHA1
}

/** The pieces whose every byte lies within these files as they are, or is padding (BEP 47). */
function coveredBy(files: ReadonlyMap<number, FileState>, pieces: Bitfield, metainfo: Metainfo): Bitfield {
  const covered = new Bitfield(pieces.size)
  for (const [piece, spans] of spansOf(pieces, metainfo)) {
    const all = spans.every(
      ({ file, fileIndex, offset, length }) =>
        file.pad || (files.get(fileIndex)?.size ?? 0n) >= BigInt(offset + length),
    )
    if (all) covered.add(piece)
  }
  return covered
}

/** The files that hold bytes of these pieces. */
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

/** Depends on: the trusted pieces, how many of them to take, and chance. */
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
