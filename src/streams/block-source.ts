/** The interfaces between the fetchers of blocks and the source of their requests. */
import type { Bitfield } from '../codec/bitfield.ts'
import type { Request } from './pending-requests.ts'
import type { PieceBuffer } from './piece-buffer.ts'

export type { Request }

/** Fetches blocks: the Requester of a peer, or a WebSeed. */
export interface Fetcher {
  /** The pieces that it has. */
  readonly bits: Bitfield
  /** Says which of them to request first, or not at all. */
  readonly peerPieces: FetcherPieces
  readonly window: FetcherPace
  /** Requests in flight, without those that other fetchers may repeat. */
  readonly outstanding: number
  /** Number of requests that it can take now. */
  readonly room: number
  /** True if it takes requests now. */
  readonly ready: boolean
  readonly peerChoking: boolean
  /** Returns true if blocks of this piece may be requested from it. */
  offers(index: number): boolean
  /** Returns the time of the request for a block, in milliseconds, if the block is requested from it. */
  findRequestTime(index: number, block: number): number | undefined
  /** Takes blocks from its source while it has room. */
  fill(): void
  /** Cancels the request for a block that came from another fetcher. */
  cancel(piece: PieceBuffer, block: number): void
}

/** The speed of a fetcher. */
export type FetcherPace = Pick<RequestWindow, 'lastBlockAt' | 'longestPauseMs' | 'meanWaitMs' | 'rate'>

/** The pieces of a peer or a web seed, as a block source reads them. */
export interface FetcherPieces {
  /** Grows when more pieces can be requested than before. */
  readonly version: number
  /** The pieces to prefer; while the peer chokes us, the only ones. */
  preferredPieces(choking: boolean): readonly number[]
  /** Returns true if every piece that it has may be requested. */
  isUnrestricted(choking: boolean): boolean
}

/** Gives fetchers blocks to request. The fetchers report the results. */
export interface BlockSource {
  /** True while readers need pieces in order: fetchers keep their request queues short. */
  readonly hasReaders?: boolean
  /** Returns at most `room` blocks to request. If it returns fewer, it calls `fill()` once there are more. */
  takeBlocks(fetcher: Fetcher, room: number, now: number): Request[]
  /** Requested blocks of one piece have arrived. */
  onArrival(fetcher: Fetcher, requests: readonly Request[]): void
  /** These blocks will not come, or not in time. */
  onLoss(fetcher: Fetcher, requests: readonly Request[]): void
  /** The pieces of the fetcher changed: `before` are the previous ones. */
  onBitfield(fetcher: Fetcher, before: Bitfield): void
  /** The fetcher has one more piece. */
  onHave(fetcher: Fetcher, index: number): void
  /** The fetcher no longer has a piece. */
  onDontHave(fetcher: Fetcher, index: number): void
  /** Returns the active piece into which a late answer of this fetcher may be written. */
  findPiece(fetcher: Fetcher, index: number): PieceBuffer | undefined
  /** Returns true while a piece is wanted. */
  wants(index: number): boolean
  /** The fetcher has disconnected. */
  onLeave(fetcher: Fetcher): void
}

/** The maximum number of requests in flight: a policy. */
export interface RequestWindow {
  readonly size: number
  /** The recent time from a request to its block, in milliseconds. */
  readonly meanWaitMs?: number | undefined
  /** The time of the last block, in milliseconds of the clock. */
  readonly lastBlockAt?: number | undefined
  /** The longest recent time between two blocks, in milliseconds. */
  readonly longestPauseMs?: number
  /** The rate of the peer, in bytes per millisecond; 0 while it is unknown. */
  readonly rate?: number
  /** A block came, `waited` milliseconds after its request. */
  onBlock(bytes: number, waited: number, now: number): void
  /** There was less to request than the window had room for: the peer might have given more. */
  onShortage?(): void
  /** The peer did not answer in time. */
  onSnub(): void
  /** The peer rejected or dropped requests: `accepted` are still in flight. */
  onRefusal(accepted: number): void
}
