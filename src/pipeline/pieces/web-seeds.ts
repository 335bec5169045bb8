import { EventEmitter } from 'node:events'
import type { AddressFamily } from '../../codec/address-family.ts'
import { quote } from '../../codec/quote.ts'
import { InputError, messageOf, type PeerError } from '../../errors.ts'
import { Layout } from '../../metainfo/layout.ts'
import type { Metainfo } from '../../metainfo/metainfo.ts'
import { webSeedFault } from '../../metainfo/trackers.ts'
import { FileSite, PieceSite, type WebSite } from '../../metainfo/web-site.ts'
import { webSeedName } from '../../metainfo/web-url.ts'
import type { Trust } from '../../ports/address-policy.ts'
import type { Clock } from '../../ports/clock.ts'
import { HttpClient, type HttpOpen } from '../../ports/http-client.ts'
import { WebSeed } from '../../streams/web/web-seed.ts'
import type { PeerContext } from '../peer/peer-context.ts'
import { RateWindow } from '../peer/rate-window.ts'
import type { PiecePipeline } from './piece-pipeline.ts'

export interface WebSeedsEvents {
  /** A web seed sent its first useful response, or the first after a failure. */
  connected: [name: string]
  /** A web seed cannot be used for a while. */
  disconnected: [name: string, reason: string]
  warning: [error: PeerError]
}

/** A web seed. `waiting`: others are used. `asking`: it has not answered yet. `resting`: it failed and is asked again later. */
export interface WebSeedStatus {
  readonly name: string
  readonly state: 'active' | 'asking' | 'resting' | 'waiting'
  /** Bytes of blocks. */
  readonly downloaded: number
  /** Blocks that are requested and have not arrived. */
  readonly outstanding: number
  /** Its last failure, in words. */
  readonly failure?: string
  /** Milliseconds until it is asked again. */
  readonly nextIn?: number
}

export interface WebSeedsOptions {
  readonly metainfo: Metainfo
  /** True to use the web seeds that the torrent names. @default true */
  readonly named?: boolean | undefined
  /** True if web seeds of the torrent may be on this machine and its network. @default false */
  readonly allowLocal?: boolean | undefined
  /** URLs of further web seeds (BEP 19). @default none */
  readonly urls?: readonly string[] | undefined
  readonly pipeline: Pick<PiecePipeline, 'scheduler' | 'funnel' | 'trust'>
  readonly limits: Pick<PeerContext['limits'], 'window' | 'down'>
  readonly clock: Clock
  /** Sent as User-Agent. */
  readonly userAgent: string
  /** The only address family to connect with, without `open`. @default both */
  readonly family?: AddressFamily | undefined
  /** @default node:http and node:https */
  readonly open?: HttpOpen | undefined
}

/** Maximum number of web seeds of a torrent, and of those in use at a time. */
const MAX_SEEDS = 100
const MAX_AT_ONCE = 8
/** Minimum blocks in flight: a request for fewer is inefficient. */
const MIN_WINDOW_BLOCKS = 32
/** Milliseconds without an answer after which the blocks of a web seed are requested from others. */
const REQUEST_TIMEOUT_MS = 10_000

/** A web seed that is not in use yet. */
interface WebSeedSource {
  readonly name: string
  readonly site: WebSite
  readonly trust: Trust
}

/** The web seeds of one torrent (BEP 17, 19). Each writes to the funnel as a peer does, and is banned as a peer is. */
export class WebSeeds extends EventEmitter<WebSeedsEvents> {
  /** The number of web seeds, including those that were closed. */
  readonly size: number
  readonly #options: WebSeedsOptions
  readonly #client: HttpClient
  readonly #reserve: WebSeedSource[]
  readonly #seeds = new Set<WebSeed>()
  readonly #warned = new Map<string, string>()
  #lastFailure = ''
  #state: 'new' | 'running' | 'closed' = 'new'
  #isPaused = false
  /** Bytes from web seeds that were closed. */
  #downloaded = 0
  #wasted = 0

  constructor(options: WebSeedsOptions) {
    super()
    this.#options = options
    this.#client = new HttpClient({ keepAlive: true, family: options.family })
    this.#reserve = sourcesOf(options)
    this.size = this.#reserve.length
  }

