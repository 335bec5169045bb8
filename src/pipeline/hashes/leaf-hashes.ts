import { leafOf, NODE_LENGTH, nodeOver } from '../../codec/merkle.ts'
import { BLOCK_LENGTH } from '../../codec/message.ts'
import type { PieceTrees } from '../../metainfo/piece-trees.ts'
import type { Clock } from '../../ports/clock.ts'

export interface LeafHashesOptions {
  readonly trees: PieceTrees
  /** Knows which pieces we have. */
  readonly upload: { has(index: number): boolean }
  /** Reads verified bytes. */
  readonly reads: { read(position: number, target: Uint8Array): Promise<number> }
  readonly clock: Clock
}

/** Bytes that are read and hashed at once, in less than a millisecond. */
const STEP_BYTES = 16 * BLOCK_LENGTH
/** Bytes of leaves that are kept. */
const MAX_KEPT_BYTES = 2 << 20
/** Bytes of pieces that are read each second for the leaves that peers request, and at once. */
const READ_BYTES_PER_SECOND = 32 << 20
const READ_BURST_BYTES = 128 << 20

/**
 * Computes the leaves of pieces that we have, for peers that request them (BEP 52): one piece at a time, and not more bytes
 * per second than a flood of requests may cost.
 */
export class LeafHashes {
  readonly #options: LeafHashesOptions
  /** The leaves of pieces, the oldest first. */
  readonly #kept = new Map<number, Promise<Buffer | undefined>>()
  #keptBytes = 0
  /** The computation before the next one. */
  #last: Promise<unknown> = Promise.resolve()
  /** Bytes that may be read. It falls below 0 with one large piece. */
  #credit = READ_BURST_BYTES
  #creditedAt: number

  constructor(options: LeafHashesOptions) {
    this.#options = options
    this.#creditedAt = options.clock.now()
  }

  /**
   * Resolves with the leaves of a piece, or with undefined if we do not have it, or if too many are requested.
   * @param isOwed true to wait in that case, for a peer that gets a block of the piece
   */
  async leavesOf(index: number, isOwed = false): Promise<Buffer | undefined> {
    const { trees, upload } = this.#options
    if (!upload.has(index)) return undefined
    const kept = this.#kept.get(index)
    if (kept) return kept
    const { length } = trees.placementOf(index)
    const due = this.#spend(length, isOwed)
    if (due === undefined) return undefined
    const made = this.#last
      .then(() => this.#waitUntil(due))
      .then(() => this.#compute(index))
      .catch(() => undefined)
    this.#last = made
    this.#keep(index, made, Math.ceil(length / BLOCK_LENGTH) * NODE_LENGTH)
    const leaves = await made
    if (!leaves) this.#kept.delete(index)
    return leaves
  }

  /** Takes bytes from the credit. @returns when they may be read, or undefined if they may not */
  #spend(bytes: number, isOwed: boolean): number | undefined {
    const now = this.#options.clock.now()
    const earned = ((now - this.#creditedAt) * READ_BYTES_PER_SECOND) / 1000
    this.#credit = Math.min(READ_BURST_BYTES, this.#credit + earned)
    this.#creditedAt = now
    if (this.#credit <= 0 && !isOwed) return undefined
    const debt = Math.max(0, -this.#credit)
    this.#credit -= bytes
    return now + (debt * 1000) / READ_BYTES_PER_SECOND
  }

  async #waitUntil(due: number): Promise<void> {
    const { clock } = this.#options
    const ms = due - clock.now()
    if (ms > 0) await new Promise<void>(resolve => clock.setTimeout(resolve, ms))
  }

  #keep(index: number, leaves: Promise<Buffer | undefined>, bytes: number): void {
    this.#keptBytes += bytes
    if (this.#keptBytes > MAX_KEPT_BYTES) {
      this.#kept.clear()
      this.#keptBytes = bytes
    }
    this.#kept.set(index, leaves)
  }

  async #compute(index: number): Promise<Buffer | undefined> {
    const { reads, trees } = this.#options
    const { height, length, position } = trees.placementOf(index)
    const leaves = Buffer.alloc(Math.ceil(length / BLOCK_LENGTH) * NODE_LENGTH)
    const bytes = Buffer.allocUnsafe(Math.min(STEP_BYTES, length))
    let leaf = 0
    for (let at = 0; at < length; at += STEP_BYTES) {
      const step = bytes.subarray(0, Math.min(STEP_BYTES, length - at))
      if ((await reads.read(position + at, step)) < step.length) return undefined
      for (let block = 0; block < step.length; block += BLOCK_LENGTH, leaf += NODE_LENGTH) {
        leaves.set(leafOf(step.subarray(block, block + BLOCK_LENGTH)), leaf)
      }
    }
    return nodeOver(leaves, 0, height).equals(trees.nodeOf(index)) ? leaves : undefined
  }
}
