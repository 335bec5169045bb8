/** What those who fetch blocks and whoever gives them their work know of each other. */
import type { Bitfield } from '../codec/bitfield.ts'
import type { Request } from './pending-requests.ts'
import type { PieceBuffer } from './piece-buffer.ts'

export type { Request }

/** Somebody who fetches blocks: the Requester of a peer, or a WebSeed. */
export interface Fetcher {
  /** What it has. */
  readonly bits: Bitfield
  /** Which of that to ask it for first, or not at all. */
  readonly peerPieces: FetcherPieces
  readonly window: Pick<RequestWindow, 'usualWaitMs'>
  /** Requests under way that still count. */
  readonly outstanding: number
  /** How many more requests would fit. */
  readonly room: number
  /** Whether it takes requests now. */
  readonly ready: boolean
  readonly peerChoking: boolean
  /** Whether blocks of this piece may be asked of it. */
  offers(index: number): boolean
  /** When a block was asked of it, if it was. */
  findRequestTime(index: number, block: number): number | undefined
  /** Takes as much as it has room for. */
  fill(): void
  /** A block came from somebody else: takes the request back. */
  cancel(piece: PieceBuffer, block: number): void
}

/** The pieces of a peer or a web seed, as a block source reads them. */
export interface FetcherPieces {
  /** Grows when more of it may be asked for than before. */
  readonly version: number
  /** Which pieces to prefer; while it chokes us, the only ones. */
  preferredPieces(choking: boolean): readonly number[]
  /** Whether nothing is to be left out of what it has. */
  isUnrestricted(choking: boolean): boolean
}

/** Where those who fetch get their work, and whom they tell how that went. */
export interface BlockSource {
  /** At most `room` blocks to ask for. When it gives fewer, it calls `fill()` once there are more. */
  takeBlocks(fetcher: Fetcher, room: number, now: number): Request[]
  /** A block came that had been asked for. */
  onArrival(fetcher: Fetcher, request: Request): void
  /** These will not come, or not in time. */
  onLoss(fetcher: Fetcher, requests: readonly Request[]): void
  /** It told what it has, anew: `before` is what it had told until now. */
  onBitfield(fetcher: Fetcher, before: Bitfield): void
  /** It has one more. */
  onHave(fetcher: Fetcher, index: number): void
  /** It has one less. */
  onDontHave(fetcher: Fetcher, index: number): void
  /** The piece under way that a late answer of this fetcher may go into, if there is one. */
  findPiece(fetcher: Fetcher, index: number): PieceBuffer | undefined
  /** Whether this piece is still wanted. */
  wants(index: number): boolean
  /** It is gone. */
  onLeave(fetcher: Fetcher): void
}

/** How many requests may be under way: a policy. */
export interface RequestWindow {
  readonly size: number
  /** How long a block is waited for of late, in ms. */
  readonly usualWaitMs?: number | undefined
  /** A block came, `waited` ms after it was asked for. */
  onBlock(bytes: number, waited: number, now: number): void
  /** No answer came in time. */
  onSnub(): void
  /** The peer did not take all requests: it has only so many now. */
  onRefusal(accepted: number): void
}
