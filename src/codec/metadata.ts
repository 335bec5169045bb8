/** The messages of ut_metadata (BEP 9): the info dictionary of a torrent, in pieces of 16 KiB. */
import { asDict, type BencodeDict, decode, encode, endOf, integer } from './bencode.ts'

/** Our id of ut_metadata among extended messages. */
export const UT_METADATA = 3

/** Bytes of each piece of metadata but the last. */
export const METADATA_PIECE = 16384

/** One message of ut_metadata. */
export type MetadataMessage =
  | { readonly type: 'request' | 'reject'; readonly piece: number }
  | {
      readonly type: 'data'
      readonly piece: number
      /** Bytes of all pieces, as the sender claims. Some leave it out, and some have it wrong: the info-hash decides. */
      readonly totalSize?: number
      /** 1 to 16,384 bytes; of a message that was read, a view into it. */
      readonly data: Uint8Array
    }

const TYPES = ['request', 'data', 'reject'] as const
/** Bytes of a message: a piece and its dictionary. */
const MAX_MESSAGE = METADATA_PIECE + 1024
/** The dictionary has three entries; more of them are somebody's extension. */
const LIMITS = { maxDepth: 4, maxItems: 64 }
/** No metadata that is read has more pieces. */
const MAX_PIECE = 65_535

/** How many pieces metadata of so many bytes has. */
export function metadataPieces(size: number): number {
  return Math.ceil(size / METADATA_PIECE)
}

/** Reads a message. Never throws: `undefined` for what is none, or of a type that is not known. */
export function parseMetadataMessage(payload: Uint8Array): MetadataMessage | undefined {
  if (payload.length > MAX_MESSAGE) return undefined
  let end: number
  let dict: BencodeDict | undefined
  try {
    end = endOf(payload, LIMITS)
    dict = asDict(decode(payload.subarray(0, end), LIMITS))
  } catch {
    return undefined
  }
  const type = TYPES[integer(dict?.msg_type) ?? -1]
  const piece = integer(dict?.piece) ?? -1
  if (!type || piece < 0 || piece > MAX_PIECE) return undefined
  if (type !== 'data') return { type, piece }
  const data = payload.subarray(end)
  if (data.length === 0 || data.length > METADATA_PIECE) return undefined
  const totalSize = integer(dict?.total_size)
  return { type, piece, data, ...(totalSize === undefined ? {} : { totalSize }) }
}

/** The payload of an extended message. */
export function encodeMetadataMessage(message: MetadataMessage): Buffer {
  const { type, piece } = message
  const data = type === 'data' ? message : undefined
  const head = encode({ msg_type: TYPES.indexOf(type), piece, total_size: data?.totalSize })
  return data ? Buffer.concat([head, data.data]) : head
}
