import { EventEmitter } from 'node:events'
import { blocksOf, NODE_LENGTH, nodeOver } from '../../codec/merkle.ts'
import { BLOCK_LENGTH } from '../../codec/message.ts'
import type { PieceTrees } from '../../metainfo/piece-trees.ts'
import type { PieceBuffer } from '../../streams/piece-buffer.ts'
import { findWrongBlocks } from '../../streams/torrent/block-check.ts'

/** Fetches the hashes of blocks from peers (BEP 52). */
export interface LeafSource {
  /**
   * Resolves with the leaves of a piece, 32 bytes for each block, or with undefined if no peer sends them in time.
   * @param needsPeer true to give up at once when no connected peer can send them
   */
  fetchLeaves(index: number, needsPeer?: boolean): Promise<Uint8Array | undefined>
}

/** A block with wrong bytes, and the fetcher that sent it; undefined if it was stored by an earlier run. */
export interface WrongBlock {
  readonly block: number
  readonly giver: unknown
}

export interface BlockVerificationEvents {
  /** Blocks of a piece are verified before the whole piece is. */
  verified: [index: number]
  /** Blocks of a piece are wrong, and were given up. */
  wrong: [piece: PieceBuffer, blocks: readonly WrongBlock[]]
}

/** Bytes of leaves that are held. One piece may have more. */
const MAX_LEAF_BYTES = 4 << 20
/** Requests for leaves at once that nothing but a reader needs. */
const MAX_PREFETCHES = 4

/**
 * Verifies blocks alone, in pieces of which peers have sent the leaves. Without leaves a piece is verified as a whole.
 *
 * The leaves are fetched for a piece that a reader waits for, so that it reads each block at once. They are also fetched for
 * a wrong piece, so that its right blocks are kept and the peers that sent the others are known.
 */
export class BlockVerification extends EventEmitter<BlockVerificationEvents> {
  readonly #trees: PieceTrees
  readonly #source: LeafSource
  /** The leaves of pieces that are not stored, the oldest first. They match the nodes of the pieces. */
  readonly #leaves = new Map<number, Uint8Array>()
  #leafBytes = 0
  readonly #fetching = new Map<number, Promise<boolean>>()

  constructor(trees: PieceTrees, source: LeafSource) {
    super()
    this.#trees = trees
    this.#source = source
  }

  /** True if the leaves of a piece are known. */
  knows(index: number): boolean {
    return this.#leaves.has(index)
  }

  /** Verifies blocks of a piece that have arrived. @returns false if its leaves are unknown */
  verify(piece: PieceBuffer, begin = 0, length = piece.length): boolean {
    const leaves = this.#leaves.get(piece.index)
    if (!leaves) return false
    piece.passesEachBlock = true
    const expected = { leaves, length: this.#trees.placementOf(piece.index).length }
    const [first, end] = piece.complete ? [0, piece.blocks] : [begin / BLOCK_LENGTH, blocksOf(begin + length)]
    const wrong = findWrongBlocks(piece, expected, first, end).map(block => ({
      block,
      giver: piece.givers[block],
    }))
    for (const { block } of wrong) piece.reject(block)
    if (wrong.length < end - first) this.emit('verified', piece.index)
    if (wrong.length > 0) this.emit('wrong', piece, wrong)
    return true
  }

  /**
   * Fetches the leaves of a piece. Resolves with false if no peer sends them. Never rejects.
   * @param needsPeer true to give up at once when no connected peer can send them
   */
  fetch(index: number, needsPeer = false): Promise<boolean> {
    if (this.#leaves.has(index)) return Promise.resolve(true)
    const known = this.#fetching.get(index)
    if (known && !needsPeer) return known
    const fetching = this.#fetch(index, needsPeer).finally(() => this.#fetching.delete(index))
    this.#fetching.set(index, fetching)
    return fetching
  }

  /** Fetches the leaves of a piece that a reader waits for, unless too many are being fetched. */
  async prefetch(index: number): Promise<boolean> {
    return this.#fetching.size < MAX_PREFETCHES && !this.#fetching.has(index) ? this.fetch(index) : false
  }

  /** Forgets the leaves of a piece that is stored. */
  forget(index: number): void {
    this.#leafBytes -= this.#leaves.get(index)?.length ?? 0
    this.#leaves.delete(index)
  }

  async #fetch(index: number, needsPeer: boolean): Promise<boolean> {
    const leaves = await this.#source.fetchLeaves(index, needsPeer).catch(() => undefined)
    if (!leaves || !this.#matches(index, leaves)) return false
    this.forget(index)
    this.#leaves.set(index, leaves)
    this.#leafBytes += leaves.length
    for (const oldest of this.#leaves.keys()) {
      if (this.#leafBytes <= MAX_LEAF_BYTES || oldest === index) break
      this.forget(oldest)
    }
    return true
  }

  #matches(index: number, leaves: Uint8Array): boolean {
    const { height, length } = this.#trees.placementOf(index)
    if (leaves.length !== blocksOf(length) * NODE_LENGTH) return false
    return nodeOver(leaves, 0, height).equals(this.#trees.nodeOf(index))
  }
}
