import type { Clock } from '../clock.ts'
import { Bitfield } from '../codec/bitfield.ts'
import { messageOf, PeerError } from '../errors.ts'
import type { WebSite } from '../metainfo/web-site.ts'
import type { BlockSource, Fetcher, FetcherOffer, RequestWindow } from './block-source.ts'
import type { ByteLimit } from './byte-limit.ts'
import type { HttpOpen } from './http-open.ts'
import { Outstanding, type Request } from './outstanding.ts'
import { BLOCK, type Block, type PieceBuffer } from './piece-buffer.ts'
import { Readable } from './stage.ts'
import { WebFault } from './web-fault.ts'
import { WebLane } from './web-lane.ts'
import { WebQueue } from './web-queue.ts'

export interface WebSeedOptions {
  /** How it is called in messages, and to whoever counts who gave what. */
  readonly name: string
  readonly pieceCount: number
  readonly pieceLength: number
  readonly source: BlockSource
  readonly window: RequestWindow
  readonly site: WebSite
  readonly open: HttpOpen
  /** Sent as User-Agent. */
  readonly userAgent: string
  readonly clock: Clock
  readonly limit?: ByteLimit
  /** Whether the user named it, rather than a torrent: see `webTarget`. @default false */
  readonly trusted?: boolean
}

/** Milliseconds until it is asked again after a failure, doubled with each further one; and at most, whatever it says. */
const RETRY = 5_000
const MAX_RETRY = 3_600_000
/** Files one after another that cannot be had, until nothing more is asked of it. */
const MAX_MISSES = 10
/** Every so many blocks of a piece, and when it is whole, somebody downstream is told. */
const NEWS = 16

/**
 * Fetches blocks over HTTP from one web seed, which has everything and never chokes. Emits `answered` when it is of
 * use, and `warning` with a PeerError when it is not.
 *
 * in            nothing; it takes runs of blocks from its source as it has room
 * out           Block, in its place: the news of every sixteenth of a piece, and of its last
 * backpressure  asks for nothing that its source does not admit; reads on as its ByteLimit says
 * fails with    PeerError ERR_MESSAGE when nothing can be had from it any more, or ten files in a row cannot
 * BEP           17, 19
 */
