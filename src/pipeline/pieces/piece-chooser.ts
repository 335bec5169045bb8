import type { Fetcher } from '../../streams/block-source.ts'
import type { Deadlines } from './deadlines.ts'
import type { PeerTrust } from './peer-trust.ts'
import type { Picker } from './picker.ts'

/**
 * Chooses the piece to begin with a peer.
 *
 * Inputs: what the picker prefers; what the peer has, suggests and allows; whether it chokes us; how long it lets wait and
 * how fast readers go on; which pieces it gave wrong bytes of.
 */
export class PieceChooser {
  readonly #picker: Picker
  readonly #deadlines: Deadlines
  readonly #trust: Pick<PeerTrust, 'isAccused'> | undefined
  /** The picker's version and the peer's, added, at which there was no piece to begin with the peer. */
  readonly #barren = new WeakMap<Fetcher, number>()

  constructor(picker: Picker, deadlines: Deadlines, trust: Pick<PeerTrust, 'isAccused'> | undefined) {
    this.#picker = picker
    this.#deadlines = deadlines
    this.#trust = trust
  }

  /** True if there is no piece to begin with this peer, and nothing has changed since that was found out. */
  isFutile(fetcher: Fetcher): boolean {
    return this.#picker.left === 0 || this.#barren.get(fetcher) === this.#versionFor(fetcher)
  }

  /** Forgets that there was no piece to begin with this peer. */
  reset(fetcher: Fetcher): void {
    this.#barren.delete(fetcher)
  }

  /** @returns the index of a piece, or -1 */
  choose(fetcher: Fetcher): number {
    const index = this.#pick(fetcher)
    if (index < 0) this.#barren.set(fetcher, this.#versionFor(fetcher))
    return index
  }

  /** A piece that the peer suggests comes first, unless pieces go in order. While it chokes us, only allowed ones count. */
  #pick(fetcher: Fetcher): number {
    const picker = this.#picker
    const trust = this.#trust
    const { bits, peerPieces, peerChoking } = fetcher
    const follows = peerChoking || !picker.inOrder
    const named = follows
      ? peerPieces.preferredPieces(peerChoking).find(index => picker.isOpen(index))
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
