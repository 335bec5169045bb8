import type { Fetcher } from '../../streams/block-source.ts'
import type { Deadlines } from './deadlines.ts'
import type { PeerTrust } from './peer-trust.ts'
import type { Picker } from './picker.ts'

/**
 * Chooses the piece to begin with a peer.
 *
 * Inputs: the order of the picker; the pieces that the peer has, suggests and allows; whether it chokes us; its mean wait and
 * the speed of readers; the pieces of which it sent wrong bytes.
 */
export class PieceChooser {
  readonly #picker: Picker
  readonly #deadlines: Deadlines
  readonly #trust: Pick<PeerTrust, 'isAccused'> | undefined
  /** The sum of the versions of picker and peer at which no piece was found for the peer. */
  readonly #barren = new WeakMap<Fetcher, number>()

  constructor(picker: Picker, deadlines: Deadlines, trust: Pick<PeerTrust, 'isAccused'> | undefined) {
    this.#picker = picker
    this.#deadlines = deadlines
    this.#trust = trust
  }

  /** True if no piece was found for this peer, and nothing has changed since. */
  isFutile(fetcher: Fetcher): boolean {
    return this.#picker.left === 0 || this.#barren.get(fetcher) === this.#versionFor(fetcher)
  }

  /** Forgets that no piece was found for this peer. */
  reset(fetcher: Fetcher): void {
    this.#barren.delete(fetcher)
  }

  /** Returns the piece to begin with a peer, or -1. */
  choose(fetcher: Fetcher): number {
    const index = this.#pick(fetcher)
    if (index < 0) this.#barren.set(fetcher, this.#versionFor(fetcher))
    return index
  }

  /** Prefers a piece that the peer suggests, unless pieces go in order. While the peer chokes us, only allowed ones count. */
  #pick(fetcher: Fetcher): number {
    const picker = this.#picker
    const trust = this.#trust
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
    const lead = this.#deadlines.leadOf(fetcher.window.meanWaitMs)
    if (!trust) return picker.pick(bits, isRefused, lead)
    const isAvoided = (index: number) => isRefused?.(index) || trust.isAccused(index, fetcher)
    const index = picker.pick(bits, isAvoided, lead)
    return index < 0 ? picker.pick(bits, isRefused, lead) : index
  }

  #versionFor({ peerPieces }: Fetcher): number {
    return this.#picker.version + peerPieces.version
  }
}
