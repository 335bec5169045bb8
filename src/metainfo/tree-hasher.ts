/** Computes the hashes of a v2 or hybrid torrent from consecutive chunks of its files. */
import { NODE_LENGTH } from '../codec/merkle.ts'
import { type ContentPlan, nodeHeight, type PieceHashes, type PlannedFile } from './content-plan.ts'
import { PieceDigest } from './piece-digest.ts'

/** Hashes one file after another, in the order of a plan, piece by piece. It does not buffer them. */
export class TreeHasher {
  readonly #plan: ContentPlan
  readonly #hashes: Buffer
  readonly #nodes: Buffer
  #digest: PieceDigest
  #finished = 0
  #length = 0

  constructor(plan: ContentPlan) {
    this.#plan = plan
    this.#hashes = Buffer.alloc(this.#isHybrid ? plan.pieceCount * 20 : 0)
    this.#nodes = Buffer.alloc(plan.pieceCount * NODE_LENGTH)
    this.#digest = new PieceDigest(this.#isHybrid)
  }

  /** Number of bytes hashed so far. */
  get length(): number {
    return this.#length
  }

  get #isHybrid(): boolean {
    return this.#plan.format === 'hybrid'
  }

  /** Hashes the next bytes of a file. The caller may reuse `chunk` afterwards. */
  update(chunk: Uint8Array, file: PlannedFile): void {
    const { pieceLength } = this.#plan
    for (let at = 0; at < chunk.length; ) {
      const part = chunk.subarray(at, at + pieceLength - this.#digest.length)
      this.#digest.update(part)
      this.#length += part.length
      at += part.length
      if (this.#digest.length === pieceLength) this.#finish(file, 0)
    }
  }

  /** Ends a file: the next bytes belong to the next one. */
  endFile(file: PlannedFile): void {
    if (this.#digest.length > 0) this.#finish(file, file.padding)
  }

  /** Returns the hashes of all pieces. Call it once, at the end. */
  digest(): PieceHashes {
    return { hashes: this.#hashes, nodes: this.#nodes }
  }

  #finish({ source }: PlannedFile, padding: number): void {
    const { pieceLength } = this.#plan
    this.#nodes.set(this.#digest.node(nodeHeight(source.length, pieceLength)), this.#finished * NODE_LENGTH)
    if (this.#isHybrid) this.#hashes.set(this.#digest.sha1(padding), this.#finished * 20)
    this.#finished++
    this.#digest = new PieceDigest(this.#isHybrid)
  }
}
