import { createHash } from 'node:crypto'
import { BLOCK_LENGTH } from '../../codec/message.ts'
import type { PieceBuffer } from '../../streams/piece-buffer.ts'

/** A block of a wrong piece: its digest, and the peer that sent it. */
interface BlockEvidence<Peer> {
  readonly block: number
  readonly giver: Peer
  readonly digest: string
}

/**
 * Finds the peers that send wrong bytes.
 *
 * Inputs: the peer that sent each block of the wrong pieces, and the right bytes once they are known.
 *
 * A wrong piece from one peer alone proves it guilty at once. A wrong piece from several peers is downloaded again from one
 * peer alone. Once the right bytes are known, every peer that sent other bytes is guilty. `Reputation` decides about bans.
 */
export class SmartBan<Peer> {
  readonly #evidence = new Map<number, BlockEvidence<Peer>[]>()
  readonly #accused = new Map<number, Set<Peer>>()

  /** True if a piece must come from one peer alone. */
  isSuspect(index: number): boolean {
    return this.#accused.has(index)
  }

  /** True if a peer sent a part of a piece when it was wrong. */
  isAccused(index: number, peer: Peer): boolean {
    return this.#accused.get(index)?.has(peer) ?? false
  }

  /**
   * Notes a wrong piece.
   * @param giver returns the peer of an entry of `piece.givers`
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

  /** Notes a valid piece. @returns the peers that are proven guilty by their earlier bytes of it */
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
