import type { Fetcher, Request } from '../../streams/block-source.ts'
import { type ActivePiece, lateness } from './active-piece.ts'
import type { Deadlines } from './deadlines.ts'

/** When a block that a reader waits for is asked of a second peer. */
const AWAITED = { after: 200, overdue: 1.5, sooner: 1.5 }

/** How many blocks an idle peer takes over at a time when nothing else is left to ask for. */
const ENDGAME_BATCH = 16

export interface EndgameOptions {
  /** Pieces under way, by index. */
  readonly active: ReadonlyMap<number, ActivePiece>
  readonly deadlines: Deadlines
  /** Age in ms from which a block may be asked of a second peer in the endgame; three times that before. */
  readonly patience: number
}

/**
 * Which late blocks are asked of a second peer.
 *
 * Depends on: how long each block has been owed, and how long its peer and the second one usually take; where readers
 * are; whether there are pieces to begin; the time.
 */
export class Endgame {
  readonly #options: EndgameOptions

  constructor(options: EndgameOptions) {
    this.#options = options
  }

  /** Adds blocks that a reader waits for, or will before they could come, and that another peer owes for longer than is usual. */
  takeAwaited(requester: Fetcher, room: number, now: number, taken: Request[]): void {
    const { active, deadlines } = this.#options
    for (const index of deadlines.awaited(now)) {
      if (taken.length === room) return
      const piece = active.get(index)
      if (!piece || !mayHelp(requester, piece)) continue
      piece.takeLate(requester, room, now, AWAITED, taken)
    }
  }

  /** Adds blocks that another peer owes for long, for a peer that has nothing else to do. @param hurry see `lateness` */
  takeLate(requester: Fetcher, room: number, now: number, taken: Request[], hurry: boolean): void {
    const { active, patience } = this.#options
    // no more than it brings soon: what it takes over no third peer may
    const soon = Math.ceil(patience / Math.max(1, requester.window.usual ?? 1))
    const most = Math.min(room, ENDGAME_BATCH, soon)
    const late = lateness(patience, hurry)
    for (const piece of active.values()) {
      if (!mayHelp(requester, piece)) continue
      piece.takeLate(requester, most, now, late, taken)
      if (taken.length === most) return
    }
  }
}

function mayHelp(requester: Fetcher, { alone, buffer }: ActivePiece): boolean {
  return !alone && !buffer.closed && requester.offers(buffer.index)
}
