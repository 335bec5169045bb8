import { EventEmitter } from 'node:events'
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
  /** It gave its first answer that was of use, or the first again. */
  connected: [name: string]
  /** It cannot be asked any more, or not for a while. */
  disconnected: [name: string, reason: string]
  warning: [error: PeerError]
}

export interface WebSeedsOptions {
  readonly metainfo: Metainfo
  /** Whether those that the torrent names are asked. @default true */
  readonly named?: boolean | undefined
  /** Whether those of the torrent may be of this machine and its network, whatever they look like. @default false */
  readonly allowLocal?: boolean | undefined
  /** URLs (BEP 19) beside those. @default none */
  readonly urls?: readonly string[] | undefined
  readonly pipeline: Pick<PiecePipeline, 'scheduler' | 'funnel' | 'trust'>
  readonly limits: Pick<PeerContext['limits'], 'window' | 'down'>
  readonly clock: Clock
  /** Sent as User-Agent. */
  readonly userAgent: string
  /** @default node:http and node:https */
  readonly open?: HttpOpen | undefined
}

/** Web seeds of a torrent that are listened to, and those that are asked at once. */
const MAX_SEEDS = 100
const MAX_AT_ONCE = 8
/** Blocks that are asked for whatever the rate: a request for less is hardly worth it. */
const LEAST_WINDOW = 32
/** Milliseconds that a web seed may take to bring a block before others are asked. */
const REQUEST_TIMEOUT = 10_000

/** One that is not asked yet. */
interface Place {
  readonly name: string
  readonly site: WebSite
  readonly trust: Trust
}

/** The web seeds of one torrent (BEP 17, 19): each feeds the funnel as a peer does, and is banned as one. */
export class WebSeeds extends EventEmitter<WebSeedsEvents> {
  /** How many there ever were. */
  readonly size: number
  readonly #options: WebSeedsOptions
  readonly #client = new HttpClient({ keepAlive: true })
  readonly #reserve: Place[]
  readonly #seeds = new Set<WebSeed>()
  readonly #said = new Map<string, string>()
  #last = ''
  #state: 'new' | 'running' | 'closed' = 'new'
  #isPaused = false
  /** Bytes from those that are gone. */
  #downloaded = 0
  #wasted = 0

  /** @throws InputError for a URL that cannot be a web seed */
  constructor(options: WebSeedsOptions) {
    super()
    this.#options = options
    this.#reserve = placesOf(options)
    this.size = this.#reserve.length
  }

  /** How many are of use now. */
  get active(): number {
    return [...this.#seeds].filter(({ active }) => active).length
  }

  /** Bytes of blocks, from all that there ever were. */
  get downloaded(): number {
    return [...this.#seeds].reduce((sum, seed) => sum + seed.downloaded, this.#downloaded)
  }

  /** Bytes that were of no use. */
  get wasted(): number {
    return [...this.#seeds].reduce((sum, seed) => sum + seed.wasted, this.#wasted)
  }

  /** Why none of them is of use, in words; undefined when there are none, or one is. */
  get reason(): string | undefined {
    if (this.size === 0 || this.active > 0) return undefined
    return `none of ${this.size} web seeds can be used${this.#last && ` (${this.#last})`}`
  }

  start(): void {
    if (this.#state !== 'new') return
    this.#state = 'running'
    this.#open()
  }

  /** Asks no further web seed until `resume`. Those that are asked get no work meanwhile: the scheduler is paused too. */
  pause(): void {
    this.#isPaused = true
  }

  /** Goes on after `pause`. */
  resume(): void {
    this.#isPaused = false
    this.#open()
  }

  tick(now: number): void {
    for (const seed of [...this.#seeds]) seed.tick(now, REQUEST_TIMEOUT)
    this.#open()
  }

  /** Asks nothing of one that gave wrong bytes, for an hour or longer. */
  ban(name: string, reason: string): void {
    for (const seed of this.#seeds) if (seed.name === name) seed.ban(reason)
  }

  close(): void {
    this.#state = 'closed'
    for (const seed of [...this.#seeds]) seed.destroy()
    this.#client.close()
  }

  /** Asks as many as may be; those that rest do not count. */
  #open(): void {
    if (this.#isPaused) return
    let room = MAX_AT_ONCE - [...this.#seeds].filter(({ resting }) => !resting).length
    for (; room > 0 && this.#state === 'running'; room--) {
      const place = this.#reserve.shift()
      if (!place) return
      this.#begin(place)
    }
  }

  #begin({ name, site, trust }: Place): void {
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
      window: new RateWindow(limits.window, LEAST_WINDOW),
      ...(limits.down ? { limit: limits.down } : {}),
    })
    pipeline.trust.names.set(seed, name)
    this.#seeds.add(seed)
    const told = { connected: false }
    const gone = (reason: string) => {
      if (told.connected) this.emit('disconnected', name, reason)
      told.connected = false
    }
    seed.on('answered', () => {
      told.connected = true
      this.emit('connected', name)
    })
    seed.on('warning', (error: PeerError) => {
      if (!seed.active) gone(messageOf(error))
      this.#warn(name, error)
      this.#open()
    })
    seed.on('close', () => {
      this.#seeds.delete(seed)
      this.#downloaded += seed.downloaded
      this.#wasted += seed.wasted
      gone('no longer needed')
    })
    const inlet = pipeline.funnel.inlet()
    inlet.on('error', () => {})
    seed.pipe(inlet)
    seed.start()
  }

  /** Each complaint once: it is asked again, and fails the same way. */
  #warn(name: string, error: PeerError): void {
    this.#last = messageOf(error)
    if (this.#said.get(name) === error.message) return
    this.#said.set(name, error.message)
    this.emit('warning', error)
  }
}

/** All that may be asked, the user's own first; no two share a name. */
function placesOf({ allowLocal = false, metainfo, named = true, urls = [] }: WebSeedsOptions): Place[] {
  const layout = new Layout(metainfo)
  const places = new Map<string, Place>()
  const trust = allowLocal ? 'all' : 'remote'
  const add = (url: string, site: WebSite, trust: Trust) => {
    const plain = webSeedName(url)
    let name = plain
    for (let count = 2; places.has(name); count++) name = `${plain} (${count})`
    if (places.size < MAX_SEEDS) places.set(name, { name, site, trust })
  }
  for (const url of new Set(urls)) {
    const why = webSeedFault(url)
    if (why) throw new InputError('ERR_USAGE', `web seed ${quote(url)} ${why}`)
    add(url, new FileSite(url, metainfo, layout), allowLocal ? 'all' : 'user')
  }
  if (!named) return [...places.values()]
  for (const url of metainfo.webSeeds)
    if (!urls.includes(url)) add(url, new FileSite(url, metainfo, layout), trust)
  for (const url of metainfo.httpSeeds ?? []) add(url, new PieceSite(url, metainfo, layout), trust)
  return [...places.values()]
}
