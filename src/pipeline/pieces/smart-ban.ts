import { createHash } from 'node:crypto'
import { BLOCK_LENGTH } from '../../codec/message.ts'
import type { PieceBuffer } from '../../streams/piece-buffer.ts'

/** A block of a piece that was wrong: its digest, and the peer that gave it. */
interface Evidence<Peer> {
  readonly block: number
  readonly giver: Peer
  readonly digest: string
}

/**
 * Finds the peers that send wrong bytes.
 *
 * Inputs: which peer gave which block of the pieces that failed, and what the bytes turned out to be.
 * A piece that came from one peer alone proves it guilty at once. A piece that came from several is fetched
 * again from one peer alone, and once the right bytes are known, every peer that gave others is proven guilty.
 * What follows from that is for `Reputation` to decide.
 */
export class SmartBan<Peer> {
  readonly #evidence = new Map<number, Evidence<Peer>[]>()
  readonly #accused = new Map<number, Set<Peer>>()

  /** True if a piece has to be fetched from one peer alone. */
  isSuspect(index: number): boolean {
    return this.#accused.has(index)
  }

  /** True if a peer gave a part of a piece that was wrong. */
  isAccused(index: number, peer: Peer): boolean {
    return this.#accused.get(index)?.has(peer) ?? false
  }

  /**
   * Notes that a piece was wrong.
   * @param giver names the peer behind each entry of `piece.givers`
   * @returns the peers that are proven guilty by it
   */
  addCorrupt(piece: PieceBuffer, giver: (entry: unknown) => Peer): Peer[] {
    const givers = piece.givers.map(giver)
    const peers = new Set(givers)
    const accused = this.#accused.get(piece.index) ?? new Set()
    for (const peer of peers) accused.add(peer)
    this.#accused.set(piece.index, accused)
    if (peers.size === 1) return [...peers]
    const evidence = this.#evidence.get(piece.index) ?? []
    givers.forEach((giver, block) => {
      evidence.push({ block, giver, digest: digestOf(piece, block) })
    })
    this.#evidence.set(piece.index, evidence.slice(-4 * piece.blocks))
    return []
  }

  /** Notes that a piece is right. @returns the peers that are proven guilty by what they gave of it before */
  addVerified(piece: PieceBuffer): Peer[] {
    if (!this.#accused.delete(piece.index)) return []
    const evidence = this.#evidence.get(piece.index) ?? []
    this.#evidence.delete(piece.index)
    const liars = new Set<Peer>()
    for (const { block, giver, digest } of evidence) if (digestOf(piece, block) !== digest) liars.add(giver)
    return [...liars]
  }
}

function digestOf(piece: PieceBuffer, block: number): string {
  const begin = block * BLOCK_LENGTH
  return createHash('sha1')
    .update(piece.data.subarray(begin, begin + piece.blockLength(block)))
    .digest('base64')
}
