import type { PieceBuffer } from '../../streams/piece-buffer.ts'
import type { Reputation } from '../swarm/reputation.ts'
import type { WrongBlock } from './block-verification.ts'
import { SmartBan } from './smart-ban.ts'
import { WrongBlocks } from './wrong-blocks.ts'

/** Decides which peers may fetch which pieces after wrong bytes, from the evidence of pieces and the strikes of addresses. */
export class PeerTrust {
  /** The address or URL behind each fetcher, also after its connection has ended. */
  readonly names = new WeakMap<object, string>()
  readonly #smartBan = new SmartBan<string>()
  readonly #wrongBlocks = new WrongBlocks<string>()
  readonly #reputation: Reputation

  constructor(reputation: Reputation) {
    this.#reputation = reputation
  }

  nameOf(fetcher: object): string {
    return this.names.get(fetcher) ?? '?'
  }

  /** True if a piece was wrong before, so that it must come from one peer alone. */
  isSuspect(index: number): boolean {
    return this.#smartBan.isSuspect(index)
  }

  /** True if this peer sent a part of the piece when it was wrong. */
  isAccused(index: number, fetcher: object): boolean {
    return this.#smartBan.isAccused(index, this.nameOf(fetcher))
  }

  /** True if this peer gets pieces alone, one at a time, until one of them is valid. */
  isOnParole(fetcher: object): boolean {
    return this.#reputation.isOnParole(fetcher, this.nameOf(fetcher))
  }

  /** Notes a valid piece. @returns the names to ban */
  addVerified(piece: PieceBuffer): string[] {
    this.#wrongBlocks.forget(piece.index)
    const banned = this.#strike(this.#smartBan.addVerified(piece), piece)
    for (const giver of new Set(piece.givers))
      if (giver !== undefined) this.#reputation.credit(giver as object, this.nameOf(giver as object))
    return banned
  }

  /** Notes a wrong piece. @returns the names to ban */
  addCorrupt(piece: PieceBuffer): string[] {
    // the blocks of an earlier run may be wrong, so no peer is to blame
    if (piece.givers.includes(undefined)) return []
    return this.#strike(
      this.#smartBan.addCorrupt(piece, giver => this.nameOf(giver as object)),
      piece,
    )
  }

  /** Notes blocks that are wrong by their own hashes. @returns the names to ban */
  addWrongBlocks(piece: PieceBuffer, blocks: readonly WrongBlock[]): string[] {
    const names = blocks.flatMap(({ block, giver }) => {
      if (giver === undefined) return []
      const name = this.nameOf(giver as object)
      return this.#wrongBlocks.add(piece.index, block, name) ? [name] : []
    })
    return this.#strike(names, piece)
  }

  /** Returns the reason of a ban for this piece. */
  reasonFor({ index }: PieceBuffer): string {
    return `banned for wrong bytes, the last in piece ${index}`
  }

  #strike(names: readonly string[], piece: PieceBuffer): string[] {
    return names.filter(name => this.#reputation.strike(name, this.reasonFor(piece)))
  }
}
