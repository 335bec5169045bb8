/** Pieces with wrong blocks that are remembered. */
const MAX_PIECES = 64

/**
 * Decides which peers get a strike for wrong blocks.
 *
 * Inputs: the piece, the block and the peer of each wrong block.
 *
 * A peer gets one strike for all wrong blocks of a piece that it sent at first, since they may have one cause, and one more for
 * each that is wrong again.
 */
export class WrongBlocks<Peer> {
  /** Pieces, the oldest first: what each peer sent wrong. A stored piece is forgotten. */
  readonly #pieces = new Map<number, Map<Peer, Set<number>>>()

  /** Notes a wrong block. @returns true if its peer gets a strike */
  add(index: number, block: number, peer: Peer): boolean {
    const peers = this.#pieces.get(index) ?? new Map<Peer, Set<number>>()
    this.#pieces.set(index, peers)
    const [oldest] = this.#pieces.keys()
    if (this.#pieces.size > MAX_PIECES) this.#pieces.delete(oldest!)
    const blocks = peers.get(peer) ?? new Set()
    peers.set(peer, blocks)
    const isStruck = blocks.size === 0 || blocks.has(block)
    blocks.add(block)
    return isStruck
  }

  /** Forgets a piece that is stored. */
  forget(index: number): void {
    this.#pieces.delete(index)
  }
}
