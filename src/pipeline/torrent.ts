import { randomBytes } from 'node:crypto'
import { EventEmitter } from 'node:events'
import { Bitfield } from '../codec/bitfield.ts'
import { addressBytes } from '../codec/compact.ts'
import { makePeerId } from '../codec/peer-id.ts'
import { PeerSources } from '../discovery/peer-sources.ts'
import { InputError, StalledError, StorageError, type TsdlError } from '../errors.ts'
import { type Magnet, metainfoOf } from '../metainfo/magnet.ts'
import type { Metainfo } from '../metainfo/metainfo.ts'
import { type Clock, systemClock, type Timer } from '../ports/clock.ts'
import { pick } from '../ports/pick.ts'
import type { ByteSource } from '../streams/read/file-reader.ts'
import { Funnel } from '../streams/torrent/funnel.ts'
import { VERSION } from '../version.ts'
import { whyNoMetadata, whyStalled } from './diagnosis.ts'
import { MetadataDownload } from './metadata/metadata-download.ts'
import { ByteRate } from './peer/byte-rate.ts'
import type { Peer } from './peer/peer.ts'
import type { PeerContext } from './peer/peer-context.ts'
import { limitsOf } from './peer/peer-limits.ts'
import type { ContentOptions } from './pieces/content-options.ts'
import type { Given } from './pieces/contributions.ts'
import { Pieces } from './pieces/pieces.ts'
import { WebSeeds } from './pieces/web-seeds.ts'
import { type Progress, progressOf } from './progress.ts'
import { TorrentFile } from './reading/torrent-file.ts'
import { Reputation } from './swarm/reputation.ts'
import { Swarm } from './swarm/swarm.ts'
import type { TorrentOptions } from './torrent-options.ts'
import { Unchoker } from './upload/unchoker.ts'

export interface TorrentEvents {
  /** The metadata of a magnet link has come. */
  metadata: [metainfo: Metainfo]
  /** So many pieces of what was there already have been looked at. */
  checked: [pieces: number]
  /** What was there is known, and blocks are exchanged from now on. */
  started: []
  connected: [peer: Peer]
  disconnected: [peer: Peer, reason: string]
  /** A web seed answers, or no longer does, for this reason. */
  webSeed: [name: string, state: 'connected' | 'disconnected', reason?: string]
  /** A piece is verified and at rest. */
  verified: [index: number]
  /** A piece that was verified is not there any more: another program changed its file. */
  lost: [index: number]
  /** A peer, a web seed or a tracker failed; the torrent goes on. */
  warning: [error: TsdlError]
  /** Everything that was asked for is verified and at rest. It is shared until the torrent is closed. */
  done: []
  /** The torrent has failed. What was verified is kept. */
  error: [error: Error]
  /** The last event, once. */
  close: []
}

/**
 * What a torrent does now. `metadata`: it fetches its metadata from peers, or has it and was given nothing to do with it.
 * `checking`: it looks for pieces that are there already. `seeding`: all that was asked for is there.
 */
export type TorrentState = 'new' | 'metadata' | 'checking' | 'downloading' | 'seeding' | 'closed'

/** Milliseconds between looks at what is late. */
const TICK_MS = 250
/** Bytes that trackers are told we lack while that is not known: a seed would lack none. */
const UNKNOWN_LEFT = 16_384
const DEFAULT_MEMORY_BYTES = 64 << 20
const DEFAULT_MAX_PEERS = 100

/** One torrent, from its metainfo or a magnet link to its last byte, and shared all along. */
export class Torrent extends EventEmitter<TorrentEvents> {
  /** 20 bytes. */
  readonly infoHash: Buffer
  readonly #source: Metainfo | Magnet
  readonly #options: TorrentOptions
  readonly #clock: Clock
  readonly #context: PeerContext
  readonly #reputation: Reputation
  readonly #swarm: Swarm
  readonly #sources: PeerSources
  readonly #unchoker: Unchoker
  readonly #down = new ByteRate()
  readonly #up = new ByteRate()
  readonly #ended = new AbortController()
  #metadata: MetadataDownload | undefined
  #metainfo: Metainfo | undefined
  #pieces: Pieces | undefined
  #webSeeds: WebSeeds | undefined
  #files: readonly TorrentFile[] = []
  #state: TorrentState = 'new'
  #timer: Timer | undefined
  #closing: Promise<void> | undefined
  #failure: Error | undefined
  /** How much had come by the last look, and when that had grown last, in ms of the clock. */
  #received = 0
  #receivedAt = 0

