/** Reads the nodes of pieces in Merkle trees: `piece layers` beside `info`, and the roots of small files (BEP 52). */
import { DICT_TOKEN, END_TOKEN, stringSpan } from '../codec/bencode-grammar.ts'
import { rootKey } from '../codec/hash-range.ts'
import { blocksOf, heightOf, MerkleHasher, NODE_LENGTH } from '../codec/merkle.ts'
import { BLOCK_LENGTH } from '../codec/message.ts'
import { quote } from '../codec/quote.ts'
import type { Steps } from '../codec/steps.ts'
import { InputError } from '../errors.ts'
import type { FileEntry, Metainfo } from './metainfo.ts'

const ZERO_NODE = Buffer.alloc(NODE_LENGTH)
/** Hashes between two yields, about a millisecond of work. */
const NODES_PER_STEP = 512

/** The value of `piece layers`: roots and the nodes below them. */
export type PieceLayers = ReadonlyMap<string, Buffer>

/** Reads the dictionary at `start`, which was validated. @throws InputError ERR_METAINFO for anything else */
export function* readPieceLayers(bytes: Buffer, start: number): Steps<PieceLayers> {
  if (bytes[start] !== DICT_TOKEN) fail('expected a dictionary')
  const layers = new Map<string, Buffer>()
  for (let at = start + 1; bytes[at] !== END_TOKEN; ) {
    if (layers.size % NODES_PER_STEP === 0) yield
    const key = stringSpan(bytes, at)
    const root = bytes.subarray(key.start, key.end)
    if (root.length !== NODE_LENGTH) fail(`expected keys of ${NODE_LENGTH} bytes, got one of ${root.length}`)
    const kind = bytes[key.end]!
    if (kind < 0x30 || kind > 0x39) fail(`${nameOf(root)}: expected a string`)
    const value = stringSpan(bytes, key.end)
    const name = rootKey(root)
    if (layers.has(name)) fail(`${nameOf(root)} is repeated`)
    layers.set(name, bytes.subarray(value.start, value.end))
    at = value.end
  }
  return layers
}

type PieceSizes = Pick<Metainfo, 'pieceCount' | 'pieceLength'>

/**
 * Returns the nodes of all pieces, or undefined if a layer is missing. `roots` are those of all files. A file that is not longer than a piece needs no
 * layer, because its root is the node of its piece. Equal files share a layer.
 * @throws InputError ERR_METAINFO for a layer that does not belong to its root, or to no file
 */
export function* findPieceNodes(
  { pieceCount, pieceLength }: PieceSizes,
  roots: Iterable<readonly [FileEntry, Buffer]>,
  layers: PieceLayers,
): Steps<Buffer | undefined> {
  const nodes = Buffer.allocUnsafeSlow(pieceCount * NODE_LENGTH)
  /** The number of pieces that each layer was verified for. */
  const verified = new Map<string, number>()
  let complete = true
  let files = 0
  for (const [{ length, offset, path }, piecesRoot] of roots) {
    if (files++ % NODES_PER_STEP === 0) yield
    const at = (offset / pieceLength) * NODE_LENGTH
    const pieces = Math.ceil(length / pieceLength)
    if (pieces === 1) {
      nodes.set(piecesRoot, at)
      continue
    }
    const key = rootKey(piecesRoot)
    const layer = layers.get(key)
    if (!layer) {
      complete = false
      continue
    }
    if (verified.get(key) !== pieces) {
      if (layer.length !== pieces * NODE_LENGTH) {
        fail(`${quote(path)}: expected ${pieces} hashes of ${NODE_LENGTH} bytes, got ${layer.length} bytes`)
      }
      if (!(yield* rootOf(layer, pieceLength)).equals(piecesRoot)) {
        fail(`${quote(path)}: the hashes do not match the pieces root`)
      }
      yield* checkNodes(layer, path)
      verified.set(key, pieces)
    }
    nodes.set(layer, at)
  }
  const extra = [...layers.keys()].find(key => !verified.has(key))
  if (extra !== undefined)
    fail(`${nameOf(Buffer.from(extra, 'latin1'))} is not the pieces root of a file of several pieces`)
  return complete ? nodes : undefined
}

/** Zeros stand for what is beyond the end of a file. A piece with that hash could never be downloaded. */
function* checkNodes(layer: Buffer, path: string): Steps<void> {
  for (let at = 0; at < layer.length; at += NODE_LENGTH) {
    if ((at / NODE_LENGTH) % NODES_PER_STEP === 0) yield
    if (layer.readUInt32LE(at) !== 0 || layer.compare(ZERO_NODE, 0, NODE_LENGTH, at, at + NODE_LENGTH) !== 0)
      continue
    fail(`${quote(path)}: expected hashes, got zeros for piece ${at / NODE_LENGTH}`)
  }
}

/** Returns true for a torrent that cannot be verified before peers have sent its piece layers. */
export function lacksLayers({ format, pieceNodes }: Pick<Metainfo, 'format' | 'pieceNodes'>): boolean {
  return format === 'v2' && !pieceNodes
}

/** The data that `piece layers` is encoded from. */
export interface LayersSource {
  readonly files: readonly Pick<FileEntry, 'length' | 'offset' | 'piecesRoot'>[]
  readonly pieceLength: number
  readonly pieceNodes: Buffer
}

/** Encodes `piece layers` with its key. */
export function encodePieceLayers({ files, pieceLength, pieceNodes }: LayersSource): Buffer {
  const layers = new Map<string, { readonly root: Buffer; readonly layer: Buffer }>()
  for (const { length, offset, piecesRoot: root } of files) {
    if (!root || length <= pieceLength) continue
    const at = (offset / pieceLength) * NODE_LENGTH
    const layer = pieceNodes.subarray(at, at + Math.ceil(length / pieceLength) * NODE_LENGTH)
    layers.set(rootKey(root), { root, layer })
  }
  const sorted = [...layers.values()].sort((a, b) => a.root.compare(b.root))
  const entries = sorted.flatMap(({ root, layer }) => [
    Buffer.from(`${NODE_LENGTH}:`),
    root,
    Buffer.from(`${layer.length}:`),
    layer,
  ])
  return Buffer.concat([Buffer.from('12:piece layersd'), ...entries, Buffer.from('e')])
}

/** Returns the layer in the tree of a file with nodes that cover `pieceLength` bytes. */
export function pieceLayerOf(pieceLength: number): number {
  return heightOf(blocksOf(pieceLength))
}

/** Returns the root of a piece layer. */
export function* rootOf(layer: Buffer, pieceLength: number): Steps<Buffer> {
  const hasher = new MerkleHasher(pieceLayerOf(pieceLength))
  for (let at = 0; at < layer.length; at += NODE_LENGTH) {
    if ((at / NODE_LENGTH) % NODES_PER_STEP === 0) yield
    hasher.add(layer.subarray(at, at + NODE_LENGTH))
  }
  return hasher.digest()
}

/** Returns true for a piece length that BEP 52 allows: a power of two from 16 KiB. */
export function isTreePieceLength(pieceLength: number): boolean {
  return pieceLength >= BLOCK_LENGTH && Number.isInteger(Math.log2(pieceLength))
}

function nameOf(root: Buffer): string {
  return root.toString('hex')
}

function fail(what: string): never {
  throw new InputError('ERR_METAINFO', `piece layers: ${what}`)
}
