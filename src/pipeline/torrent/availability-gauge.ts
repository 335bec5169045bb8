import { computeAvailability } from '../diagnosis/availability.ts'
import type { Peer } from '../peer/peer.ts'
import type { Pieces } from '../pieces/pieces.ts'

/** Milliseconds for which a value is kept, for each piece: so it takes less than a thousandth of the time. */
const LIFE_PER_PIECE_MS = 0.01

/** Measures the availability of the pieces of a torrent, which costs O(pieces): less often the more there are. */
export class AvailabilityGauge {
  #value = 0
  #measuredAt = Number.NEGATIVE_INFINITY

  /** @param connected the peers @param now milliseconds */
  read({ metainfo, pipeline, verified, wanted }: Pieces, connected: readonly Peer[], now: number): number {
    if (now - this.#measuredAt < metainfo.pieceCount * LIFE_PER_PIECE_MS) return this.#value
    const seeds = connected.filter(({ requester }) => requester.bits.full).length
    const countCopies = (index: number) => seeds + (pipeline?.scheduler.countCopies(index) ?? 0)
    this.#measuredAt = now
    this.#value = computeAvailability(wanted.bits, verified, countCopies)
    return this.#value
  }
}
