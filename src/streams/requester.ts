import type { Bitfield } from '../codec/bitfield.ts'
import { BLOCK_LENGTH, type BlockRef, type Message, type PieceMessage } from '../codec/message.ts'
import { PeerError } from '../errors.ts'
import type { BlockSource, Fetcher, RequestWindow } from './block-source.ts'
import { EarlyPieces, type PiecesMessage } from './early-pieces.ts'
import { Interest } from './interest.ts'
import { NO_SOURCE } from './no-source.ts'
import type { Offer } from './offer.ts'
import type { Request } from './outstanding.ts'
import { Patience } from './patience.ts'
import { BLOCK, type Block, type BlockPlace, type BlockWriter, type PieceBuffer } from './piece-buffer.ts'
import { Questions } from './questions.ts'
import { type Done, Transform } from './stage.ts'

export type { BlockSource, Request, RequestWindow }

/** What can be known only once the metadata is. */
export interface RequesterTorrent {
  readonly pieceCount: number
  readonly source: BlockSource
}

export interface RequesterOptions extends Partial<RequesterTorrent> {
  readonly window: RequestWindow
  /** Where messages for the peer go: requests as a batch. */
  readonly send: (messages: Message | readonly Message[]) => void
  /** Milliseconds, monotonic. */
  readonly now: () => number
  /** What is not about requesting; may throw a PeerError. */
  readonly other?: (message: Message) => void
}

/** Messages of the fast extension (BEP 6). */
const FAST = new Set(['haveAll', 'haveNone', 'reject', 'suggest', 'allowedFast'])
/** Every so many blocks of a piece, and when it is whole, the next stage is told: that is often enough to hash it. */
const NEWS = 16

/**
 * Asks one peer for blocks: keeps a window of requests under way, refilled in batches.
 *
 * Every answer belongs to one request, and to the oldest for its block. A request that was taken back stays known until
 * it is answered, so its reject is not taken for that of a newer one, and its block is used if it is still missing.
 *
 * in            Message, from the peer's Framer; blocks by `place` and `placed`, as that Framer's `places`
 * out           Block, in its place: the news of every sixteenth of a piece, and of its last
 * backpressure  takes no message while 64 blocks wait; asks for nothing that its source does not admit
 * fails with    PeerError: an impossible index or bitfield, a flood of blocks that were never asked for
 * BEP           3, 6, 54
 */
export class Requester extends Transform<Message, Block> implements BlockPlace, Fetcher {
  peerChoking = true
  /** Has not answered in time: until it does, it gets no requests but a few probes. */
  snubbed = false
  /** Bytes of blocks that came and were asked for. */
  downloaded = 0
  /** Bytes of blocks that came and were of no use. */
  wasted = 0
  readonly #options: RequesterOptions
  #source: BlockSource = NO_SOURCE
  #interest: Interest
  /** What the peer said of its pieces, until the metadata is known. */
  #early: EarlyPieces | undefined = new EarlyPieces()
  readonly #requests = new Questions()
  readonly #patience = new Patience()
  #left = false
  #filling = false
  #again = false

  constructor(options: RequesterOptions) {
    super({
      highWaterMark: 65536,
      byteLengthWritable: () => 64,
      byteLengthReadable: () => 1024,
    })
    this.#options = options
    this.#interest = this.#interestIn({ pieceCount: 0, source: NO_SOURCE })
    const { pieceCount, source } = options
    if (pieceCount !== undefined && source) this.begin({ pieceCount, source })
  }

  /**
   * The metadata is known: takes what the peer has said of its pieces, and asks for blocks from now on.
   * @throws PeerError when that cannot be so of this torrent
   */
  begin(torrent: RequesterTorrent): void {
    const early = this.#early
    if (!early) return
    this.#early = undefined
    this.#source = torrent.source
    const { shown } = this.#interest
    this.#interest = this.#interestIn(torrent)
    this.#interest.shown = shown
    for (const message of early) this.#takePieces(message)
    this.#interest.update()
  }

  #interestIn({ pieceCount, source }: RequesterTorrent): Interest {
    const send = (message: Message) => {
      if (!this.#left) this.#options.send(message)
    }
    return new Interest({ fetcher: this, pieceCount, source, send })
  }

  /** Whether both sides speak the fast extension. */
  get fast(): boolean {
    return this.#patience.fast
  }

  set fast(fast: boolean) {
    this.#patience.fast = fast
  }

  /** What the peer has, and gives. */
  get offer(): Offer {
    return this.#interest.offer
  }

  get amInterested(): boolean {
    return this.#interest.shown
  }

  /** What the peer has; nothing before the metadata is known. */
  get bits(): Bitfield {
    return this.offer.bits
  }

  /** Whether the peer has every piece, as far as that can be told before the metadata is known. */
  get isSeed(): boolean {
    return this.#early ? this.#early.all : this.bits.full
  }

  get window(): RequestWindow {
    return this.#options.window
  }

