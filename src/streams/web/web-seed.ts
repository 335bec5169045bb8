import { Bitfield } from '../../codec/bitfield.ts'
import { checkRequired } from '../../codec/check-arguments.ts'
import { BLOCK_LENGTH } from '../../codec/message.ts'
import { messageOf, PeerError } from '../../errors.ts'
import type { Fetcher, FetcherPace, FetcherPieces } from '../block-source.ts'
import { ByteGate } from '../byte-gate.ts'
import { PendingRequests, type Request } from '../pending-requests.ts'
import { BLOCK_STATE, type Block, type PieceBuffer } from '../piece-buffer.ts'
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
 * Fetches blocks over HTTP from one web seed, which has all pieces and never chokes. Emits `answered` when it becomes useful,
 * and `warning` with a PeerError when it or a file fails. It then rests for a while, or only the file.
 *
 * in            nothing; it takes runs of blocks from its source as it has room
 * out           Block: the last that arrived of a piece, and one whenever another 64 of a piece have arrived
 * backpressure  requests only blocks that its source admits; reads as its ByteLimit permits
 * fails with    nothing: every failure is retried later
 * BEP           17, 19
 */
export class WebSeed extends Readable<Block> implements Fetcher {
  readonly name: string
  readonly peerChoking = false
  readonly #order: WebOrder
  /** True if its last response was useful. */
  active = false
  /** Bytes of requested blocks; received bytes that were useless. */
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
    checkRequired(options, { clock: 'object', pieceCount: 'whole', site: 'object', source: 'object' })
    super({ highWaterMark: 65536, byteLength: () => 1024 })
    const { clock, name, pieceCount, pieceLength, site } = options
    this.name = name
    this.#link = new SourceLink(this, options.source)
    this.#options = options
    this.#gate = new ByteGate(options.limit, this)
    this.#files = new WebFiles(site, pieceCount)
    const lane = new WebLane({ trust: 'remote', ...options, gate: this.#gate })
    this.#lane = lane
    lane.on('answer', key => this.#onAnswer(key))
    lane.on('skipped', bytes => {
      this.wasted += bytes
      this.#patience.onSkipped(bytes, clock.now())
    })
    const queue = new WebQueue({ clock, pieceLength, site, lane, requests: this.#requests })
    this.#queue = queue
    queue.on('placed', request => this.#onPlaced(request))
    queue.on('refused', request => this.#onRefused(request))
    queue.on('end', (left, fault) => this.#onRunEnd(left, fault))
    this.#order = new WebOrder({ ...options, queue, streams: lane.streams })
  }

  /** Announces its pieces to the source, and begins. */
  start(): this {
    this.#options.source.onBitfield(this, new Bitfield(this.bits.size))
    this.fill()
    return this
  }

  get peerPieces(): FetcherPieces {
    return this.#order
  }

  /** The pieces that it has now. */
  get bits(): Bitfield {
    return this.#files.bits
  }

  /** Its pace. It is unknown for a server that sends whole files, as earlier requests change nothing there. */
  get window(): FetcherPace {
    return this.#lane.streams.mode === 'whole' ? {} : this.#options.window
  }

  /** True while it has not answered in time: it gets no further requests until it does. */
  get snubbed(): boolean {
    return this.#patience.snubbed
  }

  get outstanding(): number {
    return this.#requests.count
  }

  /** At least half a window, unless a run is being collected, so that HTTP requests are long. */
  get room(): number {
    if (!this.ready || this.#queue.full) return 0
    const { size } = this.#options.window
    const free = Math.max(0, size - this.outstanding)
    // The first block shows if the server supports ranges, and so which pieces to begin.
    if (this.#lane.streams.mode === 'unknown') return this.outstanding === 0 ? 1 : 0
    return this.#queue.last !== undefined || free >= size / 2 ? free : 0
  }

  get ready(): boolean {
    return !this.snubbed && !this.#link.hasLeft && !this.#rests.isResting
  }

  /** True while it gets no requests. */
  get resting(): boolean {
    return this.#rests.isResting || this.bits.count === 0
  }

  /** Clock time until which it gets no requests after a failure; undefined for none. */
  get restsUntil(): number | undefined {
    return this.#rests.until
  }

  offers(index: number): boolean {
    return this.bits.has(index) && this.#order.offers(index)
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
    const request = this.#requests.findInto(piece, block)
    if (!request) return
    this.#requests.drop(request)
    this.#queue.abort()
    if (this.room > 0) this.fill()
  }

  /** Returns the requests of a slow seed to the source. Called several times a second. */
  tick(now: number, timeout: number): void {
    if (this.#gate.isHolding) this.#patience.onArrival(now, false)
    const before = this.bits
    if (this.#files.expire(now)) {
      this.#options.source.onBitfield(this, before)
      this.fill()
    }
    this.#order.tick(now, this.outstanding === 0 && this.#queue.idle)
    if (this.#rests.isResting) {
      if (this.#rests.endIfDue(now)) this.fill()
      return
    }
    const verdict = this.#patience.check(now, this.#requests.firstCounting?.at, timeout)
    if (verdict === 'snubbed') {
      this.#options.window.onSnub()
      this.#link.loseAll(this.#requests)
    } else if (verdict === 'late') {
      const why = new WebFault('ERR_TIMEOUT', `nothing came within ${(4 * timeout) / 1000} s`)
      if (this.#queue.idle) this.#fail(why)
      else this.#queue.abort(why)
    }
  }

  /** Sends no requests for an hour after wrong bytes, doubled each time. */
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
    this.#order.noteRequests(requests)
    this.#queue.add(requests)
  }

  #onRunEnd(left: readonly Request[], fault: WebFault | undefined): void {
    if (this.#link.hasLeft) return
    if (fault) this.#fail(fault)
    this.#lose(left)
    if (this.#order.hasFileChanged) this.#lose(this.#queue.clear()) // other pieces come next
    if (this.room > 0) this.fill()
  }

  /** Lets the failed file, or the whole web seed, rest. */
  #fail(fault: WebFault): void {
    const now = this.#options.clock.now()
    if (fault.key === undefined) {
      if (this.#rests.begin(now, fault.after)) this.#rest(fault)
      return
    }
    const before = this.bits
    if (!this.#files.markMissing(fault.key, now)) return // another lane has reported the failure
    this.#options.source.onBitfield(this, before)
    this.#lose(this.#requests.filter(({ piece }) => !this.bits.has(piece.index)))
    if (this.bits.count === 0) this.active = false
    this.#warn(fault)
    if (!this.#rests.countMiss(now)) return
    this.#rest(new WebFault('ERR_MESSAGE', `${MAX_MISSES} files in a row cannot be had`))
  }

  /** Begins a rest: no requests are sent until it is over. */
  #rest(fault: WebFault): void {
    this.active = false
    this.#lose(this.#queue.clear())
    this.#warn(fault)
  }

  #warn(fault: WebFault): void {
    const error = new PeerError(fault.code, `web seed ${this.name}: ${messageOf(fault)}`, fault)
    this.emit('warning', error)
  }

  /** Returns requests to the source that are still open. */
  #lose(requests: readonly Request[]): void {
    const lost = requests.filter(request => this.#findCurrent(request) === request)
    for (const request of lost) this.#requests.drop(request)
    this.#link.lose(lost)
  }

  #findCurrent({ piece, block }: Request): Request | undefined {
    return this.#requests.findInto(piece, block)
  }

  #onPlaced(asked: Request): void {
    const request = this.#findCurrent(asked)
    if (!request) return // cancelled while it came in: it is written, but does not count
    const { piece, block } = request
    const { window, clock } = this.#options
    const now = clock.now()
    const length = piece.blockLength(block)
    this.#requests.drop(request)
    this.#patience.onArrival(now)
    this.#rests.onArrival()
    this.downloaded += length
    window.onBlock(length, now - request.at, now)
    this.#link.arrive([request])
    if (isOutputDue(piece)) this.push({ piece, begin: block * BLOCK_LENGTH, length })
    if (this.room > 0) this.fill()
  }

  #onRefused(asked: Request): void {
    const { piece, block } = asked
    this.wasted += piece.blockLength(block)
    const request = this.#findCurrent(asked)
    if (!request) return
    if (piece.states[block] !== BLOCK_STATE.arrived) this.#lose([request])
    else this.#requests.drop(request)
  }

  #onAnswer(key: number): void {
    this.#files.markFound(key)
    this.#queue.begin()
    if (this.active || this.resting) return // a failure of another lane takes precedence
    this.active = true
    this.emit('answered')
  }
}
