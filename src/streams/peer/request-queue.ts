import { BLOCK_LENGTH, type BlockRef, type Message } from '../../codec/message.ts'
import type { Fetcher, RequestWindow } from '../block-source.ts'
import type { Request } from '../pending-requests.ts'
import { BLOCK, type BlockWriter, type PieceBuffer } from '../piece-buffer.ts'
import { SourceLink } from '../source-link.ts'
import { NO_SOURCE } from './no-source.ts'
import { Patience } from './patience.ts'
import { PeerRequests } from './peer-requests.ts'

export interface RequestQueueOptions {
  /** The fetcher that makes the requests. */
  readonly fetcher: Fetcher
  readonly window: RequestWindow
  readonly send: (messages: Message | readonly Message[]) => void
  /** Milliseconds, monotonic. */
  readonly now: () => number
}

/** The share of the window from which on it is refilled. */
const REFILL_SHARE = 0.75

/**
 * The request queue of one peer: asks for blocks, refills in batches, repeats what the peer dropped, and gives to other
 * peers what this one does not answer.
 *
 * Every answer belongs to one request, and to the oldest for its block. A request that was taken back stays known until
 * it is answered, so its reject is not taken for that of a newer one, and its block is used if it is still missing.
 */
export class RequestQueue {
  /** The peer has not answered in time: until it does, it gets no requests but a few probes. */
  snubbed = false
  /** Connects the fetcher with its source. */
  readonly link: SourceLink
  readonly #options: RequestQueueOptions
  readonly #requests = new PeerRequests()
  readonly #patience = new Patience()

  constructor(options: RequestQueueOptions) {
    this.#options = options
    this.link = new SourceLink(options.fetcher, NO_SOURCE)
  }

  /** True if the peer supports the fast extension, and so answers every request (BEP 6). */
  get fast(): boolean {
    return this.#patience.fast
  }

  set fast(fast: boolean) {
    this.#patience.fast = fast
  }

  /** Requests under way that still count. */
  get count(): number {
    return this.#requests.count
  }

  /** How many more the window has room for. */
  get room(): number {
    return this.#patience.isResting ? 0 : Math.max(0, this.#options.window.size - this.count)
  }

  /** When a block was asked for, if it was. */
  askedAt(index: number, block: number): number | undefined {
    return this.#requests.get(index, block)?.at
  }

  /** The piece that a block goes into, if it was asked for. */
  pieceFor(index: number, begin: number): PieceBuffer | undefined {
    return this.#pieceOf(this.#requests.find(index, begin), index, begin)
  }

  /**
   * Takes a block that `writer` has written into a piece.
   * @returns false if the block is of no use: another writer has claimed it since, the piece was given up, or the request is
   * no longer expected to be answered
   */
  arrive(piece: PieceBuffer, begin: number, writer: BlockWriter): boolean {
    const { index } = piece
    const block = begin / BLOCK_LENGTH
    if (!piece.isClaimedBy(block, writer)) return false
    if (!this.#requests.expects(index, begin)) {
      piece.unclaim(block, writer)
      return false
    }
    const { window, now } = this.#options
    const request = this.#requests.get(index, block)
    const time = now()
    const length = piece.blockLength(block)
    const repeated = this.#settle(request, index, block, length)
    this.snubbed = false
    this.#patience.answer(request?.at ?? Number.NaN, time, repeated)
    if (request) window.onBlock(length, time - request.at, time)
    this.link.arrive(request?.piece === piece ? request : { piece, block, at: time, lost: true })
    return true
  }

