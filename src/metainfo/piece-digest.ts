import { createHash } from 'node:crypto'
import { MerkleHasher } from '../codec/merkle.ts'
import { BLOCK_LENGTH } from '../codec/message.ts'

/** Bytes of zeros that are hashed at once. */
const ZEROS = Buffer.alloc(BLOCK_LENGTH)

/** Hashes one piece of a v2 or hybrid torrent: each byte once for its Merkle tree (BEP 52), and once for SHA-1 (BEP 3). */
export class PieceDigest {
  readonly #tree = new MerkleHasher()
  readonly #sha1 = createHash('sha1')
  readonly #hasSha1: boolean
  #leaf = createHash('sha256')
  #length = 0

  /** @param hasSha1 true for a hybrid torrent */
  constructor(hasSha1: boolean) {
    this.#hasSha1 = hasSha1
  }

  /** Number of bytes so far. */
  get length(): number {
    return this.#length
  }

  /** Hashes the next bytes. The caller may reuse `chunk` afterwards. */
  update(chunk: Uint8Array): void {
    if (this.#hasSha1) this.#sha1.update(chunk)
    for (let at = 0; at < chunk.length; ) {
      const part = chunk.subarray(at, at + BLOCK_LENGTH - (this.#length % BLOCK_LENGTH))
      this.#leaf.update(part)
      this.#length += part.length
      at += part.length
      if (this.#length % BLOCK_LENGTH === 0) this.#finishLeaf()
    }
  }

  /**
   * Returns the node of the piece in the tree of its file. Call it once, at the end.
   * @param height the number of layers between the leaves and the node
   */
  node(height: number): Buffer {
    if (this.#length % BLOCK_LENGTH > 0) this.#finishLeaf()
    return this.#tree.digest(height)
  }

  /** Returns the SHA-1 hash of the piece and of `padding` zeros after it. Call it once, at the end. */
  sha1(padding: number): Buffer {
    for (let left = padding; left > 0; left -= BLOCK_LENGTH) this.#sha1.update(ZEROS.subarray(0, left))
    return this.#sha1.digest()
  }

  #finishLeaf(): void {
    this.#tree.add(this.#leaf.digest())
    this.#leaf = createHash('sha256')
  }
}
