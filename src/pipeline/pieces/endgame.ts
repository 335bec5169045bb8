import type { Fetcher, Request } from '../../streams/block-source.ts'
import { type ActivePiece, chooseLateness, type Lateness } from './active-piece.ts'
import type { ActivePieces } from './active-pieces.ts'
import type { Deadlines } from './deadlines.ts'

/** The conditions for a second request for a block that a reader waits for. */
const AWAITED_LATENESS: Lateness = { minAgeMs: 200, overdueFactor: 1.5, skippedFactor: 4, gainFactor: 1.5 }

/** Maximum late blocks that an idle peer takes at a time. */
const ENDGAME_BATCH = 16

/**
 * Chooses which late blocks are requested from a second peer.
 *
 * Inputs: the age of each request; the mean waits of its peer and of the second one; the positions of readers; whether pieces are
 * left to begin; the time.
 */
export class Endgame {
  readonly #active: ActivePieces
  readonly #deadlines: Deadlines
  readonly #patience: number

  /** @param patience age in ms from which a block may be requested from a second peer; three times that before the endgame */
  constructor(active: ActivePieces, deadlines: Deadlines, patience: number) {
    this.#active = active
    this.#deadlines = deadlines
    this.#patience = patience
  }

  /** Adds late blocks of another peer that a reader waits for, or will wait for soon. */
  takeAwaited(requester: Fetcher, room: number, now: number, taken: Request[]): void {
    for (const index of this.#deadlines.findAwaited(now)) {
      if (taken.length === room) return
      const piece = this.#active.get(index)
      if (!piece || !mayHelp(requester, piece)) continue
      piece.takeLate(requester, room, now, AWAITED_LATENESS, taken)
    }
  }

  /** Adds late blocks of another peer, for a peer that is idle. @param hurry see `chooseLateness` */
  takeLate(requester: Fetcher, room: number, now: number, taken: Request[], hurry: boolean): void {
    const patience = this.#patience
    // no more than it sends soon, as no third peer may take them
    const soon = Math.ceil(patience / Math.max(1, requester.window.meanWaitMs ?? 1))
    const maxBlocks = Math.min(room, ENDGAME_BATCH, soon)
    const lateness = chooseLateness(patience, hurry)
    for (const piece of this.#active) {
      // the oldest piece comes first, so no other has late blocks: hundreds of idle peers ask for some again and again
      if (now - piece.begunAt < lateness.minAgeMs) return
      if (!mayHelp(requester, piece)) continue
      piece.takeLate(requester, maxBlocks, now, lateness, taken)
      if (taken.length === maxBlocks) return
    }
  }
}

function mayHelp(requester: Fetcher, { alone, buffer }: ActivePiece): boolean {
  return !alone && !buffer.closed && requester.offers(buffer.index)
}
