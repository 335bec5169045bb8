import { createHash, type Hash, hash } from 'node:crypto'
import { MerkleHasher } from '../codec/merkle.ts'
import { BLOCK_LENGTH } from '../codec/message.ts'

/** Bytes of zeros that are hashed at once. */
const ZERO_BLOCK = Buffer.alloc(BLOCK_LENGTH)

/** Hashes one piece of a v2 or hybrid torrent: each byte once for its Merkle tree (BEP 52), and once for SHA-1 (BEP 3). */
export class PieceDigest {
  readonly #tree = new MerkleHasher()
  readonly #sha1: Hash | undefined
  /** The hash of a block that has not arrived whole. */
  #leaf: Hash | undefined
  #length = 0

  /** @param hasSha1 true for a hybrid torrent */
  constructor(hasSha1: boolean) {
    if (hasSha1) this.#sha1 = createHash('sha1')
  }

  /** Number of bytes so far. */
  get length(): number {
    return this.#length
  }

  /** Hashes the next bytes. The caller may reuse `chunk` afterwards. */
  update(chunk: Uint8Array): void {
    this.#sha1?.update(chunk)
    for (let at = 0; at < chunk.length; ) {
      const part = chunk.subarray(at, at + BLOCK_LENGTH - (this.#length % BLOCK_LENGTH))
      if (part.length === BLOCK_LENGTH) this.#tree.addBlock(part)
      else this.#updateLeaf(part)
      this.#length += part.length
      at += part.length
    }
  }

  /**
   * Returns the node of the piece in the tree of its file. Call it once, at the end.
   * @param height the number of layers between the leaves and the node
   */
  node(height: number): Buffer {
    if (this.#leaf) this.#tree.add(this.#leaf.digest())
    return this.#tree.digest(height)
  }

  /** Returns the SHA-1 hash of the piece and of `padding` zeros after it. Call it once, at the end, for a hybrid torrent. */
  sha1(padding: number): Buffer {
    for (let left = padding; left > 0; left -= BLOCK_LENGTH) this.#sha1!.update(ZERO_BLOCK.subarray(0, left))
    return this.#sha1!.digest()
  }

  #updateLeaf(part: Uint8Array): void {
    this.#leaf ??= createHash('sha256')
    this.#leaf.update(part)
    if ((this.#length + part.length) % BLOCK_LENGTH > 0) return
    this.#tree.add(this.#leaf.digest())
    this.#leaf = undefined
  }
}

/** The parts of a piece of a v2 or hybrid torrent. */
export interface PieceShape {
  /** Bytes of its file in it. */
  readonly length: number
  /** Number of layers between the leaves and the node of the piece. */
  readonly height: number
  /** Bytes of padding at its end, which its SHA-1 hash covers. Missing if the format is v2. */
  readonly padding?: number
}

/**
 * Hashes a whole piece in memory, in the form of `PieceTrees.expected`.
 * @param shape for a piece of a v2 or hybrid torrent @default the SHA-1 hash
 */
export function digestPiece(bytes: Uint8Array, shape?: PieceShape): Uint8Array {
  if (!shape) return hash('sha1', bytes, 'buffer')
  const tree = new PieceDigest(false)
  tree.update(bytes.subarray(0, shape.length))
  const node = tree.node(shape.height)
  return shape.padding === undefined ? node : Buffer.concat([hash('sha1', bytes, 'buffer'), node])
}