  /** Asks for more once a quarter of the window is free. */
  refill(): void {
    if (this.count <= this.#options.window.size * REFILL_SHARE) this.fill()
  }

  /** Notes whether the window was in use. To be called before the blocks of a chunk are taken. */
  noteUse(): void {
    const { window } = this.#options
    if (this.count < window.size * REFILL_SHARE) window.onShortage?.()
  }

  /** Asks for as many more blocks as the window has room for. */
  fill(): void {
    this.link.fill(this.#options.now, requests => this.#ask(requests))
  }

  /** Takes a request back: the block came from another peer. */
  cancel(piece: PieceBuffer, block: number): void {
    const request = this.#requests.get(piece.index, block)
    if (request?.piece !== piece) return
    this.#requests.withdraw([request])
    this.#sendCancel(piece.index, block, piece.blockLength(block))
    this.fill() // there is room again, and no other event would say so
  }

  /** The peer will not answer a request. @returns the request, if it was under way, and now no longer is */
  reject({ index, begin, length }: BlockRef): Request | undefined {
    const request = this.#requests.reject(index, begin)
    if (length !== request?.piece.blockLength(request.block)) return undefined
    this.#requests.drop(request)
    this.snubbed = false
    return request
  }

  /** What was rejected goes to other peers. @param choking whether the peer rejects because it chokes us */
  giveUp(request: Request, choking: boolean): void {
    const { now, window } = this.#options
    if (!choking) window.onRefusal(this.count)
    this.#patience.reject(this.count, now())
    this.link.lose([request])
    this.fill()
  }

  /**
   * A block came that had no place: it came from elsewhere meanwhile, has the wrong length, or was never asked for.
   * @param useful how many blocks came that were
   * @throws PeerError if too many blocks were never requested
   */
  refuseBlock({ index, begin, length }: BlockRef, useful: number): void {
    const request = this.#requests.find(index, begin)
    const expected = this.#requests.expects(index, begin)
    const right = expected && (!request || length === request.piece.blockLength(request.block))
    if (expected) {
      const repeated = this.#settle(request, index, begin / BLOCK_LENGTH, length)
      this.#patience.answer(request?.at ?? Number.NaN, this.#options.now(), repeated)
      this.snubbed = false
    }
    if (request && request.piece.states[request.block] !== BLOCK.arrived) this.link.lose([request])
    if (!right) this.#requests.countUnwanted(useful)
    if (expected) this.fill()
  }

  /** The peer chokes us. With the fast extension it rejects what it will not answer. */
  choke(): void {
    this.snubbed = false
    this.lose(request => request.lost || !this.fast)
  }

  unchoke(): void {
    this.snubbed = false
    this.#patience.renew(this.#options.now())
    this.fill()
  }

  /** Takes back those for which `gone` holds: other peers may fetch these blocks. */
  lose(gone: (request: Request) => boolean): void {
    const requests = this.#requests.filter(gone)
    this.#requests.withdraw(requests)
    this.link.lose(requests)
  }

  /** Gives all requests to other peers and leaves the source. Idempotent. */
  leave(): void {
    const requests = this.#requests.filter(() => true)
    this.#requests.withdraw(requests)
    this.link.leave(requests)
  }

  /** Gives the requests of a slow peer to others, and repeats those that it dropped. To be called now and then. */
  tick(now: number, timeout: number): void {
    this.#requests.tick(now)
    if (this.#patience.endsRest(now)) this.fill()
    const oldest = this.#requests.first
    const before = oldest && this.#patience.findDropped(oldest.at, now)
    if (before !== undefined) this.#repeat(before)
    if (this.count > 0 && !this.snubbed && this.#patience.silence(now) > timeout) this.#snub()
    const owes = this.count > 0 || this.snubbed
    if (owes && !this.#options.fetcher.peerChoking && this.#patience.probes(now)) this.#probe(now)
  }

  /** Requests sent before this time were dropped by the peer: it has no room for so many. */
  #repeat(before: number): void {
    const dropped = this.#requests.filter(({ at }) => at < before)
    this.#requests.withdraw(dropped)
    this.#options.window.onRefusal(this.count)
    this.link.lose(dropped)
    this.fill()
  }

  /** The requests may go to other peers; this one still has to answer them. */
  #snub(): void {
    this.snubbed = true
    this.#options.window.onSnub()
    this.link.loseAll(this.#requests)
  }

  /** Asks a silent peer for one block, so that its answer tells whether it dropped the requests before. */
  #probe(now: number): void {
    const { fetcher, send } = this.#options
    if (this.snubbed) this.link.loseAll(this.#requests) // a probe must not keep a block from others
    const probe = this.snubbed
      ? this.link.source.takeBlocks(fetcher, 1, now)[0]
      : this.#requests.firstCounting
    if (probe) send(this.#messageFor({ ...probe, at: now }))
    else {
      this.snubbed = false // no piece under way needs it, but it may begin another
      this.fill()
    }
  }

  /** The piece of a request, or if that is given up, the one under way that a late answer may go into. */
  #pieceOf(request: Request | undefined, index: number, begin: number): PieceBuffer | undefined {
    if (request && !request.piece.closed) return request.piece
    const { fetcher } = this.#options
    return this.#requests.expects(index, begin) ? this.link.source.findPiece(fetcher, index) : undefined
  }

  #ask(requests: readonly Request[]): void {
    if (requests.length === 0) return
    if (this.count === 0) this.#patience.begin(this.#options.now())
    const messages: Message[] = []
    for (const request of requests) {
      // unless the peer owes the answer already
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

  /** Withdraws the other requests for a block that arrived. @returns true if there are any */
  #settle(request: Request | undefined, index: number, block: number, length: number): boolean {
    const others = this.#requests.settle(request, index, block)
    for (let other = 0; other < others; other++) this.#sendCancel(index, block, length)
    return others > 0
  }

  #sendCancel(index: number, block: number, length: number): void {
    this.#options.send({ type: 'cancel', index, begin: block * BLOCK_LENGTH, length })
  }
}
