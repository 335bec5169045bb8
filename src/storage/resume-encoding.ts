/** The format of resume records: bencoding (BEP 3), and its SHA-1. */
import { createHash } from 'node:crypto'
import { asBytes, asDict, asInteger, asList, type BencodeValue, decode, encode } from '../codec/bencode.ts'
import { Bitfield } from '../codec/bitfield.ts'
import { BLOCK_LENGTH } from '../codec/message.ts'
import { Layout } from '../metainfo/layout.ts'
import type { Metainfo } from '../metainfo/metainfo.ts'
import { FILE_STATE_BYTES, FileStates } from './file-states.ts'

/** Increased when older versions would misread a record. Unknown fields are ignored. */
const RECORD_VERSION = 1
const SHA1_BYTES = 20
/** Maximum number of unfinished pieces in a record. */
export const MAX_PARTIAL = 2000

/** The written blocks of unfinished pieces, by piece: one bit for each block of 16 KiB. */
export type PartialBlocks = ReadonlyMap<number, Bitfield>

/** The content of a resume record. */
export interface ResumeRecord {
  readonly pieces: Bitfield
  readonly states: FileStates
  readonly partial: PartialBlocks
}

/** A record: its bencoding (BEP 3), and the SHA-1 of that. */
export function encodeRecord({ pieces, states, partial }: ResumeRecord, { infoHash }: Metainfo): Buffer {
  const rest = encode({
    version: RECORD_VERSION,
    'info-hash': infoHash,
    pieces: pieces.bytes,
    partial: [...partial].map(([index, blocks]) => [index, blocks.bytes]),
  })
  // The key `files` sorts before the others.
  const body = Buffer.concat([Buffer.from('d5:files'), encodeStates(states), rest.subarray(1)])
  return Buffer.concat([body, checksumOf(body)])
}

/** Encodes a list of strings: a state of each file, or nothing. It makes no objects, of which there would be many. */
function encodeStates(states: FileStates): Buffer {
  const known = Buffer.from(`${FILE_STATE_BYTES}:`)
  const unknown = Buffer.from('0:')
  const encoded = Buffer.allocUnsafe(2 + states.count * (known.length + FILE_STATE_BYTES))
  let at = encoded.write('l')
  for (let index = 0; index < states.count; index++) {
    const isKnown = states.has(index)
    at += (isKnown ? known : unknown).copy(encoded, at)
    if (!isKnown) continue
    const start = index * FILE_STATE_BYTES
    at += states.bytes.copy(encoded, at, start, start + FILE_STATE_BYTES)
  }
  at += encoded.write('e', at)
  return encoded.subarray(0, at)
}

/** Decodes a record. Throws an Error if it is not a valid record of this torrent. */
export function decodeRecord(record: Buffer, metainfo: Metainfo): ResumeRecord {
  const { infoHash, pieceCount, files } = metainfo
  const body = record.subarray(0, -SHA1_BYTES)
  if (!checksumOf(body).equals(record.subarray(-SHA1_BYTES))) throw new Error('it is torn, or was edited')
  const fields = asDict(decode(body, { maxItems: files.length + 3 * MAX_PARTIAL + 100 }))
  const version = asInteger(fields?.version)
  if (version !== RECORD_VERSION)
    throw new Error(`it is of version ${version}, and only ${RECORD_VERSION} is known here`)
  if (!asBytes(fields?.['info-hash'])?.equals(infoHash)) throw new Error('it is of another torrent')
  const states = asList(fields?.files)?.map(asBytes)
  if (states?.length !== files.length) throw new Error(`it does not tell of ${files.length} files`)
  return {
    pieces: Bitfield.from(asBytes(fields?.pieces) ?? Buffer.alloc(0), pieceCount),
    states: decodeStates(states),
    partial: decodePartial(fields?.partial, metainfo),
  }
}

function decodeStates(encoded: readonly (Uint8Array | undefined)[]): FileStates {
  const states = new FileStates(encoded.length)
  for (const [index, state] of encoded.entries())
    if (state?.length === FILE_STATE_BYTES) states.at(index).set(state)
  return states
}

/** Returns the blocks, without those of pieces that the torrent does not have. */
function decodePartial(value: BencodeValue | undefined, metainfo: Metainfo): PartialBlocks {
  const partial = new Map<number, Bitfield>()
  const layout = new Layout(metainfo)
  for (const entry of asList(value)?.slice(0, MAX_PARTIAL) ?? []) {
    const [first, second] = asList(entry) ?? []
    const index = asInteger(first) ?? -1
    const blocks = asBytes(second)
    if (index < 0 || index >= metainfo.pieceCount || !blocks) continue
    const bits = new Bitfield(blocksOf(index, layout))
    if (blocks.length !== bits.bytes.length) continue
    for (let block = 0; block < bits.size; block++)
      if (blocks[block >> 3]! & (0x80 >> (block & 7))) bits.add(block)
    partial.set(index, bits)
  }
  return partial
}

/** Returns the number of blocks of a piece. */
function blocksOf(index: number, layout: Layout): number {
  return Math.ceil(layout.pieceSize(index) / BLOCK_LENGTH)
}

/** Returns the maximum length of a record of this torrent in bytes. */
export function maxRecordLength(metainfo: Metainfo): number {
  const { files, pieceCount } = metainfo
  const partial =
    Math.min(pieceCount, MAX_PARTIAL) * (30 + Math.ceil(metainfo.pieceLength / BLOCK_LENGTH / 8))
  return (
    200 + Math.ceil(pieceCount / 8) + files.length * (FILE_STATE_BYTES + '40:'.length) + partial + SHA1_BYTES
  )
}

function checksumOf(data: Uint8Array): Buffer {
  return createHash('sha1').update(data).digest()
}