  /** The number of web seeds that are useful now. */
  get active(): number {
    return [...this.#seeds].filter(({ active }) => active).length
  }

  /** Bytes of blocks, from all web seeds. */
  get downloaded(): number {
    return [...this.#seeds].reduce((sum, seed) => sum + seed.downloaded, this.#downloaded)
  }

  /** Useless bytes from all web seeds. */
  get wasted(): number {
    return [...this.#seeds].reduce((sum, seed) => sum + seed.wasted, this.#wasted)
  }

  /** The reason why no web seed can be used, in words; undefined if there is none, or one is useful. */
  get reason(): string | undefined {
    if (this.size === 0 || this.active > 0) return undefined
    const which = this.size === 1 ? 'the only web seed cannot' : `none of ${this.size} web seeds can`
    return `${which} be used${this.#lastFailure && ` (${this.#lastFailure})`}`
  }

  /** Describes each web seed: those in use first. */
  get statuses(): WebSeedStatus[] {
    const now = this.#options.clock.now()
    const used = [...this.#seeds].map(seed => {
      const { active, downloaded, name, outstanding, restsUntil } = seed
      const failure = active ? undefined : this.#warned.get(name)
      const state = active ? 'active' : restsUntil === undefined ? 'asking' : 'resting'
      return {
        ...({ name, state, downloaded, outstanding } as const),
        ...(failure === undefined ? {} : { failure }),
        ...(restsUntil === undefined ? {} : { nextIn: Math.max(0, restsUntil - now) }),
      }
    })
    const unused = this.#reserve.map(({ name }) => ({
      ...({ name, state: 'waiting', downloaded: 0, outstanding: 0 } as const),
    }))
    return [...used, ...unused]
  }

  /** True if web seeds are asked, or rest and will be. */
  get isRunning(): boolean {
    return this.#state === 'running' && (this.#seeds.size > 0 || this.#reserve.length > 0)
  }

  start(): void {
    if (this.#state !== 'new') return
    this.#state = 'running'
    this.#open()
  }

  /** Uses no further web seed until `resume`. Those in use get no requests, as the scheduler is paused, too. */
  pause(): void {
    this.#isPaused = true
  }

  /** Continues after `pause`. */
  resume(): void {
    this.#isPaused = false
    this.#open()
  }

  tick(now: number): void {
    for (const seed of [...this.#seeds]) seed.tick(now, REQUEST_TIMEOUT_MS)
    this.#open()
  }

  /** Sends no requests to a web seed that gave wrong bytes, for an hour or longer. */
  ban(name: string, reason: string): void {
    for (const seed of this.#seeds) if (seed.name === name) seed.ban(reason)
  }

  close(): void {
    this.#state = 'closed'
    for (const seed of [...this.#seeds]) seed.destroy()
    this.#client.close()
  }

  /** Uses as many web seeds as allowed. Those that rest do not count. */
  #open(): void {
    if (this.#isPaused) return
    let room = MAX_AT_ONCE - [...this.#seeds].filter(({ resting }) => !resting).length
    for (; room > 0 && this.#state === 'running'; room--) {
      const source = this.#reserve.shift()
      if (!source) return
      this.#begin(source)
    }
  }

  #begin({ name, site, trust }: WebSeedSource): void {
    const { metainfo, pipeline, limits, clock, userAgent, open = this.#client.open } = this.#options
    const { pieceCount, pieceLength } = metainfo
    const seed = new WebSeed({
      name,
      site,
      trust,
      pieceCount,
      pieceLength,
      open,
      userAgent,
      clock,
      source: pipeline.scheduler,
      window: new RateWindow({ limit: limits.window, min: MIN_WINDOW_BLOCKS }),
      ...(limits.down ? { limit: limits.down } : {}),
    })
    pipeline.trust.names.set(seed, name)
    this.#seeds.add(seed)
    let isConnected = false
    const reportEnd = (reason: string) => {
      if (isConnected) this.emit('disconnected', name, reason)
      isConnected = false
    }
    seed.on('answered', () => {
      isConnected = true
      this.emit('connected', name)
    })
    seed.on('warning', (error: PeerError) => {
      if (!seed.active) reportEnd(messageOf(error))
      this.#warn(name, error)
      this.#open()
    })
    seed.on('close', () => {
      this.#seeds.delete(seed)
      this.#downloaded += seed.downloaded
      this.#wasted += seed.wasted
      reportEnd('no longer needed')
    })
    const inlet = pipeline.funnel.inlet()
    inlet.on('error', () => {})
    seed.pipe(inlet)
    seed.start()
  }

  /** Emits each warning once: the request is repeated, and fails the same way. */
  #warn(name: string, error: PeerError): void {
    this.#lastFailure = messageOf(error)
    if (this.#warned.get(name) === error.message) return
    this.#warned.set(name, error.message)
    this.emit('warning', error)
  }
}

/** @throws InputError ERR_USAGE for a URL that cannot be a web seed */
export function checkWebSeedUrls(urls: readonly string[] = []): void {
  for (const url of urls) {
    const fault = webSeedFault(url)
    if (fault) throw new InputError('ERR_USAGE', `web seed ${quote(url)} ${fault}`)
  }
}

/** Returns all web seeds with distinct names, those of the user first. */
function sourcesOf({
  allowLocal = false,
  metainfo,
  named = true,
  urls = [],
}: WebSeedsOptions): WebSeedSource[] {
  const layout = new Layout(metainfo)
  const sources = new Map<string, WebSeedSource>()
  const trust = allowLocal ? 'all' : 'remote'
  const add = (url: string, site: WebSite, trust: Trust) => {
    const plain = webSeedName(url)
    let name = plain
    for (let count = 2; sources.has(name); count++) name = `${plain} (${count})`
    if (sources.size < MAX_SEEDS) sources.set(name, { name, site, trust })
  }
  for (const url of new Set(urls)) {
    add(url, new FileSite(url, metainfo, layout), allowLocal ? 'all' : 'user')
  }
  if (!named) return [...sources.values()]
  for (const url of metainfo.webSeeds)
    if (!urls.includes(url)) add(url, new FileSite(url, metainfo, layout), trust)
  for (const url of metainfo.httpSeeds ?? []) add(url, new PieceSite(url, metainfo, layout), trust)
  return [...sources.values()]
}