  /** @throws InputError for a magnet link without a v1 info-hash, or an option that is invalid */
  constructor(source: Metainfo | Magnet, options: TorrentOptions = {}) {
    super()
    const { clock = systemClock, encryption = 'prefer', maxPeers = DEFAULT_MAX_PEERS } = options
    const { listener, memoryBudget, random = Math.random } = options
    const memory = () => memoryBudget?.share ?? options.memory ?? DEFAULT_MEMORY_BYTES
    const peerId = options.peerId ?? makePeerId(VERSION, randomBytes(12))
    const bind = dialledFrom(options.bind)
    this.#source = source
    this.infoHash = infoHashOf(source)
    this.#options = options
    this.#clock = clock
    this.#reputation = new Reputation(() => clock.now())
    this.#context = {
      ...{ infoHash: this.infoHash, peerId, clock, encryption, client: `tsdl ${VERSION}` },
      funnel: new Funnel(),
      load: { waiting: 0 },
      port: () => listener?.port,
      dht: () => this.#sources.dht,
      pex: () => options.pex !== false && !this.#metainfo?.private,
      limits: limitsOf({
        clock,
        memory,
        ...pick(options, 'up', 'down'),
        peers: () => this.#swarm.peers.size,
      }),
      torrent: undefined,
      ...pick(options, 'connect'),
      ...(bind ? { bind } : {}),
    }
    this.#swarm = new Swarm({
      context: this.#context,
      maxPeers,
      maxPerAddress: options.maxPeersPerAddress,
      reputation: this.#reputation,
      connections: options.connections,
    })
    this.#sources = new PeerSources({
      ...{ infoHash: this.infoHash, peerId, clock, random },
      tiers: options.trackers === false ? [] : source.trackers,
      peers: [...('peers' in source ? source.peers : []), ...(options.peers ?? [])],
      ...('hashes' in source ? { private: source.private, ...pick(source, 'nodes') } : {}),
      ...pick({ key: options.trackerKey }, 'key'),
      ...pick(options, 'allowLocal', 'dht', 'lsd'),
      port: () => listener?.port,
      stats: () => ({
        uploaded: this.#swarm.uploaded,
        downloaded: this.#downloaded,
        left: this.#pieces?.missing ?? UNKNOWN_LEFT,
        partial: this.#pieces?.isPartialSeed ?? false,
      }),
    })
    this.#unchoker = new Unchoker({
      peers: () => this.#swarm.peers.keys(),
      seeding: () => this.#context.torrent?.upload.only() ?? false,
      uploaded: () => this.#swarm.uploaded,
      limit: typeof options.up === 'number' ? options.up : undefined,
      random,
    })
    this.#followSwarm()
    this.#sources.on('peers', (peers, name) => this.#swarm.add(peers, name))
    this.#sources.on('warning', error => this.emit('warning', error))
    if ('hashes' in source) this.#learnMetainfo(source)
  }

  get state(): TorrentState {
    return this.#state
  }

  /** @throws InputError ERR_USAGE while the metadata is not known: await `ready` */
  get metainfo(): Metainfo {
    if (this.#metainfo) return this.#metainfo
    throw new InputError(
      'ERR_USAGE',
      'the metadata of this torrent is not known yet: await torrent.ready first',
    )
  }

  /** The pieces that are verified and at rest. */
  get verified(): Bitfield {
    return this.#pieces?.verified ?? new Bitfield(this.#metainfo?.pieceCount ?? 0)
  }

  /** Its files, each of which can be read; none while the metadata is not known. */
  get files(): readonly TorrentFile[] {
    return this.#files
  }

  /** Resolves with the metainfo once it is known; rejects with what ended the torrent before. */
  get ready(): Promise<Metainfo> {
    return this.#when('metadata', () => this.#metainfo)
  }

  /** Resolves once all that was asked for is verified and at rest; rejects with what ended the torrent before. */
  get done(): Promise<void> {
    return this.#when('done', () => this.#pieces?.complete || undefined).then(() => {})
  }

  /** Whether what was there already is known, and blocks are exchanged. */
  get started(): boolean {
    return this.#state === 'downloading' || this.#state === 'seeding'
  }

  /** Whether all that was asked for is verified and at rest. */
  get complete(): boolean {
    return this.#pieces?.complete ?? false
  }

  /** The connected peers. */
  get peers(): readonly Peer[] {
    return this.#swarm.connected
  }

  /** True while the torrent waits for peers, rather than for a disk or a reader. */
  get waiting(): boolean {
    if (this.#state === 'metadata') return !this.#metainfo
    return this.#state === 'downloading' && this.#pieces!.waitsForPeers
  }

  /** How it stands. */
  get progress(): Progress {
    return progressOf({
      pieces: this.#pieces,
      metadata: this.#metadata,
      swarm: this.#swarm,
      webSeeds: this.#webSeeds,
      down: this.#down.rate,
      up: this.#up.rate,
    })
  }

  /** Why it does not go on, in words. */
  get reason(): string {
    const pieces = this.#pieces
    if (!pieces && this.#metadata) return whyNoMetadata(this.#swarm, this.#sources, this.#metadata)
    return whyStalled(
      this.#swarm,
      this.#sources,
      this.#webSeeds,
      index => !pieces || (pieces.pipeline.wanted.has(index) && !pieces.verified.has(index)),
    )
  }

  /** Fetches the metadata if need be, checks what is there, exchanges blocks. Returns at once. */
  start(): this {
    if (this.#state === 'new') this.#start().catch(error => this.destroy(error))
    return this
  }

  /**
   * Says what to do with a torrent that was made without a storage. Its metadata has to be known: await `ready`.
   * @param metainfo the torrent's own, or one with other paths for the same files, as `findFiles` gives it
   * @throws InputError ERR_USAGE if that was said already, or the metadata is not known
   */
  begin(content: ContentOptions, metainfo: Metainfo = this.metainfo): this {
    if (this.#pieces) throw new InputError('ERR_USAGE', 'begin: this torrent has a storage already')
    this.#metainfo = metainfo
    this.#takeContent(content)
    if (this.#state === 'metadata') this.#exchange().catch(error => this.destroy(error))
    return this
  }

  /**
   * The metainfo of a magnet link came from elsewhere, as from a web server: it need not come from peers any more.
   * @throws InputError ERR_METAINFO if it is that of another torrent
   */
  takeMetainfo(metainfo: Metainfo): void {
    if (!metainfo.infoHash.equals(this.infoHash)) {
      const [got, expected] = [metainfo.infoHash, this.infoHash].map(hash => hash.toString('hex'))
      throw new InputError('ERR_METAINFO', `another torrent, ${got}: expected ${expected}`)
    }
    if (!this.#metainfo && !this.#closing) this.#learnMetainfo(metainfo)
  }

  /** Resolves once this piece is verified and at rest; rejects with what ended the torrent before. */
  async whenVerified(index: number): Promise<void> {
    await this.ready
    await this.#pieces?.whenVerified(index)
  }

  /** Looks at each file by its path. Rejects with ERR_CHANGED when what was asked for is not complete any more. */
  async confirm(): Promise<void> {
    await this.#pieces?.confirm()
  }

  /** Which peers gave how much of a file. */
  givenOf(fileIndex: number): Given[] {
    return this.#pieces?.pipeline.contributions.of(fileIndex) ?? []
  }

  /**
   * The bytes from `start` to before `end`, counted from the torrent's start, each as soon as it is verified. They are
   * to be taken forward, one call at a time, and the source is to be closed. What is read soon is fetched first.
   */
  open(start: number, end: number): Required<ByteSource> {
    if (this.#pieces) return this.#pieces.open(start, end)
    throw new InputError('ERR_USAGE', 'this torrent has no content yet: await torrent.ready first')
  }

  /** Says goodbye to trackers and peers, and gives everything back. Idempotent; never rejects. */
  close(): Promise<void> {
    this.#closing ??= this.#end()
    return this.#closing
  }

  /** Ends it now, for this reason. */
  destroy(error?: Error): void {
    if (this.#closing) return
    this.#failure = error
    if (error && this.listenerCount('error') > 0) this.emit('error', error)
    void this.close()
  }

  get #downloaded(): number {
    return this.#swarm.downloaded + (this.#webSeeds?.downloaded ?? 0)
  }

  get #reasonToEnd(): Error {
    return this.#failure ?? new StorageError('ERR_ABORTED', 'the download was closed before it was complete')
  }

  /** Resolves with what `value` has once it has something; an event says when to look. */
  #when<T>(event: 'metadata' | 'done', value: () => T | undefined): Promise<T> {
    const there = value()
    if (there !== undefined) return Promise.resolve(there)
    if (this.#state === 'closed') return Promise.reject(this.#reasonToEnd)
    return new Promise((resolve, reject) => {
      const look = () => {
        this.off(event, look)
        this.off('close', look)
        const there = value()
        if (there === undefined || (event === 'done' && this.#failure)) reject(this.#reasonToEnd)
        else resolve(there)
      }
      this.on(event, look)
      this.on('close', look)
    })
  }

  #followSwarm(): void {
    const swarm = this.#swarm
    swarm.on('warning', error => this.emit('warning', error))
    swarm.on('connected', peer => {
      this.#pieces?.join(peer)
      this.emit('connected', peer)
    })
    swarm.on('disconnected', (peer, reason) => this.emit('disconnected', peer, reason))
    swarm.on('interest', () => this.#unchoker.changed(this.#clock.now()))
  }

  async #start(): Promise<void> {
    this.#state = 'metadata'
    this.#receivedAt = this.#clock.now()
    if (!this.#metainfo) {
      this.#findPeers()
      await this.#fetchMetadata()
    }
    if (this.#pieces) await this.#exchange()
  }

  /** Checks what is there, and exchanges blocks from then on. */
  async #exchange(): Promise<void> {
    const pieces = this.#pieces!
    if (this.#closing) return
    this.#state = 'checking'
    await pieces.check()
    if (this.#closing) return
    this.#state = 'downloading'
    this.#receivedAt = this.#clock.now()
    this.emit('started')
    if (pieces.finished) {
      await this.#finish()
      if (!this.#options.share || this.#closing) return
    }
    this.#swarm.begin(pieces.forPeers)
    for (const peer of this.#swarm.connected) pieces.join(peer)
    if (!this.#timer) this.#findPeers()
    if (!pieces.finished) this.#webSeeds!.start()
  }

  /** Looks for peers, and looks at what is late from now on. */
  #findPeers(): void {
    this.#tick()
    this.#options.listener?.add(this.infoHash, accepted => this.#swarm.accept(accepted))
    this.#sources.start()
  }

  /** Resolves once the metadata is known. */
  #fetchMetadata(): Promise<void> {
    const metadata = new MetadataDownload({
      infoHash: this.infoHash,
      swarm: this.#swarm,
      now: () => this.#clock.now(),
    })
    this.#metadata = metadata
    return new Promise((resolve, reject) => {
      this.once('metadata', () => resolve())
      this.once('close', () => resolve())
      metadata.once('complete', info => {
        const { portableNames } = this.#options
        metainfoOf(info, this.#source as Magnet, pick({ portableNames }, 'portableNames'))
          .then(metainfo => this.takeMetainfo(metainfo))
          .catch(reject)
      })
    })
  }

  /** Only its trackers and its user may name peers of a private torrent (BEP 27). */
  #becomePrivate(): void {
    this.#sources.becomePrivate()
    this.#swarm.forget(['DHT', 'LSD', 'PEX'])
  }

  #learnMetainfo(metainfo: Metainfo): void {
    const { storage } = this.#options
    this.#metainfo = metainfo
    this.#metadata?.end()
    if (metainfo.private) this.#becomePrivate()
    if (this.#options.trackers !== false) this.#sources.addTrackers(newTiers(metainfo, this.#source))
    if (storage) this.#takeContent({ ...this.#options, storage })
    else this.#files = metainfo.files.map((_, index) => new TorrentFile(this, index))
    this.emit('metadata', metainfo)
  }

  /** What to do with the torrent is decided. */
  #takeContent(content: ContentOptions): void {
    const { clock = systemClock, memoryBudget, random = Math.random } = this.#options
    const memory = memoryBudget?.nextShare ?? this.#options.memory ?? DEFAULT_MEMORY_BYTES
    const { metainfo } = this
    const pieces = new Pieces({
      ...{ metainfo, content, clock, memory, random },
      superSeed: this.#options.superSeed ?? false,
      reputation: this.#reputation,
      funnel: this.#context.funnel,
      signal: this.#ended.signal,
    })
    this.#pieces = pieces
    this.#files = metainfo.files.map((_, index) => new TorrentFile(this, index, content.select))
    memoryBudget?.add(this, share => {
      pieces.pipeline.memory = share
    })
    pieces.on('checked', count => this.emit('checked', count))
    pieces.on('warning', error => this.emit('warning', error))
    pieces.on('failed', error => this.destroy(error))
    pieces.on('verified', index => this.#verified(index))
    pieces.on('lost', index => {
      for (const peer of this.#swarm.peers.keys()) peer.lack(index)
      this.emit('lost', index)
    })
    pieces.on('banned', (name, reason) => {
      this.#swarm.ban(name, reason)
      this.#webSeeds?.ban(name, reason)
    })
    this.#webSeeds = new WebSeeds({
      metainfo,
      pipeline: pieces.pipeline,
      limits: this.#context.limits,
      clock,
      userAgent: `tsdl/${VERSION}`,
      named: this.#options.webSeeds,
      urls: this.#options.webSeedUrls,
      open: this.#options.http,
      allowLocal: this.#options.allowLocal,
    })
    this.#webSeeds.on('warning', error => this.emit('warning', error))
    this.#webSeeds.on('connected', name => this.emit('webSeed', name, 'connected'))
    this.#webSeeds.on('disconnected', (name, reason) => this.emit('webSeed', name, 'disconnected', reason))
  }

  #tick(): void {
    const now = this.#clock.now()
    if (this.#pieces?.isStarved) this.#swarm.makeRoom()
    this.#swarm.tick(now)
    this.#metadata?.tick(now)
    this.#webSeeds?.tick(now)
    this.#unchoker.tick(now)
    this.#pieces?.tick(now)
    this.#down.update(this.#downloaded, now)
    this.#up.update(this.#swarm.uploaded, now)
    const { timeout = 0 } = this.#options
    const received = this.#downloaded + (this.#metadata?.progress.have ?? 0)
    if (received > this.#received || !this.waiting) this.#receivedAt = now
    this.#received = received
    if (timeout > 0 && now - this.#receivedAt > timeout) {
      const what = this.#metainfo
        ? this.reason
        : `no metadata for ${this.infoHash.toString('hex')}: ${this.reason}`
      this.destroy(new StalledError('ERR_STALLED', `${what}; nothing received for ${timeout / 1000} s`))
    } else if (!this.#closing) this.#timer = this.#clock.setTimeout(() => this.#tick(), TICK_MS)
  }

  #verified(index: number): void {
    const pieces = this.#pieces!
    this.emit('verified', index)
    if (!this.started) return
    // peers are told of no piece that is not retained
    if (pieces.retains) for (const peer of this.#swarm.peers.keys()) peer.have(index)
    if (pieces.finished && this.#state === 'downloading') this.#finish().catch(error => this.destroy(error))
    // on demand it is never done, and yet all of it may be there
    if (!pieces.finished && pieces.retains && pieces.verified.full) this.#sources.complete()
  }

  async #finish(): Promise<void> {
    const pieces = this.#pieces!
    const confirmed = await pieces.confirmAll()
    if (!confirmed || this.#closing || this.#state === 'seeding') return
    this.#state = 'seeding'
    pieces.complete = true
    void pieces.save()
    if (pieces.verified.full) this.#sources.complete()
    else if (pieces.retains) {
      this.#sources.becomePartialSeed()
      for (const peer of this.#swarm.peers.keys()) peer.tellUploadOnly()
    }
    this.emit('done')
  }

  async #end(): Promise<void> {
    const reason = this.#reasonToEnd
    this.#state = 'closed'
    this.#ended.abort(reason)
    this.#clock.clearTimeout(this.#timer)
    this.#options.listener?.remove(this.infoHash)
    this.#metadata?.end()
    this.#swarm.close()
    this.#options.memoryBudget?.delete(this)
    this.#webSeeds?.close()
    this.#pieces?.end(reason)
    const goodbye = this.#sources.stop()
    // first: the caller may not wait long for goodbyes
    await this.#pieces?.close().catch(error => {
      this.#failure ??= error
    })
    await goodbye
    this.#context.funnel.destroy()
    this.emit('close')
  }
}

/** The trackers of a metainfo that its magnet link does not name, in tiers. */
function newTiers({ trackers }: Metainfo, { trackers: known }: Metainfo | Magnet): string[][] {
  const urls = new Set(known.flat())
  return trackers.map(tier => tier.filter(url => !urls.has(url))).filter(tier => tier.length > 0)
}

function infoHashOf(source: Metainfo | Magnet): Buffer {
  if (source.infoHash) return source.infoHash
  const hash = 'infoHashV2' in source ? source.infoHashV2?.toString('hex') : ''
  throw new InputError(
    'ERR_USAGE',
    `${hash}: an info-hash of BitTorrent v2 alone, which is not supported yet`,
  )
}

/** The address to dial from; none where all will do. @throws InputError when it is no IP address */
function dialledFrom(bind: string | undefined): string | undefined {
  if (bind === undefined) return undefined
  const bytes = addressBytes(bind.replace(/%.*$/, '')) // without the zone of a link-local one
  if (bytes) return bytes.some(byte => byte > 0) ? bind : undefined
  throw new InputError('ERR_USAGE', `bind: expected an IP address of this machine, got ${bind}`)
}
