import type { WebSite } from '../../metainfo/web-site.ts'
import type { FetcherPieces, Request } from '../block-source.ts'
import { MAX_SKIP, type WebStreams } from './web-streams.ts'

export interface WebOrderOptions {
  readonly site: WebSite
  readonly streams: WebStreams
  readonly pieceLength: number
  readonly pieceCount: number
  /** Milliseconds of the clock. */
  readonly now: () => number
  /** Returns true if a piece is wanted and missing. */
  readonly wants: (index: number) => boolean
  /** The piece asked for last, while more can be asked for with it. */
  readonly last: () => number | undefined
}

/** Pieces ahead of what is read that are named at a time: more than can be under way. */
const MAX_NAMED = 1024
/** Milliseconds without a new request until pieces a little further ahead are taken as well. */
const STARVED_MS = 200
/** Milliseconds without anything to fetch until pieces far ahead, or behind what was read, are taken as well. */
const IDLE_MS = 1_000

/**
 * Which pieces to ask a web seed for first. Where ranges are answered: the one that follows, so that one request brings many.
 * Where whole files are sent: those that come next in the file, and no others until there are none of them.
 *
 * Depends on: what the server does with ranges, and how far files were read; what was asked for last; which pieces are
 * wanted; for how long there was nothing to fetch.
 */
export class WebOrder implements FetcherPieces {
  readonly #options: WebOrderOptions
  /** What `streams.version` was at the last look. */
  #begun = 0
  /** The first piece that is wanted of what is still to be read. */
  #next = 0
  /** The last piece that was asked for, in this reading of the file; and when. */
  #highest = -1
  #gatheredAt = 0
  #version = 0
  #busyAt: number | undefined
  #idle = false

  constructor(options: WebOrderOptions) {
    this.#options = options
  }

  get version(): number {
    return this.#version + this.#options.streams.version
  }

  /** True if a file was begun since the last read of this property, so that other pieces come next. */
  get turned(): boolean {
    const { version } = this.#options.streams
    if (this.#begun === version) return false
    this.#begun = version
    this.#next = 0
    this.#highest = -1
    return true
  }

  preferredPieces(): readonly number[] {
    const { last, pieceCount, streams, wants } = this.#options
    if (streams.mode !== 'whole') {
      const index = last()
      return index === undefined ? [] : [index + 1]
    }
    const preferredPieces: number[] = []
    for (let index = this.#following(); index < pieceCount && preferredPieces.length < MAX_NAMED; index++)
      if (wants(index)) preferredPieces.push(index)
    return preferredPieces
  }

  isUnrestricted(): boolean {
    return this.#options.streams.mode !== 'whole'
  }

  /** Returns true if a piece can be read without skipping other wanted pieces, or if there is no other. */
  offers(index: number): boolean {
    const { now, pieceLength, site, streams } = this.#options
    if (streams.mode !== 'whole' || this.#idle) return true
    const start = index * pieceLength
    const distance = streams.distance(site.part(start, 1))
    // The piece that is being read has begun before what comes next.
    if (distance === Number.POSITIVE_INFINITY)
      return streams.position > start && streams.position < start + pieceLength
    const next = this.#following()
    if (index <= Math.max(next, this.#highest) + 1) return true
    return now() - this.#gatheredAt >= STARVED_MS && start <= next * pieceLength + MAX_SKIP
  }

  /** These were asked for. */
  gathered(requests: readonly Request[]): void {
    if (requests.length === 0) return
    for (const { piece } of requests) this.#highest = Math.max(this.#highest, piece.index)
    this.#gatheredAt = this.#options.now()
    this.#idle = false
    this.#busyAt = undefined
  }

  /** @param idle whether nothing is being fetched */
  tick(now: number, idle: boolean): void {
    this.#busyAt = idle ? (this.#busyAt ?? now) : undefined
    const before = this.#idle
    this.#idle = this.#busyAt !== undefined && now - this.#busyAt >= IDLE_MS
    if (this.#idle && !before && this.#options.streams.mode === 'whole') this.#version++
  }

  #following(): number {
    const { pieceCount, pieceLength, streams, wants } = this.#options
    this.#next = Math.max(this.#next, Math.ceil(streams.position / pieceLength))
    while (this.#next < pieceCount && !wants(this.#next)) this.#next++
    return this.#next
  }
}
