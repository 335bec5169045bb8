/** Ranges of hashes in the Merkle tree of a file, as peers request and send them (BEP 52). */
import { PeerError } from '../errors.ts'

/** Hashes next to each other in one layer of a tree, and those that prove them. */
export interface HashRange {
  /** The root of the tree, 32 bytes. */
  readonly root: Uint8Array
  /** The layer of the hashes, 0 for the leaves. */
  readonly base: number
  /** The position of the first hash in its layer, a multiple of `length`. */
  readonly index: number
  /** Number of hashes: a power of two. */
  readonly length: number
  /** Number of layers above `base` up to the highest one with a proof. */
  readonly proofLayers: number
}

/** Length of a hash in bytes. */
export const HASH_BYTES = 32

/** Length of an encoded range in bytes. */
export const RANGE_BYTES = 48

/** Maximum number of hashes in a range (BEP 52). */
export const MAX_RANGE_HASHES = 512

/** Maximum layers of a tree: more bytes than a file of 2^53 bytes need no more. */
const MAX_LAYERS = 40

/** Maximum length of a hashes message in bytes, with its id. */
export const MAX_HASHES_BYTES = 1 + RANGE_BYTES + (MAX_RANGE_HASHES + MAX_LAYERS) * HASH_BYTES

/** Encodes a range into `target` at offset `at`. @returns the offset after it */
export function encodeRange(range: HashRange, target: Buffer, at: number): number {
  target.set(range.root, at)
  at = target.writeUInt32BE(range.base, at + HASH_BYTES)
  at = target.writeUInt32BE(range.index, at)
  at = target.writeUInt32BE(range.length, at)
  return target.writeUInt32BE(range.proofLayers, at)
}

/** Decodes a range. Its numbers may have any value. `root` is a view of `bytes`. */
export function decodeRange(bytes: Buffer): HashRange {
  return {
    root: bytes.subarray(0, HASH_BYTES),
    base: bytes.readUInt32BE(32),
    index: bytes.readUInt32BE(36),
    length: bytes.readUInt32BE(40),
    proofLayers: bytes.readUInt32BE(44),
  }
}

/** Decodes the hashes after a range. @throws PeerError ERR_MESSAGE if their number is not that of the range */
export function decodeHashes(body: Buffer): HashRange & { readonly hashes: Uint8Array } {
  const range = decodeRange(body)
  const hashes = body.subarray(RANGE_BYTES)
  const expected = isRange(range) ? (range.length + countProofs(range)) * HASH_BYTES : -1
  if (hashes.length === expected) return { ...range, hashes }
  const { base, index, length, proofLayers } = range
  const place = `${length} at ${index} of layer ${base} with ${proofLayers} proof layers`
  throw new PeerError('ERR_MESSAGE', `hashes: ${hashes.length} bytes for ${place}`)
}

/** Returns true if a range has values that the protocol allows, in a tree of any height. */
export function isRange({ base, index, length, proofLayers }: HashRange): boolean {
  const isPower = length >= 2 && length <= MAX_RANGE_HASHES && (length & (length - 1)) === 0
  return isPower && index % length === 0 && base <= MAX_LAYERS && proofLayers <= MAX_LAYERS
}

/** Returns true if a tree with so many layers above its leaves contains a range and its proofs. */
export function isRangeInTree(range: HashRange, height: number): boolean {
  const { base, index, length, proofLayers } = range
  return (
    isRange(range) && base < height && index + length <= 2 ** (height - base) && proofLayers < height - base
  )
}

/** Returns the number of proofs of a range: a layer below the first uncle needs none. */
export function countProofs({ length, proofLayers }: HashRange): number {
  return Math.max(0, proofLayers - Math.log2(length) + 1)
}

/** Returns the range of a message. */
export function rangeOf({ root, base, index, length, proofLayers }: HashRange): HashRange {
  return { root, base, index, length, proofLayers }
}

/** A string that only an equal range has. */
export function rangeKey({ root, base, index, length, proofLayers }: HashRange): string {
  return `${Buffer.from(root).toString('latin1')}/${base}/${index}/${length}/${proofLayers}`
}

/** Returns the least power of two that is not less than `count`, from 2 to `MAX_RANGE_HASHES`. */
export function rangeLength(count: number): number {
  return Math.min(MAX_RANGE_HASHES, Math.max(2, 2 ** Math.ceil(Math.log2(count))))
}
