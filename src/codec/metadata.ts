/** The messages of ut_metadata, which transfer the info dictionary in pieces of 16 KiB (BEP 9). */

import { asDict, asInteger, type BencodeDict, decode, encode, endOf } from './bencode.ts'
import { checkArgument } from './check-arguments.ts'

/** Our extended message id of ut_metadata. */
export const UT_METADATA = 3

/** Length of every metadata piece but the last, in bytes. */
export const METADATA_PIECE = 16384

/** A message of ut_metadata. */
export type MetadataMessage =
  | { readonly type: 'request' | 'reject'; readonly piece: number }
  | {
      readonly type: 'data'
      readonly piece: number
      /** Length of the metadata in bytes, as claimed. It may be missing or incorrect: only the info-hash is proof. */
      readonly totalSize?: number
      /** 1 to 16,384 bytes. In a decoded message it is a view into the payload. */
      readonly data: Uint8Array
    }

const MESSAGE_TYPES = ['request', 'data', 'reject'] as const
/** Maximum length of a message in bytes: a metadata piece and its dictionary. */
const MAX_MESSAGE = METADATA_PIECE + 1024
/** Limits of the dictionary. It has three entries; the others are room for extensions. */
const DECODE_LIMITS = { maxDepth: 4, maxItems: 64 }
/** The largest index of a metadata piece that we read. */
const MAX_PIECE = 65_535

/** Returns the number of metadata pieces for `size` bytes. */
export function metadataPieces(size: number): number {
  return Math.ceil(size / METADATA_PIECE)
}

/** Decodes a message. It never throws: it returns `undefined` for an invalid message or an unknown type. */
export function parseMetadataMessage(payload: Uint8Array): MetadataMessage | undefined {
  checkArgument('payload', payload, 'bytes')
  if (payload.length > MAX_MESSAGE) return undefined
  let end: number
  let dict: BencodeDict | undefined
  try {
    end = endOf(payload, DECODE_LIMITS)
    dict = asDict(decode(payload.subarray(0, end), DECODE_LIMITS))
  } catch {
    return undefined
  }
  const type = MESSAGE_TYPES[asInteger(dict?.msg_type) ?? -1]
  const piece = asInteger(dict?.piece) ?? -1
  if (!type || piece < 0 || piece > MAX_PIECE) return undefined
  if (type !== 'data') return { type, piece }
  const data = payload.subarray(end)
  if (data.length === 0 || data.length > METADATA_PIECE) return undefined
  const totalSize = asInteger(dict?.total_size)
  return { type, piece, data, ...(totalSize === undefined ? {} : { totalSize }) }
}

/** Encodes the payload of an extended message. */
export function encodeMetadataMessage(message: MetadataMessage): Buffer {
  checkArgument('message', message, 'object')
  const { type, piece } = message
  const data = type === 'data' ? message : undefined
  const head = encode({ msg_type: MESSAGE_TYPES.indexOf(type), piece, total_size: data?.totalSize })
  return data ? Buffer.concat([head, data.data]) : head
}
