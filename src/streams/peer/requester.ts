import type { Bitfield } from '../../codec/bitfield.ts'
import { checkArgument, checkRequired } from '../../codec/check-arguments.ts'
import { BLOCK_LENGTH, type BlockRef } from '../../codec/message.ts'
import { PeerError } from '../../errors.ts'
import type { BlockSource, Fetcher, RequestWindow } from '../block-source.ts'
import type { Request } from '../pending-requests.ts'
import type { Block, BlockPlace, BlockWriter, PieceBuffer } from '../piece-buffer.ts'
import { isOutputDue } from '../source-link.ts'
import { type Done, Transform } from '../stage.ts'
import type { PiecesMessage } from './early-pieces.ts'
import { type BlocksMessage, type Incoming, isFastMessage } from './incoming.ts'
import { Interest, type RequesterTorrent } from './interest.ts'
import type { PeerPieces } from './peer-pieces.ts'
import { RequestQueue } from './request-queue.ts'
import { RequestWait } from './request-waits.ts'
import type { RequesterOptions } from './requester-options.ts'

export type { BlockSource, Request, RequesterOptions, RequesterTorrent, RequestWindow }

/** Weight of a block in the output. 4,096 of them fill it. */
const OUTPUT_WEIGHT = 16

/**
 * Requests blocks from one peer: keeps a window of requests in flight and refills it in batches. Emits `interest` when the
 * peer says that it is interested or not: in order with the pieces that it has, as both decide about unchoking. Emits
 * `bitfield` when the peer has said which pieces it has.
 *
 * in            Incoming, from the peer's Framer or Dispatcher; `place` gives the Framer the places of blocks
 * out           Block: the last that arrived of a piece, and one whenever another 64 of a piece have arrived, or each one
 *               if the piece passes each block
 * backpressure  requests nothing that its source does not admit, so the admitted pieces bound its output; takes no message
 *               while 4,096 blocks wait
 * fails with    PeerError: an impossible index or bitfield, a flood of blocks that were never requested
 * BEP           3, 6, 54
 */
export class Requester extends Transform<Incoming, Block> implements BlockPlace, Fetcher {
  peerChoking = true
  peerInterested = false
  /** Bytes of useful blocks. */
  downloaded = 0
  /** Bytes of blocks that were of no use. */
  wasted = 0
  readonly window: RequestWindow
  readonly #now: () => number
  readonly #interest: Interest
  readonly #queue: RequestQueue
  readonly #wait: RequestWait

