import { Bitfield } from '../../codec/bitfield.ts'
import { BLOCK_LENGTH } from '../../codec/message.ts'
import { messageOf, PeerError } from '../../errors.ts'
import type { Fetcher, RequestWindow } from '../block-source.ts'
import { ByteGate } from '../byte-gate.ts'
import { PendingRequests, type Request } from '../pending-requests.ts'
import { BLOCK, type Block, type PieceBuffer } from '../piece-buffer.ts'
import { isOutputDue, SourceLink } from '../source-link.ts'
import { Readable } from '../stage.ts'
import { WebFault } from './web-fault.ts'
import { WebFiles } from './web-files.ts'
import { WebLane } from './web-lane.ts'
import { WebOrder } from './web-order.ts'
import { WebPatience } from './web-patience.ts'
import { WebQueue } from './web-queue.ts'
import { MAX_MISSES, WebRests } from './web-rests.ts'
import type { WebSeedOptions } from './web-seed-options.ts'

/**
 * Fetches blocks over HTTP from one web seed, which has everything and never chokes. Emits `answered` when it is of
 * use, and `warning` with a PeerError when it is not: then it, or the file that could not be had, rests for a while.
 *
 * in            nothing; it takes runs of blocks from its source as it has room
 * out           Block: the last that arrived of a piece, and one whenever another 64 of a piece have arrived
 * backpressure  asks for nothing that its source does not admit; reads on as its ByteLimit says
 * fails with    nothing: whatever goes wrong is tried again
 * BEP           17, 19
 */
export class WebSeed extends Readable<Block> implements Fetcher {
  readonly name: string
  readonly peerChoking = false
  readonly peerPieces: WebOrder
  /** It gave an answer that was of use, since the last that was none. */
  active = false
  /** Bytes of blocks that came and were asked for; bytes that came and were of no use. */
  downloaded = 0
  wasted = 0
  readonly #options: WebSeedOptions
  readonly #requests = new PendingRequests()
  readonly #lane: WebLane
  readonly #queue: WebQueue
  readonly #files: WebFiles
  readonly #gate: ByteGate
  readonly #rests = new WebRests()
  readonly #patience = new WebPatience()
  readonly #link: SourceLink

