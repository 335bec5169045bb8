import type { WebSite } from '../../metainfo/web-site.ts'
import type { Clock } from '../../ports/clock.ts'
import type { BlockSource, FetcherPieces, Request } from '../block-source.ts'
import { MAX_SKIP, type WebStreams } from './web-streams.ts'

export interface WebOrderOptions {
  readonly site: WebSite
  readonly streams: WebStreams
  readonly pieceLength: number
  readonly pieceCount: number
  readonly clock: Clock
  /** Knows which pieces are wanted and missing. */
  readonly source: Pick<BlockSource, 'wants'>
  /** Knows the piece that was requested last, while more can be added to its run. */
  readonly queue: { readonly last: number | undefined }
}

/** Maximum preferred pieces: more than can be active. */
const MAX_NAMED = 1024
/** Milliseconds without a new request after which pieces slightly further ahead are taken, too. */
const STARVED_MS = 200
/** Milliseconds without work after which pieces far ahead, or behind the read position, are taken, too. */
const IDLE_MS = 1_000

/**
 * Decides which pieces to request from a web seed first. With ranges: the next one, so that one request covers many. From a
 * server that sends whole files: those next in the file, and others only if there are none.
 *
 * Inputs: the server's support of ranges; the read positions of files; the last request; which pieces are wanted; the time
 * without work.
 */
export class WebOrder implements FetcherPieces {
  readonly #options: WebOrderOptions
  /** The last seen `streams.version`. */
  #seenVersion = 0
  /** The first wanted piece after the read position. */
  #next = 0
  /** The last requested piece since the file was begun, and the time of that request. */
  #highest = -1
  #requestedAt = 0
  #version = 0
  #busyAt: number | undefined
  #idle = false

  constructor(options: WebOrderOptions) {
    this.#options = options
  }

  get version(): number {
    return this.#version + this.#options.streams.version
  }

  /** True if a file was begun since the last read of this property. Other pieces come next then. */
  get hasFileChanged(): boolean {
    const { version } = this.#options.streams
    if (this.#seenVersion === version) return false
    this.#seenVersion = version
    this.#next = 0
    this.#highest = -1
    return true
  }

  preferredPieces(): readonly number[] {
    const { pieceCount, queue, source, streams } = this.#options
    if (streams.mode !== 'whole') {
      return queue.last === undefined ? [] : [queue.last + 1]
    }
    const preferredPieces: number[] = []
    for (let index = this.#findNext(); index < pieceCount && preferredPieces.length < MAX_NAMED; index++)
      if (source.wants(index)) preferredPieces.push(index)
    return preferredPieces
  }

  isUnrestricted(): boolean {
    return this.#options.streams.mode !== 'whole'
  }

  /** Returns true if a piece can be read without skipping other wanted pieces, or if there is no other. */
  offers(index: number): boolean {
    const { clock, pieceLength, site, streams } = this.#options
    if (streams.mode !== 'whole' || this.#idle) return true
    const start = index * pieceLength
    const distance = streams.distance(site.part(start, 1))
    // The piece that is being read began before the read position.
    if (distance === Number.POSITIVE_INFINITY)
      return streams.position > start && streams.position < start + pieceLength
    const next = this.#findNext()
    if (index <= Math.max(next, this.#highest) + 1) return true
    return clock.now() - this.#requestedAt >= STARVED_MS && start <= next * pieceLength + MAX_SKIP
  }

  /** Notes requests that were sent. */
  noteRequests(requests: readonly Request[]): void {
    if (requests.length === 0) return
    for (const { piece } of requests) this.#highest = Math.max(this.#highest, piece.index)
    this.#requestedAt = this.#options.clock.now()
    this.#idle = false
    this.#busyAt = undefined
  }

  /** @param idle true if nothing is being fetched */
  tick(now: number, idle: boolean): void {
    this.#busyAt = idle ? (this.#busyAt ?? now) : undefined
    const before = this.#idle
    this.#idle = this.#busyAt !== undefined && now - this.#busyAt >= IDLE_MS
    if (this.#idle && !before && this.#options.streams.mode === 'whole') this.#version++
  }

  #findNext(): number {
    const { pieceCount, pieceLength, source, streams } = this.#options
    this.#next = Math.max(this.#next, Math.ceil(streams.position / pieceLength))
    while (this.#next < pieceCount && !source.wants(this.#next)) this.#next++
    return this.#next
  }
}
