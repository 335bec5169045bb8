/** Ranges of hashes in the Merkle tree of a file, as peers request and send them (BEP 52). */
import { PeerError } from '../errors.ts'

/** Hashes next to each other in one layer of a tree, and those that prove them. */
export interface HashRange {
  /** The root of the tree, 32 bytes. */
  readonly root: Uint8Array
  /** The layer of the hashes, 0 for the leaves. */
  readonly base: number
  /** The position of the first hash in its layer, a multiple of `widthOf` the range. */
  readonly index: number
  /** Number of hashes: a power of two of at least 2, or fewer if the layer ends there. */
  readonly length: number
  /** Number of layers above `base` up to the highest one with a proof. */
  readonly proofLayers: number
}

/** Length of a hash in bytes: a node of a Merkle tree. */
export const NODE_LENGTH = 32

/** Length of an encoded range in bytes. */
export const RANGE_BYTES = 48

/** Maximum number of hashes in a range (BEP 52). */
const MAX_RANGE_HASHES = 512

/** Maximum layers of a tree: more bytes than a file of 2^53 bytes need no more. */
const MAX_LAYERS = 40

/** Encodes a range into `target` at offset `at`. @returns the offset after it */
export function encodeRange(range: HashRange, target: Buffer, at: number): number {
  target.set(range.root, at)
  at = target.writeUInt32BE(range.base, at + NODE_LENGTH)
  at = target.writeUInt32BE(range.index, at)
  at = target.writeUInt32BE(range.length, at)
  return target.writeUInt32BE(range.proofLayers, at)
}

/** Decodes a range. Its numbers may have any value. `root` is a view of `bytes`. */
export function decodeRange(bytes: Buffer): HashRange {
  return {
    root: bytes.subarray(0, NODE_LENGTH),
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
  const expected = isRange(range) ? (range.length + countProofs(range)) * NODE_LENGTH : -1
  if (hashes.length === expected) return { ...range, hashes }
  const { base, index, length, proofLayers } = range
  const place = `${length} at ${index} of layer ${base} with ${proofLayers} proof layers`
  throw new PeerError('ERR_MESSAGE', `hashes: ${hashes.length} bytes for ${place}`)
}

/** Returns the number of hashes of a range in a layer without an end: a power of two of at least 2. */
export function widthOf({ length }: Pick<HashRange, 'length'>): number {
  return Math.max(2, 2 ** Math.ceil(Math.log2(length)))
}

/** Returns true if a range has values that the protocol allows, in a tree of any height. */
export function isRange(range: HashRange): boolean {
  const { base, index, length, proofLayers } = range
  const isLength = length >= 1 && length <= MAX_RANGE_HASHES
  return isLength && index % widthOf(range) === 0 && base <= MAX_LAYERS && proofLayers <= MAX_LAYERS
}

/** The tree of a file. */
export interface TreeShape {
  /** Number of layers above the leaves. */
  readonly height: number
  /** Returns the number of nodes of a layer that cover bytes of the file. */
  countNodes(layer: number): number
}

/**
 * Returns true if a tree contains a range and its proofs. The length of a range is a power of two unless the last node of the
 * layer cuts it (BEP 52).
 */
export function isRangeInTree(range: HashRange, tree: TreeShape): boolean {
  const { base, index, length, proofLayers } = range
  const layers = tree.height - base
  if (!isRange(range) || layers <= 0 || proofLayers >= layers || index + length > 2 ** layers) return false
  return length === widthOf(range) || index + length === tree.countNodes(base)
}

/** Returns the number of proofs of a range: a layer below the first uncle needs none. */
export function countProofs(range: HashRange): number {
  return Math.max(0, range.proofLayers - Math.log2(widthOf(range)) + 1)
}

/** Returns the range of a message. */
export function rangeOf({ root, base, index, length, proofLayers }: HashRange): HashRange {
  return { root, base, index, length, proofLayers }
}

/** A string that only an equal range has. */
export function rangeKey({ root, base, index, length, proofLayers }: HashRange): string {
  return `${rootKey(root)}/${base}/${index}/${length}/${proofLayers}`
}

/** Returns the least power of two that is not less than `count`, from 2 to `MAX_RANGE_HASHES`. */
export function rangeLength(count: number): number {
  return Math.min(MAX_RANGE_HASHES, Math.max(2, 2 ** Math.ceil(Math.log2(count))))
}

/** Returns a pieces root as the key of a map. */
export function rootKey(root: Uint8Array): string {
  return Buffer.from(root).toString('latin1')
}
