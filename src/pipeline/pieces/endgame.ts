import type { Fetcher, Request } from '../../streams/block-source.ts'
import { type ActivePiece, chooseLateness, type Lateness } from './active-piece.ts'
import type { ActivePieces } from './active-pieces.ts'
import type { Deadlines } from './deadlines.ts'

/** When a block that a reader waits for is requested from a second peer. */
const AWAITED_LATENESS: Lateness = { minAgeMs: 200, overdueFactor: 1.5, gainFactor: 1.5 }

/** How many blocks an idle peer takes over at a time when nothing else is left to ask for. */
const ENDGAME_BATCH = 16

/**
 * Chooses which late blocks are requested from a second peer.
 *
 * Inputs: how long each block has been owed, and how long its peer and the second one usually take; where readers are; whether there are pieces to begin; the time.
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

  /** Adds blocks that a reader waits for, or will soon, and that another peer has owed for longer than it usually takes. */
  takeAwaited(requester: Fetcher, room: number, now: number, taken: Request[]): void {
    for (const index of this.#deadlines.findAwaited(now)) {
      if (taken.length === room) return
      const piece = this.#active.get(index)
      if (!piece || !mayHelp(requester, piece)) continue
      piece.takeLate(requester, room, now, AWAITED_LATENESS, taken)
    }
  }

  /** Adds blocks that another peer has owed for long, for a peer that is idle. @param hurry see `chooseLateness` */
  takeLate(requester: Fetcher, room: number, now: number, taken: Request[], hurry: boolean): void {
    const patience = this.#patience
    // no more than it brings soon: what it takes over no third peer may
    const soon = Math.ceil(patience / Math.max(1, requester.window.meanWaitMs ?? 1))
    const most = Math.min(room, ENDGAME_BATCH, soon)
    const late = chooseLateness(patience, hurry)
    for (const piece of this.#active) {
      if (!mayHelp(requester, piece)) continue
      piece.takeLate(requester, most, now, late, taken)
      if (taken.length === most) return
    }
  }
}

function mayHelp(requester: Fetcher, { alone, buffer }: ActivePiece): boolean {
  return !alone && !buffer.closed && requester.offers(buffer.index)
}
