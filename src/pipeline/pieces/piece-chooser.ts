import type { Fetcher } from '../../streams/block-source.ts'
import type { PeerTrust } from './peer-trust.ts'
import type { Picker } from './picker.ts'
import type { ReaderShares } from './reader-shares.ts'

/**
 * Chooses the piece to begin with a peer.
 *
 * Inputs: the order of the picker; the pieces that the peer has, suggests and allows; whether it chokes us; its mean wait and
 * the speed of readers; the pieces of which it sent wrong bytes; the pieces that readers wait for, and whether others can send them.
 */
export class PieceChooser {
  readonly #picker: Picker
  readonly #trust: Pick<PeerTrust, 'isAccused'> | undefined
  readonly #shares: ReaderShares
  /** The sum of the versions of picker and peer at which no piece was found for the peer. */
  readonly #barren = new WeakMap<Fetcher, number>()

  constructor(picker: Picker, trust: Pick<PeerTrust, 'isAccused'> | undefined, shares: ReaderShares) {
    this.#picker = picker
    this.#trust = trust
    this.#shares = shares
  }

  /** True if no piece was found for this peer, and nothing has changed since. */
  isFutile(fetcher: Fetcher): boolean {
    return this.#picker.left === 0 || this.#barren.get(fetcher) === this.#versionFor(fetcher)
  }

  /** Forgets that no piece was found for this peer. */
  reset(fetcher: Fetcher): void {
    this.#barren.delete(fetcher)
  }

  /** Returns true if this piece may be begun with this peer. */
  suits(fetcher: Fetcher, index: number): boolean {
    return fetcher.offers(index) && !this.#isLeftToOthers(index, fetcher)
  }

  /**
   * Returns the piece to begin with a peer, or -1.
   * @param lead the first pieces of readers, which this peer would send too late
   */
  choose(fetcher: Fetcher, lead = 0): number {
    const index = this.#pick(fetcher, lead)
    if (index < 0) this.#barren.set(fetcher, this.#versionFor(fetcher))
    return index
  }

  /** Prefers a piece that the peer suggests, unless pieces go in order. While the peer chokes us, only allowed ones count. */
  #pick(fetcher: Fetcher, lead: number): number {
    const picker = this.#picker
    const { bits, peerPieces, peerChoking } = fetcher
    const follows = peerChoking || !picker.inOrder
    const named = follows
      ? peerPieces
          .preferredPieces(peerChoking)
          .find(index => picker.isOpen(index) && (peerChoking || picker.isUrgent(index)))
      : undefined
    if (named !== undefined || peerChoking) return named ?? -1
    const isRefused = peerPieces.isUnrestricted(peerChoking)
      ? undefined
      : (index: number) => !fetcher.offers(index)
    if (!this.#trust) return picker.pick(bits, isRefused, lead)
    const isAvoided = (index: number) => isRefused?.(index) || this.#isLeftToOthers(index, fetcher)
    const index = picker.pick(bits, isAvoided, lead)
    return index < 0 ? picker.pick(bits, isRefused, lead) : index
  }

  /** True if this peer sent wrong bytes of a piece. A piece that a reader waits for is left only to a peer that can send it. */
  #isLeftToOthers(index: number, fetcher: Fetcher): boolean {
    const trust = this.#trust
    if (!trust?.isAccused(index, fetcher)) return false
    return !this.#shares.dependsOn(fetcher, index, other => !trust.isAccused(index, other))
  }

  #versionFor({ peerPieces }: Fetcher): number {
    return this.#picker.version + peerPieces.version
  }
}