export class WebSeed extends Readable<Block> implements Fetcher {
  readonly name: string
  readonly peerChoking = false
  /** It goes on with what follows, so that one request brings many pieces. */
  readonly offer: FetcherOffer = {
    version: 0,
    named: () => (this.#queue.last === undefined ? [] : [this.#queue.last + 1]),
    plain: () => true,
  }
  bits: Bitfield
  /** Has not answered in time: gets no further requests until it does. */
  snubbed = false
  /** It gave an answer that was of use, since the last that was none. */
  active = false
  /** Bytes of blocks that came and were asked for; bytes that came and were of no use. */
  downloaded = 0
  wasted = 0
  readonly #options: WebSeedOptions
  readonly #requests = new Outstanding()
  readonly #queue: WebQueue
  readonly #held = new Map<object, () => void>()
  #retryAt: number | undefined
  #failures = 0
  #misses = 0
  #lastArrival = 0
  #snubbedAt = 0
  #left = false
  #filling = false
  #again = false

  constructor(options: WebSeedOptions) {
    super({ highWaterMark: 65536, byteLength: () => 1024 })
    const { clock, name, pieceCount, pieceLength, site, open, userAgent, trusted = false } = options
    this.name = name
    this.#options = options
    this.bits = new Bitfield(pieceCount)
    const lane = new WebLane({
      site,
      open,
      userAgent,
      trusted,
      answered: () => this.#answered(),
      came: (bytes, useless) => {
        if (useless) this.wasted += bytes
        return this.#limited(bytes)
      },
    })
    this.#queue = new WebQueue({
      clock,
      pieceLength,
      owner: {
        wants: request => this.#current(request) !== undefined,
        place: (request, writer) => this.#current(request)?.piece.place(request.block, writer) ?? null,
        placed: request => this.#placed(request),
        refused: request => this.#refused(request),
      },
      fetch: run => lane.fetch(run),
      ended: (left, fault) => this.#ended(left, fault),
    })
  }

  /** Says what it has, and begins. */
  start(): this {
    this.#tell(Bitfield.full(this.bits.size))
    this.fill()
    return this
  }

  get window(): RequestWindow {
    return this.#options.window
  }

  get outstanding(): number {
    return this.#requests.count
  }

  /** Half a window at least, unless it has begun to gather: requests are to be long. */
  get room(): number {
    if (!this.ready || this.#queue.full) return 0
    const { size } = this.#options.window
    const free = Math.max(0, size - this.outstanding)
    return this.#queue.last !== undefined || free >= size / 2 ? free : 0
  }

  get ready(): boolean {
    return !this.snubbed && !this.#left && this.#retryAt === undefined
  }

  /** Whether it waits until it may be asked again. */
  get resting(): boolean {
    return this.#retryAt !== undefined
  }

  offers(index: number): boolean {
    return this.bits.has(index)
  }

  askedAt(index: number, block: number): number | undefined {
    return this.#requests.get(index, block)?.at
  }

  fill(): void {
    this.#again = true
    if (this.#filling) return // the source found more while it was asked: the loop below takes it
    this.#filling = true
    while (this.#again) {
      this.#again = false
      const { room } = this
      if (room > 0) this.#gather(this.#options.source.take(this, room, this.#options.clock.now()))
    }
    this.#filling = false
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
    if (this.#held.size > 0) this.#lastArrival = now // it is we who wait
    if (this.#retryAt !== undefined) {
      if (now < this.#retryAt) return
      this.#retryAt = undefined
      this.fill()
    } else if (this.snubbed) {
      if (now - Math.max(this.#snubbedAt, this.#lastArrival) <= 3 * timeout) return
      const why = new WebFault('ERR_TIMEOUT', `nothing came within ${(4 * timeout) / 1000} s`)
      this.snubbed = false
      if (this.#queue.idle) this.#fail(why)
      else this.#queue.abort(why)
    } else if (now - Math.max(this.#lastArrival, this.#requests.firstCounting?.at ?? now) > timeout) {
      this.snubbed = true
      this.#snubbedAt = now
      this.#options.window.snubbed()
      this.#options.source.lost(this, this.#requests.lose())
    }
  }

  override _predestroy(): void {
    if (this.#left) return
    this.#left = true
    const { limit, source } = this.#options
    for (const [ticket, go] of this.#held) {
      limit?.cancel(ticket)
      go()
    }
    this.#queue.close()
    source.lost(this, this.#requests.clear())
    source.left(this)
  }

  #gather(requests: readonly Request[]): void {
    for (const request of requests) this.#requests.add(request)
    this.#queue.add(requests)
  }

  #ended(left: readonly Request[], fault: WebFault | undefined): void {
    if (this.#left) return
    if (fault) this.#fail(fault)
    this.#lose(left)
    if (this.room > 0) this.fill()
  }

  /** A file, or all, cannot be had from there now, or ever. */
  #fail(fault: WebFault): void {
    const { clock, name } = this.#options
    const error = new PeerError(fault.code, `web seed ${name}: ${messageOf(fault)}`, fault)
    if (fault.key !== undefined) {
      const news = this.#without(fault.key) // else another lane said so
      if (news) this.#misses++
      if (this.bits.count === 0 || this.#misses === MAX_MISSES) this.destroy(error)
      else if (news) this.emit('warning', error)
      return
    }
    if (this.#retryAt !== undefined) return // each of its lanes says so
    this.active = false
    const wait = fault.after ?? RETRY * 2 ** Math.min(this.#failures++, 16)
    this.#retryAt = clock.now() + Math.max(1000, Math.min(wait, MAX_RETRY))
    this.#lose(this.#queue.clear())
    this.emit('warning', error)
  }

  /** Pieces that need what cannot be had are not to be had. @returns whether that is new */
  #without(key: number): boolean {
    const { first, last } = this.#options.site.piecesOf(key) ?? { first: 0, last: -1 }
    const bits = this.bits.clone()
    for (let index = first; index <= last; index++) bits.delete(index)
    if (bits.count === this.bits.count) return false
    this.#tell(bits)
    this.#lose(this.#requests.where(({ piece }) => !bits.has(piece.index)))
    return true
  }

  #tell(bits: Bitfield): void {
    const before = this.bits
    this.bits = bits
    this.#options.source.bitfield(this, before)
  }

  /** Others are to fetch these, as far as they are still waited for. */
  #lose(requests: readonly Request[]): void {
    const lost = requests.filter(
      request => this.#requests.get(request.piece.index, request.block) === request,
    )
    for (const request of lost) this.#requests.drop(request)
    const counted = lost.filter(({ lost }) => !lost)
    if (counted.length > 0) this.#options.source.lost(this, counted)
  }

  #current({ piece, block }: Request): Request | undefined {
    const current = this.#requests.get(piece.index, block)
    return current?.piece === piece ? current : undefined
  }

  #placed(asked: Request): void {
    const request = this.#current(asked)
    if (!request) return // taken back while it came in: it is written, but nobody counts on it
    const { piece, block } = request
    const { source, window, clock } = this.#options
    const now = clock.now()
    const length = piece.blockLength(block)
    this.#requests.drop(request)
    piece.arrive(block, this)
    this.#lastArrival = now
    this.#failures = this.#misses = 0
    this.snubbed = false
    this.downloaded += length
    window.received(length, now - request.at, now)
    source.arrived(this, request)
    if (piece.complete || piece.arrived % NEWS === 0) this.push({ piece, begin: 0, length })
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

  #answered(): void {
    if (this.active || this.#retryAt !== undefined) return // what another lane was told counts more
    this.active = true
    this.emit('answered')
  }

  /** Resolves once so many bytes more may be read. */
  #limited(bytes: number): Promise<void> | undefined {
    const { limit } = this.#options
    if (!limit || this.#left) return undefined
    return new Promise(resolve => {
      let ticket: object | undefined
      const go = () => {
        if (ticket) this.#held.delete(ticket)
        resolve()
      }
      ticket = limit.take(bytes, go, this)
      if (ticket) this.#held.set(ticket, go)
    })
  }
}