  /** Requests under way that still count. */
  get outstanding(): number {
    return this.#requests.count
  }

  /** How many more requests would fit. */
  get room(): number {
    if (!this.ready || this.#patience.resting) return 0
    return Math.max(0, this.#options.window.size - this.outstanding)
  }

  /** Whether blocks of this piece may be asked of it. */
  offers(index: number): boolean {
    return this.offer.has(index, this.peerChoking)
  }

  /** Whether the peer takes requests now. */
  get ready(): boolean {
    return this.amInterested && !this.snubbed && !this.#left && (!this.peerChoking || this.offer.allows)
  }

  /** When a block was asked of this peer, if it was. */
  askedAt(index: number, block: number): number | undefined {
    return this.#requests.get(index, block)?.at
  }

  place(index: number, begin: number, length: number, writer: BlockWriter): Uint8Array | null {
    const piece = this.#pieceFor(this.#requests.find(index, begin), index, begin)
    const block = begin / BLOCK_LENGTH
    return piece && length === piece.blockLength(block) ? piece.place(block, writer) : null
  }

  placed(index: number, begin: number, length: number): void {
    const request = this.#requests.find(index, begin)
    const piece = this.#pieceFor(request, index, begin)
    if (!piece) return // given up while it came in: it is written, but counts for nothing
    const { window, now } = this.#options
    const time = now()
    const block = begin / BLOCK_LENGTH
    this.#settle(request, index, block, length)
    piece.arrive(block, this)
    this.snubbed = false
    this.downloaded += length
    this.offer.gave(index)
    this.#patience.answer(request?.at ?? Number.NaN, time)
    if (request) window.received(length, time - request.at, time)
    this.#source.arrived(this, request?.piece === piece ? request : { piece, block, at: time, lost: true })
    if (piece.complete || piece.arrived % NEWS === 0) this.push({ piece, begin, length })
    if (this.outstanding <= window.size * 0.75) this.fill()
  }

  /** The piece that a block goes into: that of its request, or if that is given up, the one under way. */
  #pieceFor(request: Request | undefined, index: number, begin: number): PieceBuffer | undefined {
    if (request && !request.piece.closed) return request.piece
    return this.#requests.expects(index, begin) ? this.#source.pieceFor(this, index) : undefined
  }

  /** A block came: what else was asked for it is no longer needed. */
  #settle(request: Request | undefined, index: number, block: number, length: number): void {
    let others = this.#requests.settle(request, index, block)
    while (others-- > 0) this.#options.send({ type: 'cancel', index, begin: block * BLOCK_LENGTH, length })
  }

  /** Asks for as many more blocks as the window has room for. */
  fill(): void {
    this.#again = true
    if (this.#filling) return // the source found more while it was asked: the loop below takes it
    this.#filling = true
    while (this.#again) {
      this.#again = false
      const { room } = this
      if (room > 0 && !this.destroying) this.#ask(this.#source.take(this, room, this.#options.now()))
    }
    this.#filling = false
  }

  #ask(requests: readonly Request[]): void {
    if (requests.length === 0) return
    if (this.outstanding === 0) this.#patience.begin(this.#options.now())
    const messages: Message[] = []
    for (const request of requests) {
      // unless it owes the answer already
      if (!this.#requests.restore(request)) messages.push(this.#messageFor(request))
    }
    if (messages.length > 0) this.#options.send(messages)
  }

  /** Adds a request. @returns what says it to the peer */
  #messageFor(request: Request): Message {
    const { piece, block } = request
    this.#requests.add(request)
    const begin = block * BLOCK_LENGTH
    return { type: 'request', index: piece.index, begin, length: piece.blockLength(block) }
  }

