import { Bitfield } from '../../codec/bitfield.ts'
import type { Message } from '../../codec/message.ts'
import { PeerError } from '../../errors.ts'
import type { BlockSource, Fetcher } from '../block-source.ts'
import { EarlyPieces, type PiecesMessage } from './early-pieces.ts'
import { NO_SOURCE } from './no-source.ts'
import { PeerPieces } from './peer-pieces.ts'

export interface InterestOptions {
  readonly fetcher: Fetcher
  readonly send: (message: Message) => void
}

/** The values that are known once the metadata is. */
export interface RequesterTorrent {
  readonly pieceCount: number
  readonly source: BlockSource
}

/** The pieces of one peer, and our interest in them (BEP 3, 6, 54). */
export class Interest {
  /** The pieces of the peer; empty until the metadata is known. */
  peerPieces = new PeerPieces(0, NO_SOURCE)
  /** True if the peer knows that we are interested. */
  isShown = false
  readonly #options: InterestOptions
  #source: BlockSource = NO_SOURCE
  /** The messages of the peer about its pieces, until the metadata is known. */
  #early: EarlyPieces | undefined = new EarlyPieces()
  /** True while early messages are applied: interest is updated after the last. */
  #paused = false

  constructor(options: InterestOptions) {
    this.#options = options
  }

  /** True if the peer has every piece, as far as that is known before the metadata is. */
  get isSeed(): boolean {
    return this.#early ? this.#early.hasAll : this.peerPieces.bits.full
  }

  /** The metadata is known: passes all earlier messages about pieces to `apply`. */
  setTorrent({ pieceCount, source }: RequesterTorrent, apply: (message: PiecesMessage) => void): void {
    const early = this.#early
    if (!early) return
    this.#early = undefined
    this.#source = source
    this.peerPieces = new PeerPieces(pieceCount, source)
    this.#paused = true
    for (const message of early) apply(message)
    this.#paused = false
    this.update()
  }

  /** Keeps a message while the metadata is not known. @returns false if it is known */
  keepEarly(message: PiecesMessage): boolean {
    if (!this.#early) return false
    this.#early.add(message)
    if (this.#early.hasAny) this.#show(true)
    return true
  }

  /** The peer has one more piece. @returns true if we want the piece */
  add(index: number): boolean {
    const { fetcher } = this.#options
    const { size } = this.peerPieces.bits
    if (index >= size) throw new PeerError('ERR_MESSAGE', `have ${index} of a torrent of ${size} pieces`)
    if (!this.peerPieces.add(index)) return false
    this.#source.onHave(fetcher, index)
    if (!this.#source.wants(index)) return false
    this.update()
    return true
  }

  /** The peer has exactly these pieces. */
  set(message: Extract<Message, { type: 'bitfield' | 'haveAll' | 'haveNone' }>): void {
    const { fetcher } = this.#options
    const before = this.peerPieces.bits
    const { size } = before
    if (message.type === 'bitfield') this.peerPieces.set(Bitfield.from(message.bytes, size))
    else this.peerPieces.set(message.type === 'haveAll' ? Bitfield.full(size) : new Bitfield(size))
    this.#source.onBitfield(fetcher, before)
    this.update()
  }

  /** The peer no longer has a piece. @returns true if it had the piece */
  delete(index: number): boolean {
    const { fetcher } = this.#options
    if (!this.peerPieces.delete(index)) return false
    this.#source.onDontHave(fetcher, index)
    this.update()
    return true
  }

  /** We have a piece from now on: it is no reason to be interested. */
  addOwnPiece(index: number): void {
    this.peerPieces.addOwnPiece(index)
    this.update()
  }

  /** We no longer have a piece: it may be a reason to be interested. */
  removeOwnPiece(index: number): void {
    this.peerPieces.removeOwnPiece(index)
    this.update()
  }

  /** We want other pieces from now on. */
  recountUseful(): void {
    this.peerPieces.recountUseful()
    this.update()
  }

  /** Tells the peer if our interest has changed. */
  update(): void {
    if (!this.#paused) this.#show(this.peerPieces.usefulCount > 0)
  }

  #show(interested: boolean): void {
    if (interested === this.isShown) return
    this.isShown = interested
    this.#options.send({ type: interested ? 'interested' : 'notInterested' })
  }
}
