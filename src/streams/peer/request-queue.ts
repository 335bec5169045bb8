import { BLOCK_LENGTH, type BlockRef, type Message } from '../../codec/message.ts'
import type { Fetcher, RequestWindow } from '../block-source.ts'
import type { Request } from '../pending-requests.ts'
import { BLOCK_STATE, type BlockWriter, type PieceBuffer } from '../piece-buffer.ts'
import { SourceLink } from '../source-link.ts'
import { NO_SOURCE } from './no-source.ts'
import { Patience } from './patience.ts'
import { PeerRequests } from './peer-requests.ts'
import type { RequestWaits } from './request-waits.ts'

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
 * The request queue of one peer: requests blocks in batches, repeats requests that the peer dropped, and returns unanswered
 * ones to the source.
 *
 * Every answer belongs to the oldest request for its block. A withdrawn request is kept until it is answered. So its reject is
 * not taken for that of a newer request, and its block is used if it is still missing.
 */
export class RequestQueue {
  /** True while the peer does not answer in time: it gets no requests except a few probes. */
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

  /** The number of requests in flight that are not lost. */
  get count(): number {
    return this.#requests.count
  }

  /** The number of requests that fit into the window. */
  get room(): number {
    return this.#patience.isResting ? 0 : Math.max(0, this.#options.window.size - this.count)
  }

  /** Returns the time of the request for a block, if there is one. */
  findRequestTime(index: number, block: number): number | undefined {
    return this.#requests.get(index, block)?.at
  }

  /** Returns the piece for the bytes of a block, if the block was requested. */
  findTargetPiece(index: number, begin: number): PieceBuffer | undefined {
    return this.#findPiece(this.#requests.find(index, begin), index, begin)
  }

  /**
   * Accepts adjacent blocks that `writer` has written into a piece, at `time` in milliseconds: the first, and those after it
   * that were requested together with it.
   * @param first the first block @param end the block after the last
   * @returns the number of accepted blocks; 0 if the first is useless: another writer has claimed it, the piece was given up,
   *   or no request for it is open
   */
  arrive(piece: PieceBuffer, first: number, end: number, writer: BlockWriter, time: number): number {
    const requests = this.#requests.settleTogether(piece, first, end, writer)
    if (requests.length === 0) return this.#arriveAlone(piece, first, writer, time) ? 1 : 0
    const { at } = requests[0]!
    this.snubbed = false
    this.#patience.onAnswer(at, time)
    const { window } = this.#options
    for (const { block } of requests) window.onBlock(piece.blockLength(block), time - at, time)
    this.link.arrive(requests)
    return requests.length
  }