  /** The block came from another peer: takes the request back. */
  cancel(piece: PieceBuffer, block: number): void {
    const request = this.#requests.get(piece.index, block)
    if (request?.piece !== piece) return
    this.#requests.withdraw([request])
    this.#options.send({
      type: 'cancel',
      index: piece.index,
      begin: block * BLOCK_LENGTH,
      length: piece.blockLength(block),
    })
    this.fill() // there is room again, and no other event would say so
  }

  /** We have this piece now: it is no reason any more to be interested. */
  done(index: number): void {
    this.#interest.done(index)
  }

  /** We have this piece no longer: it may be a reason to be interested. */
  undone(index: number): void {
    this.offer.undone(index)
    this.#interest.update()
  }

  /** The peer has this piece no longer. */
  lacks(index: number): void {
    if (this.#interest.delete(index)) this.#lose(request => request.piece.index === index)
  }

  /** Gives the requests of a slow peer to others, and repeats those that it dropped. To be called now and then. */
  tick(now: number, timeout: number): void {
    this.#requests.tick(now)
    const rested = this.#patience.endsRest(now)
    if (this.offer.expire(now) || rested) this.fill()
    const oldest = this.#requests.first
    const before = oldest && this.#patience.findDropped(oldest.at, now)
    if (before !== undefined) this.#drop(before)
    if (this.outstanding > 0 && !this.snubbed && this.#patience.silence(now) > timeout) this.#snub()
    if ((this.outstanding > 0 || this.snubbed) && !this.peerChoking && this.#patience.probes(now))
      this.#probe(now)
  }

  /** Requests sent before this time were dropped by the peer: it has no room for so many. */
  #drop(before: number): void {
    const dropped = this.#requests.where(({ at }) => at < before)
    this.#requests.withdraw(dropped)
    this.#options.window.refused(this.outstanding)
    this.#give(dropped)
    this.fill()
  }

  /** Its requests may go to others; the peer still has to answer them. */
  #snub(): void {
    this.snubbed = true
    this.#options.window.snubbed()
    this.#source.lost(this, this.#requests.lose())
  }

  /** Asks a silent peer for one block, so that its answer tells whether it dropped the requests before. */
  #probe(now: number): void {
    const { send } = this.#options
    if (this.snubbed) this.#source.lost(this, this.#requests.lose()) // a probe must not keep a block from others
    const probe = this.snubbed ? this.#source.take(this, 1, now)[0] : this.#requests.firstCounting
    if (probe) send(this.#messageFor({ ...probe, at: now }))
    else {
      this.snubbed = false // no piece under way needs it, but it may begin another
      this.fill()
    }
  }

  override _transform(message: Message, done: Done<Block>): void {
    try {
      this.#take(message)
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

  #take(message: Message): void {
    if (FAST.has(message.type) && !this.fast) {
      throw new PeerError('ERR_MESSAGE', `${message.type}, though the fast extension was not agreed on`)
    }
    switch (message.type) {
      case 'piece':
        this.#refuseBlock(message)
        return
      case 'choke':
        this.peerChoking = true
        this.snubbed = false
        // a peer with the fast extension rejects what it will not answer
        this.#lose(request => request.lost || !this.fast)
        return
      case 'unchoke':
        this.#unchoked()
        return
      case 'have':
      case 'bitfield':
      case 'haveAll':
      case 'haveNone':
      case 'allowedFast':
      case 'suggest':
        this.#takePieces(message)
        return
      case 'reject':
        this.#reject(message)
        return
      default:
        this.#options.other?.(message)
    }
  }

  #takePieces(message: PiecesMessage): void {
    if (this.#early) {
      this.#early.add(message)
      if (this.#early.any) this.#interest.show(true)
      return
    }
    switch (message.type) {
      case 'have':
        if (this.#interest.add(message.index) && this.outstanding === 0) this.fill()
        return
      case 'bitfield':
      case 'haveAll':
      case 'haveNone':
        this.#interest.set(message)
        this.fill()
        return
      case 'allowedFast':
        this.offer.allow(message.index)
        if (this.peerChoking) this.fill()
        return
      case 'suggest':
        this.offer.suggest(message.index)
        return
    }
  }

  #unchoked(): void {
    this.peerChoking = false
    this.snubbed = false
    this.offer.forgive()
    this.#patience.renew(this.#options.now())
    this.fill()
  }

  /** The peer will not answer this request now; others may, and so may the peer later. */
  #reject({ index, begin, length }: BlockRef): void {
    const request = this.#requests.reject(index, begin)
    if (length !== request?.piece.blockLength(request.block)) return
    const { now, window } = this.#options
    const time = now()
    this.#requests.drop(request)
    this.snubbed = false
    this.offer.refuse(index, this.peerChoking, request.at, time)
    if (!this.peerChoking) window.refused(this.outstanding)
    this.#patience.reject(this.outstanding, time)
    this.#give([request])
    this.fill()
  }

  /** A block came that had no place: it came from elsewhere meanwhile, has the wrong length, or was never asked for. */
  #refuseBlock({ index, begin, length }: PieceMessage): void {
    this.wasted += length
    const request = this.#requests.find(index, begin)
    const expected = this.#requests.expects(index, begin)
    const right = expected && (!request || length === request.piece.blockLength(request.block))
    if (expected) {
      this.#settle(request, index, begin / BLOCK_LENGTH, length)
      this.#patience.answer(request?.at ?? Number.NaN, this.#options.now())
    }
    if (request && request.piece.states[request.block] !== BLOCK.arrived) this.#give([request])
    if (!right) this.#requests.countUnwanted(this.downloaded / BLOCK_LENGTH)
    if (expected) this.fill()
  }

  /** Takes back those for which `gone` holds. */
  #lose(gone: (request: Request) => boolean): void {
    const requests = this.#requests.where(gone)
    this.#requests.withdraw(requests)
    this.#give(requests)
  }

  /** Others may fetch these blocks, as far as they may not already. */
  #give(requests: readonly Request[]): void {
    const given = requests.filter(({ lost }) => !lost)
    if (given.length > 0) this.#source.lost(this, given)
  }

  #leave(): void {
    if (this.#left) return
    this.#left = true
    this.#lose(() => true)
    this.#source.left(this)
  }
}
