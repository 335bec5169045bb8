import { Bitfield } from '../../codec/bitfield.ts'
import { Emitter } from '../../ports/emitter.ts'
import type { Peer } from '../peer/peer.ts'
import type { PeerUpload } from '../peer/peer-context.ts'
import { Suggestions } from '../upload/suggestions.ts'
import { SuperSeed } from '../upload/super-seed.ts'
import type { Scheduler } from './scheduler.ts'

/** The pieces of a torrent, as seen by the upload. */
export interface UploadedPieces {
  /** The pieces that are verified and stored. */
  readonly verified: Bitfield
  /** False if verified pieces cannot be read back. */
  readonly retains: boolean
  /** True if this piece is verified and not in doubt. */
  trusts(index: number): boolean
}

export interface PieceUploadOptions {
  readonly pieces: UploadedPieces
  readonly pieceLength: number
  readonly scheduler: Scheduler
  /** Reads verified pieces. */
  readonly reads: PeerUpload['storage']
  /** True to show each peer one piece at a time (BEP 16). */
  readonly superSeed: boolean
  /** From 0 to below 1. */
  readonly random: () => number
}

/** Events of `PieceUpload`. */
export interface PieceUploadEvents {
  /** A piece that is not in doubt cannot be read. */
  failed: [error: Error]
}

/** Decides which pieces peers may download, and which are announced to them. */
export class PieceUpload extends Emitter<PieceUploadEvents> implements PeerUpload {
  readonly storage: PeerUpload['storage']
  readonly announcedPieces: Bitfield
  readonly isSuperSeeding: boolean
  readonly suggestions: Suggestions<never>
  /** The source of blocks to request. A super-seed observes it to learn the pieces of peers. */
  readonly source: Scheduler | SuperSeed
  readonly #pieces: UploadedPieces
  readonly #superSeed: SuperSeed | undefined

  constructor({ pieces, pieceLength, scheduler, reads, superSeed, random }: PieceUploadOptions) {
    super()
    const pieceCount = pieces.verified.size
    this.#pieces = pieces
    this.storage = reads
    this.isSuperSeeding = superSeed
    // a piece that is not retained is not announced
    this.announcedPieces = superSeed || !pieces.retains ? new Bitfield(pieceCount) : pieces.verified
    this.suggestions = new Suggestions({ pieceCount, pieceLength, random, source: scheduler })
    if (superSeed) this.#superSeed = new SuperSeed({ source: scheduler, pieceCount, random })
    this.source = this.#superSeed ?? scheduler
  }

  has(index: number): boolean {
    return this.#pieces.retains && this.#pieces.trusts(index)
  }

  onReadError(error: Error, index: number): void {
    // a piece that another program changed is read again: that is no failure
    if (this.#pieces.trusts(index)) this.emit('failed', error)
  }

  /** Announces the first piece to a connected peer, if we super-seed. */
  addPeer(peer: Peer): void {
    this.#superSeed?.addPeer(peer)
  }
}
