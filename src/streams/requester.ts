import { Bitfield } from '../codec/bitfield.ts'
import { BLOCK_LENGTH, type BlockRef, type Message, type PieceMessage } from '../codec/message.ts'
import { PeerError } from '../errors.ts'
import type { BlockSource, Fetcher, RequestWindow } from './block-source.ts'
import { Offer } from './offer.ts'
import { Outstanding, type Request } from './outstanding.ts'
import { BLOCK, type Block, type BlockPlace, type BlockWriter, type PieceBuffer } from './piece-buffer.ts'
import { type Done, Transform } from './stage.ts'

export type { BlockSource, Request, RequestWindow }

export interface RequesterOptions {
  readonly pieceCount: number
  readonly source: BlockSource
  readonly window: RequestWindow
  /** Where messages for the peer go: requests as a batch. */
  readonly send: (messages: Message | readonly Message[]) => void
  /** Milliseconds, monotonic. */
  readonly now: () => number
  /** What is not about requesting; may throw a PeerError. */
  readonly other?: (message: Message) => void
}

/** Blocks that nobody asked for, in all, before their sender is taken for a flooder. */
const MAX_UNWANTED = 128
/** Messages of the fast extension (BEP 6). */
const FAST = new Set(['haveAll', 'haveNone', 'reject', 'suggest', 'allowedFast'])
/** Every so many blocks of a piece, and when it is whole, somebody downstream is told: that is often enough to hash it. */
const NEWS = 16

/**
 * Asks one peer for blocks: keeps a window of requests under way, refilled in batches.
 *
 * in            Message, from the peer's Framer; blocks by `place` and `placed`, as that Framer's `places`
 * out           Block, in its place: the news of every sixteenth of a piece, and of its last
 * backpressure  takes no message while 64 blocks wait; asks for nothing that its source does not admit
 * fails with    PeerError: an impossible index or bitfield, a flood of blocks that nobody asked for
 * BEP           3, 6, 54
 */