  /** Accepts a block that may have been requested twice, or withdrawn. @returns false if it is useless */
  #arriveAlone(piece: PieceBuffer, block: number, writer: BlockWriter, time: number): boolean {
    const { index } = piece
    if (!piece.isClaimedBy(block, writer)) return false
    const request = this.#requests.get(index, block)
    if (!request && !this.#requests.expects(index, block * BLOCK_LENGTH)) {
      piece.unclaim(block, writer)
      return false
    }
    const { window } = this.#options
    const length = piece.blockLength(block)
    const repeated = this.#settle(request, index, block, length)
    this.snubbed = false
    this.#patience.onAnswer(request?.at ?? Number.NaN, time, repeated)
    if (request) window.onBlock(length, time - request.at, time)
    this.link.arrive([request?.piece === piece ? request : { piece, block, at: time, lost: true }])
    return true
  }

  /** Requests more blocks once a quarter of the window is free. */
  refill(): void {
    if (this.count <= this.#options.window.size * REFILL_SHARE) this.fill()
  }

  /** Notes whether the window was in use. To be called before the blocks of a chunk are taken. */
  noteUse(): void {
    const { window } = this.#options
    if (this.count < window.size * REFILL_SHARE) window.onShortage?.()
  }

  /** Returns what the fetcher waits for; undefined if the peer has nothing that we lack. */
  findWait(isInterested: boolean): keyof RequestWaits | undefined {
    if (!isInterested || this.link.hasLeft) return undefined
    if (this.#options.fetcher.peerChoking && this.count === 0) return 'unchoke'
    if (this.snubbed || this.#patience.isResting) return 'blocks'
    return this.count > this.#options.window.size * REFILL_SHARE ? 'blocks' : 'work'
  }

  /** Requests as many blocks as fit into the window. */
  fill(): void {
    this.link.fill(this.#options.now, requests => this.#sendRequests(requests))
  }

  /** Cancels the request for a block that came from another peer. */
  cancel(piece: PieceBuffer, block: number): void {
    const request = this.#requests.findInto(piece, block)
    if (!request) return
    this.#requests.withdraw([request])
    this.#sendCancel(piece.index, block, piece.blockLength(block))
    this.fill() // there is room again, and no other event reports it
  }

  /** Handles a reject. @returns the request, if it was in flight */
  reject({ index, begin, length }: BlockRef): Request | undefined {
    const request = this.#requests.reject(index, begin)
    if (length !== request?.piece.blockLength(request.block)) return undefined
    this.#requests.drop(request)
    this.snubbed = false
    return request
  }

  /** Returns a rejected request to the source. @param choking true if the peer rejects because it chokes us */
  giveUp(request: Request, choking: boolean): void {
    const { now, window } = this.#options
    if (!choking) window.onRefusal(this.count)
    this.#patience.onReject(this.count, now())
    this.link.lose([request])
    this.fill()
  }

  /**
   * Handles a block without a place: another peer sent it before, its length is wrong, or it was never requested.
   * @param useful the number of useful blocks so far
   * @throws PeerError if too many blocks were never requested
   */
  refuseBlock({ index, begin, length }: BlockRef, useful: number): void {
    const request = this.#requests.find(index, begin)
    const expected = this.#requests.expects(index, begin)
    const right = expected && (!request || length === request.piece.blockLength(request.block))
    if (expected) {
      const repeated = this.#settle(request, index, begin / BLOCK_LENGTH, length)
      this.#patience.onAnswer(request?.at ?? Number.NaN, this.#options.now(), repeated)
      this.snubbed = false
    }
    if (request && request.piece.states[request.block] !== BLOCK_STATE.arrived) this.link.lose([request])
    if (!right) this.#requests.countUnwanted(useful)
    if (expected) this.fill()
  }

  /** The peer chokes us. With the fast extension it rejects the requests that it will not answer. */
  choke(): void {
    this.snubbed = false
    this.lose(request => request.lost || !this.fast)
  }

  unchoke(): void {
    this.snubbed = false
    this.#patience.onProgress(this.#options.now())
    this.fill()
  }

  /** Withdraws the requests for which `isLost` returns true, and returns them to the source. */
  lose(isLost: (request: Request) => boolean): void {
    const requests = this.#requests.filter(isLost)
    this.#requests.withdraw(requests)
    this.link.lose(requests)
  }

  /** Returns all requests to the source and leaves it. Idempotent. */
  leave(): void {
    const requests = this.#requests.filter(() => true)
    this.#requests.withdraw(requests)
    this.link.leave(requests)
  }

  /** Returns the requests of a slow peer to the source, and repeats dropped ones. Called several times a second. */
  tick(now: number, timeout: number): void {
    this.#requests.tick(now)
    if (this.#patience.endRestIfDue(now)) this.fill()
    const oldest = this.#requests.first
    const before = oldest && this.#patience.findDropped(oldest.at, now)
    if (before !== undefined) this.#repeat(before)
    if (this.count > 0 && !this.snubbed && this.#patience.getSilence(now) > timeout) this.#snub()
    const isAwaited = this.count > 0 || this.snubbed
    if (isAwaited && !this.#options.fetcher.peerChoking && this.#patience.isProbeDue(now)) this.#probe(now)
  }

  /** Repeats the requests that were sent before this time: the peer dropped them, as it has no room for so many. */
  #repeat(before: number): void {
    const dropped = this.#requests.filter(({ at }) => at < before)
    this.#requests.withdraw(dropped)
    this.#options.window.onRefusal(this.count)
    this.link.lose(dropped)
    this.fill()
  }

  /** Returns the requests to the source, while this peer may still answer them. */
  #snub(): void {
    this.snubbed = true
    this.#options.window.onSnub()
    this.link.loseAll(this.#requests)
  }

  /** Requests one block from a silent peer. Its answer shows if it dropped the earlier requests. */
  #probe(now: number): void {
    const { fetcher, send } = this.#options
    if (this.snubbed) this.link.loseAll(this.#requests) // a probe must not keep other peers from a block
    const probe = this.snubbed
      ? this.link.source.takeBlocks(fetcher, 1, now)[0]
      : this.#requests.firstCounting
    if (probe) send(this.#addRequest({ ...probe, at: now }))
    else {
      this.snubbed = false // no active piece needs the peer, but it may begin another
      this.fill()
    }
  }

  /** Returns the piece of a request, or if that piece was given up, the active one that may take a late answer. */
  #findPiece(request: Request | undefined, index: number, begin: number): PieceBuffer | undefined {
    if (request && !request.piece.closed) return request.piece
    const { fetcher } = this.#options
    return this.#requests.expects(index, begin) ? this.link.source.findPiece(fetcher, index) : undefined
  }

  #sendRequests(requests: readonly Request[]): void {
    if (requests.length === 0) return
    if (this.count === 0) this.#patience.restartSilence(this.#options.now())
    const messages: Message[] = []
    for (const request of requests) {
      // a restored request was sent before
      if (!this.#requests.restore(request)) messages.push(this.#addRequest(request))
    }
    if (messages.length > 0) this.#options.send(messages)
  }

  /** Adds a request. @returns its message */
  #addRequest(request: Request): Message {
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