  constructor(options: RequesterOptions) {
    checkRequired(options, { window: 'object', send: 'function', now: 'function' })
    super({ highWaterMark: 65536, byteLengthWritable: () => 64, byteLengthReadable: () => OUTPUT_WEIGHT })
    const { now, pieceCount, send, source, waits, window } = options
    this.#now = now
    this.window = window
    this.#queue = new RequestQueue({ fetcher: this, window, send, now })
    this.#wait = new RequestWait(waits, now, () => this.#queue.findWait(this.amInterested))
    this.#interest = new Interest({
      fetcher: this,
      send: message => this.#queue.link.hasLeft || send(message),
    })
    if (pieceCount !== undefined && source) this.setTorrent({ pieceCount, source })
  }

  /**
   * The metadata is known: applies the earlier messages about pieces, and requests blocks from now on.
   * @throws PeerError if a message is impossible for this torrent
   */
  setTorrent(torrent: RequesterTorrent): void {
    checkArgument('torrent', torrent, 'object')
    this.#queue.link.source = torrent.source
    this.#interest.setTorrent(torrent, message => this.#applyPieces(message))
  }

  /** True if both sides support the fast extension. */
  get fast(): boolean {
    return this.#queue.fast
  }

  set fast(fast: boolean) {
    this.#queue.fast = fast
  }

  /** The pieces of the peer, and which of them may be requested. */
  get peerPieces(): PeerPieces {
    return this.#interest.peerPieces
  }

  /** True if the peer knows that we are interested. */
  get amInterested(): boolean {
    return this.#interest.isShown
  }

  /** The pieces that the peer has; none before the metadata is known. */
  get bits(): Bitfield {
    return this.peerPieces.bits
  }

  /** True if the peer has every piece, as far as that is known before the metadata is. */
  get isSeed(): boolean {
    return this.#interest.isSeed
  }

  /** True while the peer does not answer in time: it gets no requests except probes. */
  get snubbed(): boolean {
    return this.#queue.snubbed
  }

  /** The number of requests in flight that are not lost. */
  get outstanding(): number {
    return this.#queue.count
  }

  /** Requests that fit into the window. */
  get room(): number {
    return this.ready && !this.destroying ? this.#queue.room : 0
  }

  /** Returns true if blocks of this piece may be requested. */
  offers(index: number): boolean {
    return this.peerPieces.has(index, this.peerChoking)
  }

  /** True if the peer takes requests now. */
  get ready(): boolean {
    return (
      this.amInterested &&
      !this.snubbed &&
      !this.#queue.link.hasLeft &&
      (!this.peerChoking || this.peerPieces.hasAllowed)
    )
  }

  /** Returns the time of the request for a block, in milliseconds, if there is one. */
  findRequestTime(index: number, block: number): number | undefined {
    return this.#queue.findRequestTime(index, block)
  }

  place(index: number, begin: number, length: number, writer: BlockWriter): PieceBuffer | null {
    if (this.#queue.link.hasLeft) return null
    const piece = this.#queue.findTargetPiece(index, begin)
    const block = begin / BLOCK_LENGTH
    return piece && length === piece.blockLength(block) && piece.claim(block, writer) ? piece : null
  }

  /** Requests as many blocks as the window has room for. */
  fill(): void {
    this.#queue.fill()
    this.#wait.update()
  }

  /** Cancels the request for a block that came from another peer. */
  cancel(piece: PieceBuffer, block: number): void {
    this.#queue.cancel(piece, block)
  }

  /** We have a piece from now on: it is no reason to be interested. */
  addOwnPiece(index: number): void {
    this.#interest.addOwnPiece(index)
  }

  /** We no longer have a piece: it may be a reason to be interested. */
  removeOwnPiece(index: number): void {
    this.#interest.removeOwnPiece(index)
    this.fill() // we may not have been interested until now, and the peer takes requests
  }

  /** We want other pieces from now on. */
  recountUseful(): void {
    this.#interest.recountUseful()
    this.fill()
  }

  /** Returns the requests of a slow peer to the source, and repeats dropped ones. Called several times a second. */
  tick(now: number, timeout: number): void {
    if (this.peerPieces.expireRefusals(now)) this.fill()
    this.#queue.tick(now, timeout)
    this.#wait.settle(now)
  }

  override _transform(message: Incoming, done: Done<Block>): void {
    try {
      if (message.type === 'blocks') this.#takeBlocks(message)
      else this.#take(message)
      this.#wait.update()
    } catch (error) {
      done(error as Error)
      return
    }
    done()
  }

  override _predestroy(): void {
    this.#leave()
  }

  override _flush(done: Done<Block>): void {
    this.#leave()
    done()
  }

  #leave(): void {
    this.#queue.leave()
    this.#wait.update()
  }

  #take(message: Exclude<Incoming, BlocksMessage>): void {
    if (isFastMessage(message) && !this.fast) {
      throw new PeerError('ERR_MESSAGE', `${message.type}, though the fast extension was not agreed on`)
    }
    switch (message.type) {
      case 'piece':
        this.#refuseBlock(message)
        return
      case 'choke':
        this.peerChoking = true
        this.#queue.choke()
        return
      case 'unchoke':
        this.peerChoking = false
        this.peerPieces.clearRefusals()
        this.#queue.unchoke()
        return
      case 'have':
      case 'bitfield':
      case 'haveAll':
      case 'haveNone':
      case 'allowedFast':
      case 'suggest':
      case 'dontHave':
        if (!this.#interest.keepEarly(message)) this.#applyPieces(message)
        return
      case 'reject':
        this.#reject(message)
        return
      case 'interested':
      case 'notInterested':
        this.peerInterested = message.type === 'interested'
        this.emit('interest')
    }
  }

  #takeBlocks({ blocks, writer }: BlocksMessage): void {
    const time = this.#now()
    this.#queue.noteUse()
    for (const { piece, begin, length } of blocks) {
      const end = Math.ceil((begin + length) / BLOCK_LENGTH)
      for (let first = begin / BLOCK_LENGTH, count = 0; first < end; first += count || 1) {
        count = this.#queue.arrive(piece, first, end, writer, time)
        const place = piece.locate(first, count || 1)
        if (count === 0) this.#refuseBlock({ index: piece.index, ...place })
        else {
          this.downloaded += place.length
          this.peerPieces.noteBlock(piece.index)
          if (isOutputDue(piece, count)) this.push({ piece, ...place })
        }
      }
    }
    this.#queue.refill()
  }

  /** Counts a block that is of no use. */
  #refuseBlock(block: BlockRef): void {
    this.wasted += block.length
    this.#queue.refuseBlock(block, this.downloaded / BLOCK_LENGTH)
  }

  #applyPieces(message: PiecesMessage): void {
    switch (message.type) {
      case 'have':
        if (this.#interest.add(message.index) && this.outstanding === 0) this.fill()
        return
      case 'bitfield':
      case 'haveAll':
      case 'haveNone':
        this.#interest.set(message)
        this.emit('bitfield')
        this.fill()
        return
      case 'allowedFast':
        this.peerPieces.allow(message.index)
        if (this.peerChoking) this.fill()
        return
      case 'suggest':
        this.peerPieces.suggest(message.index)
        return
      case 'dontHave':
        if (this.#interest.delete(message.index))
          this.#queue.lose(({ piece }) => piece.index === message.index)
    }
  }

  /** The peer rejected a request: it may be sent to other peers, and later to this one again. */
  #reject(block: BlockRef): void {
    const request = this.#queue.reject(block)
    if (!request) return
    this.peerPieces.refuse(block.index, this.peerChoking, request.at, this.#now())
    this.#queue.giveUp(request, this.peerChoking)
  }
}