export class Requester extends Transform<Message, Block> implements BlockPlace, Fetcher {
  /** What the peer has, and gives. */
  readonly offer: Offer
  /** Whether both sides speak the fast extension. */
  fast = false
  peerChoking = true
  amInterested = false
  /** Has not answered in time: gets no further requests until it does. */
  snubbed = false
  /** Bytes of blocks that came and were asked for. */
  downloaded = 0
  /** Bytes of blocks that came and were of no use. */
  wasted = 0
  readonly #options: RequesterOptions
  readonly #requests = new Outstanding()
  #unwanted = 0
  #lastArrival = 0
  #snubbedAt = 0
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
    this.offer = new Offer(options.pieceCount, index => options.source.wants(index))
  }

  /** What the peer has. */
  get bits(): Bitfield {
    return this.offer.bits
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
    return this.ready ? Math.max(0, this.#options.window.size - this.outstanding) : 0
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
    const request = this.#requests.find(index, begin)
    if (!request || length !== request.piece.blockLength(request.block)) return null
    return request.piece.place(request.block, writer)
  }

  placed(index: number, begin: number, length: number): void {
    const request = this.#requests.find(index, begin)
    if (!request) return // forgotten while it came in: it is written, but nobody counts on it
    const { piece, block } = request
    const { source, window, now } = this.#options
    const time = now()
    this.#requests.drop(request)
    piece.arrive(block, this)
    this.#lastArrival = time
    this.snubbed = false
    this.downloaded += length
    window.received(length, time - request.at, time)
    source.arrived(this, request)
    if (piece.complete || piece.arrived % NEWS === 0) this.push({ piece, begin, length })
    if (this.outstanding <= window.size * 0.75) this.fill()
  }

  /** Asks for as many more blocks as the window has room for. */
  fill(): void {
    this.#again = true
    if (this.#filling) return // the source found more while it was asked: the loop below takes it
    this.#filling = true
    while (this.#again) {
      this.#again = false
      const { room } = this
      if (room > 0 && !this.destroying) this.#ask(this.#options.source.take(this, room, this.#options.now()))
    }
    this.#filling = false
  }

  #ask(requests: readonly Request[]): void {
    if (requests.length === 0) return
    const messages: Message[] = []
    for (const request of requests) {
      const { piece, block } = request
      this.#requests.add(request)
      const begin = block * BLOCK_LENGTH
      messages.push({ type: 'request', index: piece.index, begin, length: piece.blockLength(block) })
    }
    this.#options.send(messages)
  }

  /** A block came from somebody else: takes the request back. */
  cancel(piece: PieceBuffer, block: number): void {
    const request = this.#requests.get(piece.index, block)
    if (request?.piece !== piece) return
    this.#requests.drop(request)
    this.#requests.forgive()
    this.#options.send({
      type: 'cancel',
      index: piece.index,
      begin: block * BLOCK_LENGTH,
      length: piece.blockLength(block),
    })
    this.fill() // there is room again, and nobody else would say so
  }

  /** We have this piece now: it is no reason any more to be interested. */
  done(index: number): void {
    this.offer.done(index)
    this.#showInterest()
  }

  /** The peer has this piece no longer. */
  lacks(index: number): void {
    if (!this.offer.delete(index)) return
    this.#options.source.lack(this, index)
    const lost = this.#requests.of(index)
    for (const request of lost) {
      this.#requests.drop(request)
      this.#requests.forgive() // it may be on its way
    }
    if (lost.length > 0) this.#options.source.lost(this, lost)
    this.#showInterest()
  }

  /** Gives the requests of a peer that lets us wait to others. To be called now and then. */
  tick(now: number, timeout: number): void {
    if (this.snubbed) {
      if (now - this.#snubbedAt <= 3 * timeout) return
      this.#requests.forget() // another chance, in case what was asked for got lost for good
      this.snubbed = false
      this.fill()
      return
    }
    if (now - Math.max(this.#lastArrival, this.#requests.oldest ?? now) > timeout) {
      this.snubbed = true
      this.#snubbedAt = now
      this.#options.window.snubbed()
      this.#options.source.lost(this, this.#requests.lose())
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
        this.snubbed = false // it owes us nothing now
        if (!this.fast) this.#loseAll() // otherwise it rejects what it will not answer
        return
      case 'unchoke':
        this.peerChoking = false
        this.offer.forgive()
        this.fill()
        return
      case 'have':
        this.#have(message.index)
        return
      case 'bitfield':
        this.#tell(Bitfield.from(message.bytes, this.bits.size))
        return
      case 'haveAll':
        this.#tell(Bitfield.full(this.bits.size))
        return
      case 'haveNone':
        this.#tell(new Bitfield(this.bits.size))
        return
      case 'allowedFast':
        this.offer.allow(message.index)
        if (this.peerChoking) this.fill()
        return
      case 'suggest':
        this.offer.suggest(message.index)
        return
      case 'reject':
        this.#reject(message)
        return
      default:
        this.#options.other?.(message)
    }
  }

  #have(index: number): void {
    const { source } = this.#options
    if (index >= this.bits.size) {
      throw new PeerError('ERR_MESSAGE', `have ${index} of a torrent of ${this.bits.size} pieces`)
    }
    if (!this.offer.add(index)) return
    source.have(this, index)
    if (!source.wants(index)) return
    this.#showInterest()
    if (this.outstanding === 0) this.fill()
  }

  #tell(bits: Bitfield): void {
    const before = this.bits
    this.offer.set(bits)
    this.#options.source.bitfield(this, before)
    this.#showInterest()
    this.fill()
  }

  /** The peer will not answer this request; others may, and it may once it has unchoked us again. */
  #reject({ index, begin, length }: BlockRef): void {
    const request = this.#requests.find(index, begin)
    if (length !== request?.piece.blockLength(request.block)) return
    this.#requests.drop(request)
    this.offer.refuse(index, this.peerChoking)
    if (!request.lost) this.#options.source.lost(this, [request])
    this.fill()
  }

  /** A block came that had no place: never asked for, come from elsewhere meanwhile, or of the wrong length. */
  #refuseBlock({ index, begin, length }: PieceMessage): void {
    const request = this.#requests.find(index, begin)
    this.wasted += length
    if (request) {
      this.#requests.drop(request)
      if (request.piece.states[request.block] !== BLOCK.arrived) this.#options.source.lost(this, [request])
    }
    if (
      !this.#requests.forgives() &&
      length !== request?.piece.blockLength(request.block) &&
      ++this.#unwanted > MAX_UNWANTED
    ) {
      throw new PeerError('ERR_MESSAGE', `${MAX_UNWANTED} blocks came that nobody had asked for`)
    }
    if (request) this.fill()
  }

  #loseAll(): void {
    const requests = this.#requests.forget()
    if (requests.length > 0) this.#options.source.lost(this, requests)
  }

  #leave(): void {
    if (this.#left) return
    this.#left = true
    this.#loseAll()
    this.#options.source.left(this)
  }

  #showInterest(): void {
    const interested = this.offer.useful > 0
    if (interested === this.amInterested || this.#left) return
    this.amInterested = interested
    this.#options.send({ type: interested ? 'interested' : 'notInterested' })
  }
}