  constructor(options: WebSeedOptions) {
    super({ highWaterMark: 65536, byteLength: () => 1024 })
    const { clock, name, pieceCount, pieceLength, site } = options
    this.name = name
    this.#link = new SourceLink(this, options.source)
    this.#options = options
    this.#gate = new ByteGate(options.limit, this)
    this.#files = new WebFiles(site, pieceCount)
    this.#lane = new WebLane({
      trust: 'remote',
      ...options,
      now: () => clock.now(),
      onAnswer: key => this.#answered(key),
      onBytes: (bytes, useless) => {
        if (useless) {
          this.wasted += bytes
          this.#patience.passed(bytes, clock.now())
        }
        return this.#gate.pass(bytes)
      },
    })
    const { streams } = this.#lane
    this.peerPieces = new WebOrder({
      ...options,
      streams,
      now: () => clock.now(),
      wants: index => options.source.wants(index),
      last: () => this.#queue.last,
    })
    this.#queue = new WebQueue({
      clock,
      pieceLength,
      owner: {
        wants: request => this.#current(request) !== undefined,
        place: (request, writer) => this.#current(request)?.piece.place(request.block, writer) ?? null,
        onPlaced: request => this.#placed(request),
        onRefused: request => this.#refused(request),
      },
      lanes: () => streams.lanes,
      distance: run => streams.distance(site.part(run.position, 1)),
      fetch: run => this.#lane.fetch(run),
      onEnd: (left, fault) => this.#ended(left, fault),
    })
  }

  /** Tells its source what it has, and begins. */
  start(): this {
    this.#options.source.onBitfield(this, new Bitfield(this.bits.size))
    this.fill()
    return this
  }

  /** What it has now. */
  get bits(): Bitfield {
    return this.#files.bits
  }

  /** How long a block usually takes. Not known of a server that sends whole files: to ask it sooner changes nothing. */
  get window(): Pick<RequestWindow, 'meanWaitMs'> {
    return this.#lane.streams.mode === 'whole' ? {} : this.#options.window
  }

  /** True while it has not answered in time: it gets no further requests until it does. */
  get snubbed(): boolean {
    return this.#patience.snubbed
  }

  get outstanding(): number {
    return this.#requests.count
  }

  /** Half a window at least, unless it has begun to gather: requests are to be long. */
  get room(): number {
    if (!this.ready || this.#queue.full) return 0
    const { size } = this.#options.window
    const free = Math.max(0, size - this.outstanding)
    // One block shows what the server does with ranges, and so which pieces to begin.
    if (this.#lane.streams.mode === 'unknown') return this.outstanding === 0 ? 1 : 0
    return this.#queue.last !== undefined || free >= size / 2 ? free : 0
  }

  get ready(): boolean {
    return !this.snubbed && !this.#link.hasLeft && !this.#rests.resting
  }

  /** True while it gets no requests. */
  get resting(): boolean {
    return this.#rests.resting || this.bits.count === 0
  }

  offers(index: number): boolean {
    return this.bits.has(index) && this.peerPieces.offers(index)
  }

  findRequestTime(index: number, block: number): number | undefined {
    return this.#requests.get(index, block)?.at
  }

  fill(): void {
    const { clock } = this.#options
    this.#link.fill(
      () => clock.now(),
      requests => this.#gather(requests),
    )
  }

  cancel(piece: PieceBuffer, block: number): void {
    const request = this.#requests.get(piece.index, block)
    if (request?.piece !== piece) return
    this.#requests.drop(request)
    this.#queue.abort()
    if (this.room > 0) this.fill()
  }

  /** Gives the requests of a seed that lets us wait to others. To be called now and then. */
  tick(now: number, timeout: number): void {
    if (this.#gate.isHolding) this.#patience.arrived(now, false)
    const before = this.bits
    if (this.#files.expire(now)) {
      this.#options.source.onBitfield(this, before)
      this.fill()
    }
    this.peerPieces.tick(now, this.outstanding === 0 && this.#queue.idle)
    if (this.#rests.resting) {
      if (this.#rests.end(now)) this.fill()
      return
    }
    const verdict = this.#patience.look(now, this.#requests.firstCounting?.at, timeout)
    if (verdict === 'snubbed') {
      this.#options.window.onSnub()
      this.#link.loseAll(this.#requests)
    } else if (verdict === 'late') {
      const why = new WebFault('ERR_TIMEOUT', `nothing came within ${(4 * timeout) / 1000} s`)
      if (this.#queue.idle) this.#fail(why)
      else this.#queue.abort(why)
    }
  }

  /** It gave wrong bytes: nothing is asked of it for an hour, doubled each time. */
  ban(reason: string): void {
    if (this.#link.hasLeft || !this.#rests.ban(this.#options.clock.now())) return
    const fault = new WebFault('ERR_BANNED', reason)
    this.#rest(fault)
    this.#queue.abort(fault)
  }

  override _predestroy(): void {
    this.#link.leave(this.#requests.clear())
    this.#gate.close()
    this.#queue.close()
    this.#lane.close()
  }

  #gather(requests: readonly Request[]): void {
    for (const request of requests) this.#requests.add(request)
    this.peerPieces.gathered(requests)
    this.#queue.add(requests)
  }

  #ended(left: readonly Request[], fault: WebFault | undefined): void {
    if (this.#link.hasLeft) return
    if (fault) this.#fail(fault)
    this.#lose(left)
    if (this.peerPieces.turned) this.#lose(this.#queue.clear()) // what waits may not be next any more
    if (this.room > 0) this.fill()
  }

  /** A file, or all, cannot be had from there now. */
  #fail(fault: WebFault): void {
    const now = this.#options.clock.now()
    if (fault.key === undefined) {
      if (this.#rests.fail(now, fault.after)) this.#rest(fault)
      return
    }
    const before = this.bits
    if (!this.#files.fail(fault.key, now)) return // another lane said so
    this.#options.source.onBitfield(this, before)
    this.#lose(this.#requests.filter(({ piece }) => !this.bits.has(piece.index)))
    if (this.bits.count === 0) this.active = false
    this.#warn(fault)
    if (!this.#rests.miss(now)) return
    this.#rest(new WebFault('ERR_MESSAGE', `${MAX_MISSES} files in a row cannot be had`))
  }

  /** Nothing is asked of it until its rest is over. */
  #rest(fault: WebFault): void {
    this.active = false
    this.#lose(this.#queue.clear())
    this.#warn(fault)
  }

  #warn(fault: WebFault): void {
    const error = new PeerError(fault.code, `web seed ${this.name}: ${messageOf(fault)}`, fault)
    this.emit('warning', error)
  }

  /** Others are to fetch these, as far as they are still waited for. */
  #lose(requests: readonly Request[]): void {
    const lost = requests.filter(
      request => this.#requests.get(request.piece.index, request.block) === request,
    )
    for (const request of lost) this.#requests.drop(request)
    this.#link.lose(lost)
  }

  #current({ piece, block }: Request): Request | undefined {
    const current = this.#requests.get(piece.index, block)
    return current?.piece === piece ? current : undefined
  }

  #placed(asked: Request): void {
    const request = this.#current(asked)
    if (!request) return // cancelled while it came in: it is written, but does not count
    const { piece, block } = request
    const { window, clock } = this.#options
    const now = clock.now()
    const length = piece.blockLength(block)
    this.#requests.drop(request)
    this.#patience.arrived(now)
    this.#rests.arrived()
    this.downloaded += length
    window.onBlock(length, now - request.at, now)
    this.#link.arrive(request)
    if (isOutputDue(piece)) this.push({ piece, begin: block * BLOCK_LENGTH, length })
    if (this.room > 0) this.fill()
  }

  #refused(asked: Request): void {
    const { piece, block } = asked
    this.wasted += piece.blockLength(block)
    const request = this.#current(asked)
    if (!request) return
    if (piece.states[block] !== BLOCK.arrived) this.#lose([request])
    else this.#requests.drop(request)
  }

  #answered(key: number): void {
    this.#files.answered(key)
    this.#queue.begin()
    if (this.active || this.resting) return // what another lane was told counts more
    this.active = true
    this.emit('answered')
  }
}
