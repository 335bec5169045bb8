import { EventEmitter } from 'node:events'
import type { TsdlError } from '../../errors.ts'
import type { Metainfo } from '../../metainfo/metainfo.ts'
import { systemClock } from '../../ports/clock.ts'
import { VERSION } from '../../version.ts'
import type { ContentOptions } from '../pieces/content-options.ts'
import { Pieces } from '../pieces/pieces.ts'
import { WebSeeds } from '../pieces/web-seeds.ts'
import { forwardEvents } from './forward-events.ts'
import type { AnnouncedContent, TorrentNetwork } from './torrent-network.ts'
import { DEFAULT_MEMORY_BYTES, type TorrentOptions } from './torrent-options.ts'

export interface TorrentContentEvents {
  /** This many pieces have been read and hashed at the start. */
  checked: [pieces: number]
  /** A piece is verified and stored. */
  verified: [index: number]
  /** A verified piece was lost: another program changed its file. */
  lost: [index: number]
  /** Every wanted piece is verified and stored at its path. */
  done: []
  /** A web seed sent its first useful response, or cannot be used for now. */
  webSeed: [name: string, state: 'connected' | 'disconnected', reason?: string]
  warning: [error: TsdlError]
  /** The storage failed. */
  failed: [error: Error]
}

/** Milliseconds after which an incomplete torrent without peers looks at what it received last, to save it. */
const SAVE_CHECK_MS = 10_000

/** The content of one torrent, once its storage is known: its pieces, and the web seeds that send them, too. */
export class TorrentContent extends EventEmitter<TorrentContentEvents> implements AnnouncedContent {
  readonly pieces: Pieces
  readonly webSeeds: WebSeeds
  readonly #network: TorrentNetwork
  readonly #memoryBudget: TorrentOptions['memoryBudget']
  readonly #aborted = new AbortController()
  #isChecked = false
  #isClosed = false

  /** @throws InputError for a URL that cannot be a web seed */
  constructor(metainfo: Metainfo, content: ContentOptions, options: TorrentOptions, network: TorrentNetwork) {
    super()
    const { clock = systemClock, memoryBudget, random = Math.random, superSeed = false } = options
    const { funnel, limits } = network.context
    const memory = memoryBudget?.nextShare ?? options.memory ?? DEFAULT_MEMORY_BYTES
    this.pieces = new Pieces({
      ...{ metainfo, content, memory, superSeed, clock, random, funnel },
      hashPool: options.hashPool,
      reputation: network.reputation,
      signal: this.#aborted.signal,
    })
    this.#network = network
    this.#memoryBudget = memoryBudget
    this.webSeeds = new WebSeeds({
      ...{ metainfo, pipeline: this.pieces.pipeline, limits, clock },
      userAgent: `tsdl/${VERSION}`,
      named: options.webSeeds,
      urls: options.webSeedUrls,
      open: options.http,
      allowLocal: options.allowLocal,
    })
    this.#takeMemory()
    network.on('connected', peer => this.pieces.addPeer(peer))
    forwardEvents(this.pieces, this, 'checked', 'warning', 'failed')
    this.pieces.on('verified', index => this.#onVerified(index))
    this.pieces.on('lost', index => {
      network.withdrawPiece(index)
      this.emit('lost', index)
    })
    this.pieces.on('banned', (name, reason) => {
      network.swarm.ban(name, reason)
      this.webSeeds.ban(name, reason)
    })
    forwardEvents(this.webSeeds, this, 'warning')
    this.webSeeds.on('connected', name => this.emit('webSeed', name, 'connected'))
    this.webSeeds.on('disconnected', (name, reason) => this.emit('webSeed', name, 'disconnected', reason))
  }

  get missing(): number {
    return this.pieces.missing
  }

  get isPartialSeed(): boolean {
    return this.pieces.isPartialSeed
  }

  get webSeedBytes(): number {
    return this.webSeeds.downloaded
  }

  /** Locks the files, and finds existing pieces. */
  async check(): Promise<void> {
    await this.pieces.check()
    this.#isChecked = true
  }

  /** Exchanges blocks with peers from now on. */
  begin(): void {
    this.#network.beginExchange(this.pieces.forPeers)
    for (const peer of this.#network.swarm.connected) this.pieces.addPeer(peer)
  }

  /** Completes the files once every wanted piece is stored, and tells trackers and peers, unless pieces turn out to be lost. */
  async finish(): Promise<void> {
    const { pieces } = this
    const isConfirmed = await pieces.confirmAll()
    if (!isConfirmed || this.#isClosed || pieces.complete) return
    pieces.complete = true
    void pieces.save()
    if (pieces.verified.full) this.#network.sources.complete()
    else if (pieces.retains) this.#network.announcePartialSeed()
    this.emit('done')
  }

  /**
   * Requests late blocks, saves the resume record when it is old, and closes connections if the disk lacks descriptors. Returns
   * the milliseconds until it has something to do again, if no peer is connected: 0 for a few times per second, Infinity for
   * nothing before a piece is lost.
   */
  tick(now: number): number {
    if (this.pieces.isStarved) this.#network.swarm.makeRoom()
    this.webSeeds.tick(now)
    this.pieces.tick(now)
    if (this.pieces.isStarved || this.webSeeds.isRunning) return 0
    return this.pieces.isUploadOnly ? Number.POSITIVE_INFINITY : SAVE_CHECK_MS
  }

  /** Sends no requests until `resume`, and gives up memory. Resolves when the resume record is saved; never rejects. */
  pause(): Promise<void> {
    this.pieces.pipeline.pause()
    this.webSeeds.pause()
    // a window holds pieces for its readers meanwhile
    if (this.pieces.retains) this.#memoryBudget?.delete(this)
    return this.pieces.save()
  }

  /** Continues after `pause`. */
  resume(): void {
    this.#takeMemory()
    this.webSeeds.resume()
    this.pieces.pipeline.resume()
  }

  /**
   * Fails readers and closes all parts. Rejects if the storage cannot be closed.
   * @param reason the error of readers that wait
   */
  close(reason: Error): Promise<void> {
    this.#isClosed = true
    this.#aborted.abort(reason)
    this.#memoryBudget?.delete(this)
    this.webSeeds.close()
    this.pieces.end(reason)
    return this.pieces.close()
  }

  #onVerified(index: number): void {
    const { pieces } = this
    this.emit('verified', index)
    if (!this.#isChecked) return
    // a piece that is not retained is not announced
    if (pieces.retains) this.#network.announcePiece(index)
    if (pieces.finished && !pieces.complete) this.finish().catch(error => this.emit('failed', error))
    // on demand a torrent is never done, but all of it may be stored
    if (!pieces.finished && pieces.retains && pieces.verified.full) this.#network.sources.complete()
  }

  #takeMemory(): void {
    this.#memoryBudget?.add(this, share => {
      this.pieces.pipeline.memory = share
    })
  }
}
