import type { TsdlError } from '../../errors.ts'
import type { Metainfo } from '../../metainfo/metainfo.ts'
import { systemClock } from '../../ports/clock.ts'
import { Emitter } from '../../ports/emitter.ts'
import { forwardEvents } from '../../ports/forward-events.ts'
import { VERSION } from '../../version.ts'
import { ReadChunks } from '../limits/read-chunks.ts'
import type { ContentOptions } from '../pieces/content-options.ts'
import { Pieces } from '../pieces/pieces.ts'
import { checkWebSeedUrls, WebSeeds } from '../pieces/web-seeds.ts'
import type { TorrentNetwork } from './torrent-network.ts'
import type { AnnouncedContent } from './torrent-network-events.ts'
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
  /** `tick` has something to do again. */
  active: []
  warning: [error: TsdlError]
  /** The storage failed. */
  failed: [error: Error]
}

/** Milliseconds after which an incomplete torrent without peers looks at what it received last, to save it. */
const SAVE_CHECK_MS = 10_000
/** Milliseconds until a complete torrent without peers looks again if its last reader has closed. */
const REST_CHECK_MS = 10_000

/** The content of one torrent, once its storage is known: its pieces, and the web seeds that send them, too. */
export class TorrentContent extends Emitter<TorrentContentEvents> implements AnnouncedContent {
  readonly pieces: Pieces
  /** Returns true for a file that is wanted. */
  readonly select: ContentOptions['select']
  /** Undefined before something is to be downloaded. */
  webSeeds: WebSeeds | undefined
  readonly #options: TorrentOptions
  readonly #network: TorrentNetwork
  #isChecked = false
  #isClosed = false

  /** @throws InputError for a URL that cannot be a web seed */
  constructor(metainfo: Metainfo, content: ContentOptions, options: TorrentOptions, network: TorrentNetwork) {
    super()
    const { clock = systemClock, hashPool, random = Math.random, superSeed = false } = options
    checkWebSeedUrls(options.webSeedUrls)
    if (options.openFiles) content.storage.shareOpenFiles?.(options.openFiles)
    this.select = content.select
    this.#options = options
    this.#network = network
    this.pieces = new Pieces({
      ...{ metainfo, content, superSeed, clock, random, hashPool, network },
      memory: options.memoryBudget ?? options.memory ?? DEFAULT_MEMORY_BYTES,
      readChunks: options.uploadMemory?.chunks ?? new ReadChunks(),
    })
    network.on('connected', peer => this.pieces.addPeer(peer))
    forwardEvents(this.pieces, this, 'active', 'checked', 'warning', 'failed')
    this.pieces.on('verified', index => this.#onVerified(index))
    this.pieces.on('lost', index => {
      this.emit('active')
      network.withdrawPiece(index)
      this.emit('lost', index)
    })
    this.pieces.on('banned', (name, reason) => {
      network.swarm.ban(name, reason)
      this.webSeeds?.ban(name, reason)
    })
  }

  get missing(): number {
    return this.pieces.missing
  }

  get isPartialSeed(): boolean {
    return this.pieces.isPartialSeed
  }

  get webSeedBytes(): number {
    return this.webSeeds?.downloaded ?? 0
  }

  /** Locks the files, and finds existing pieces. */
  async check(): Promise<void> {
    await this.pieces.check()
    this.#isChecked = true
  }

  /** Exchanges blocks with peers from now on. */
  begin(): void {
    this.#network.beginExchange(this.pieces.forPeers)
    for (const peer of this.#network.activeSwarm?.connected ?? []) this.pieces.addPeer(peer)
  }

  /** Takes the selection and the priorities from the options again, and downloads what is missing of it. */
  reselect(): void {
    const { pieces } = this
    pieces.reselect()
    if (!this.#isChecked) return
    for (const peer of this.#network.swarm.connected) peer.requester.recountUseful()
    if (pieces.finished) this.finish().catch(error => this.emit('failed', error))
    else this.startWebSeeds()
    this.emit('active')
  }

  /** Asks the web seeds, which the torrent or the options name, for what is missing. */
  startWebSeeds(): void {
    if (this.webSeeds) return
    const { metainfo, transfer } = this.pieces
    const { allowLocal, clock = systemClock, family, http: open } = this.#options
    const { webSeeds: named, webSeedUrls: urls } = this.#options
    const { limits } = this.#network
    const webSeeds = new WebSeeds({
      ...{ metainfo, pipeline: transfer.pipeline, limits, clock, named, urls, open, allowLocal, family },
      userAgent: `tsdl/${VERSION}`,
    })
    this.webSeeds = webSeeds
    forwardEvents(webSeeds, this, 'warning')
    webSeeds.on('connected', name => this.emit('webSeed', name, 'connected'))
    webSeeds.on('disconnected', (name, reason) => this.emit('webSeed', name, 'disconnected', reason))
    webSeeds.start()
  }

  /** Completes the files once every wanted piece is stored, and notifies trackers and peers, unless pieces turn out to be lost. */
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
   * nothing before the next event `active`.
   */
  tick(now: number): number {
    if (this.pieces.isStarved) this.#network.activeSwarm?.makeRoom()
    this.webSeeds?.tick(now)
    this.pieces.tick(now)
    if (this.pieces.isStarved || this.webSeeds?.isRunning) return 0
    if (!this.pieces.isUploadOnly) return SAVE_CHECK_MS
    return this.#rest() ? Number.POSITIVE_INFINITY : REST_CHECK_MS
  }

  /** Sends no requests until `resume`, and gives up memory. Resolves when the resume record is saved; never rejects. */
  pause(): Promise<void> {
    this.pieces.pause()
    this.webSeeds?.pause()
    this.#rest()
    return this.pieces.save()
  }

  /** Continues after `pause`. */
  resume(): void {
    this.pieces.resume()
    this.webSeeds?.resume()
  }

  /**
   * Fails readers and closes all parts. Rejects if the storage cannot be closed.
   * @param reason the error of readers that wait
   */
  close(reason: Error): Promise<void> {
    this.#isClosed = true
    this.pieces.end(reason)
    this.webSeeds?.close()
    return this.pieces.close()
  }

  /**
   * Gives up the parts that only peers, readers and downloads need, if there are none.
   * @returns false if there are some
   */
  #rest(): boolean {
    const swarm = this.#network.activeSwarm
    if (swarm && swarm.peers.size > 0) return false
    if (this.webSeeds && this.webSeeds.size > 0) return true
    if (!this.pieces.rest()) return false
    this.#network.dropFunnel()
    return true
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
}
