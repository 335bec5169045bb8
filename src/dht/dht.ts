import { randomBytes as systemRandomBytes } from 'node:crypto'
import type dgram from 'node:dgram'
import { EventEmitter } from 'node:events'
import PQueue from 'p-queue'
import { type Clock, systemClock } from '../clock.ts'
import { addressBytes, formatAddress, type PeerAddress } from '../codec/compact.ts'
import { DiscoveryError, messageOf } from '../errors.ts'
import type { Family } from './contact.ts'
import { openDatagrams } from './datagrams.ts'
import { DhtNode } from './node.ts'
import { ID_LENGTH } from './node-id.ts'
import { ROUTERS, systemResolve } from './routers.ts'
import { type DhtState, decodeState, encodeState } from './state.ts'

export interface DhtOptions {
  /** UDP port; one that is free if this one is taken. @default one that is free */
  readonly port?: number
  /** The address to bind; it decides the family. @default all, IPv4 and IPv6 */
  readonly bind?: string
  /** Where to begin when nobody is known, as addresses or names. @default `ROUTERS` */
  readonly bootstrap?: readonly PeerAddress[]
  /** Whether to ask only, and answer nobody (BEP 43): for who cannot be reached anyway. @default false */
  readonly readOnly?: boolean
  /** What `state` gave in an earlier run. @default none */
  readonly state?: Uint8Array
  readonly clock?: Clock
  /** From 0 to below 1. @default Math.random */
  readonly random?: () => number
  /** So many bytes that nobody can guess. @default those of node:crypto */
  readonly randomBytes?: (size: number) => Uint8Array
  readonly createSocket?: typeof dgram.createSocket
  /** The addresses of a name; `signal` gives it up. @default those that the system finds */
  readonly resolve?: (name: string, signal: AbortSignal) => Promise<readonly string[]>
}

export interface DhtEvents {
  /** It is of less use than it should be; what can be tried again is. */
  warning: [error: DiscoveryError]
}

export interface DhtLookupOptions {
  /** Gets peers as they come, none twice. */
  readonly found: (peers: readonly PeerAddress[]) => void
  /** Where we accept peers of this torrent: then it is announced. @default it is not */
  readonly announce?: { readonly port: number; readonly impliedPort?: boolean }
  readonly signal?: AbortSignal
}

export interface DhtLookupResult {
  /** Nodes that were asked; that answered; that know now that we have the torrent. */
  readonly asked: number
  readonly answered: number
  readonly announced: number
}

/** Lookups at once; the others wait. */
const MAX_LOOKUPS = 8
/** Peers of one lookup. */
const MAX_FOUND = 2_000
/** Addresses of bootstrap nodes; and names that are looked up at once, of which a torrent may have many. */
const MAX_ROUTERS = 16

/** Our part of the DHT (BEP 5): a node for IPv4 and one for IPv6 (BEP 32), which find peers and help others to. */
export class Dht extends EventEmitter<DhtEvents> {
  readonly #options: DhtOptions
  readonly #nodes: Partial<Record<Family, DhtNode>> = {}
  readonly #lookups = new PQueue({ concurrency: MAX_LOOKUPS })
  #starting: Promise<void> | undefined
  #routing: Promise<void> = Promise.resolve()
  /** Names that are being looked up. */
  #resolving = 0
  readonly #ended = new AbortController()
  #closed = false
  #closing: Promise<void> | undefined

  constructor(options: DhtOptions = {}) {
    super()
    this.#options = options
  }

  /** Opens its ports and looks for neighbours. Resolves once the ports are open; never rejects, but warns. */
  async start(): Promise<this> {
    this.#starting ??= this.#start()
    await this.#starting
    return this
  }

  /** The UDP port of our node of that family, for the port message; none if there is no such node. */
  port(family: Family = 4): number | undefined {
    return this.#nodes[family]?.port
  }

  /** How many nodes it knows that answer. */
  get size(): number {
    return this.#all.reduce((sum, node) => sum + node.table.size, 0)
  }

  /** Whether it answers nobody (BEP 43). */
  get readOnly(): boolean {
    return this.#all.every(node => node.readOnly)
  }

  /** There may be a node at this address, or at those of this name: a torrent's `nodes`, or a port message said so. */
  add(address: PeerAddress): void {
    if (address.port < 1 || address.port > 65535) return
    const tried = Promise.all([this.#resolve(address), this.#starting]).then(([addresses]) => {
      for (const found of addresses) this.#nodes[familyOf(found)]?.add(found)
    })
    this.#routing = Promise.all([this.#routing, tried]).then(() => {})
  }

  /**
   * Finds peers of a torrent, and announces it where that is asked for. Never rejects.
   * @param infoHash 20 bytes, or more, of which the first 20 count (BEP 52)
   */
  async lookup(infoHash: Uint8Array, options: DhtLookupOptions): Promise<DhtLookupResult> {
    const target = Uint8Array.from(infoHash.subarray(0, ID_LENGTH))
    const results = await this.#lookups.add(() => this.#lookup(target, options))
    const sum = { asked: 0, answered: 0, announced: 0 }
    for (const result of results ?? []) {
      sum.asked += result.asked
      sum.answered += result.answered
      sum.announced += result.announced
    }
    return sum
  }

  /** What the next run can begin with; nothing while nobody has answered, as then an older one is better. */
  get state(): Buffer | undefined {
    if (this.size === 0) return undefined
    const state: { -readonly [F in Family]?: DhtState[F] } = {}
    for (const { family, id, table } of this.#all) state[family] = { id, contacts: table.nodes }
    return encodeState(state)
  }

  /** Ends everything under way, and frees the ports. Idempotent; never rejects. */
  close(): Promise<void> {
    this.#closed = true
    this.#ended.abort()
    this.#closing ??= this.#close()
    return this.#closing
  }

  get #all(): DhtNode[] {
    return Object.values(this.#nodes)
  }

  async #start(): Promise<void> {
    const { bind, state } = this.#options
    const known = state ? decodeState(state) : {}
    const families: Family[] = bind === undefined ? [4, 6] : [bind.includes(':') ? 6 : 4]
    const failures: unknown[] = []
    for (const family of families) {
      await this.#open(family, known).catch(error => failures.push(error))
    }
    // Many machines are without IPv6; that is no news.
    if (this.#all.length === 0 && !this.#closed) this.#warn(`the DHT cannot begin: ${messageOf(failures[0])}`)
    this.#routing = Promise.all([this.#routing, this.#findRouters()]).then(() => {})
  }

  async #open(family: Family, known: DhtState): Promise<void> {
    const { clock = systemClock, random = Math.random, randomBytes = systemRandomBytes } = this.#options
    const { bind, createSocket, port = 0, readOnly = false } = this.#options
    const base = { family, ...(bind ? { bind } : {}), ...(createSocket ? { createSocket } : {}) }
    const datagrams = await openDatagrams({ ...base, port }).catch(error => {
      if (port === 0) throw error
      return openDatagrams(base)
    })
    if (this.#closed) return datagrams.close()
    this.#nodes[family] = new DhtNode({
      family,
      datagrams,
      clock,
      random,
      randomBytes,
      readOnly,
      id: known[family]?.id,
      contacts: known[family]?.contacts,
      sibling: () => this.#nodes[family === 4 ? 6 : 4],
    })
  }

  async #findRouters(): Promise<void> {
    const { bootstrap = ROUTERS } = this.#options
    const found: PeerAddress[] = []
    const named = bootstrap.slice(0, MAX_ROUTERS).map(async router => {
      const addresses = await this.#resolve(router)
      found.push(...addresses)
      for (const node of this.#all) {
        node.routers = found.filter(address => familyOf(address) === node.family).slice(0, MAX_ROUTERS)
      }
      if (addresses.length === 0) throw new Error('nobody is at that name')
    })
    // The first name that is known is enough to begin: one that takes its time keeps nobody waiting.
    await Promise.any(named).catch(() => {})
    for (const node of this.#all) node.refill()
  }

  /** Addresses for a name; none, and a warning, if there are none. */
  async #resolve({ host, port }: PeerAddress): Promise<PeerAddress[]> {
    if (addressBytes(host)) return [{ host, port }]
    const { resolve = systemResolve } = this.#options
    if (this.#resolving >= MAX_ROUTERS) return []
    this.#resolving++
    try {
      const hosts = await resolve(host, this.#ended.signal)
      return hosts.filter(addressBytes).map(host => ({ host, port }))
    } catch (error) {
      this.#warn(`DHT node ${formatAddress({ host, port })}: ${messageOf(error)}`, error)
      return []
    } finally {
      this.#resolving--
    }
  }

  async #lookup(infoHash: Uint8Array, { announce, found, signal }: DhtLookupOptions) {
    await this.#starting
    if (!this.#all.some(node => node.canBegin)) await this.#routing
    if (this.#closed || signal?.aborted) return []
    const seen = new Set<string>()
    const fresh = (peers: readonly PeerAddress[]) => {
      const news = peers.filter(peer => {
        const key = formatAddress(peer)
        return seen.size < MAX_FOUND && !seen.has(key) && seen.add(key)
      })
      if (news.length > 0) found(news)
    }
    return Promise.all(
      this.#all.map(async node => {
        const { asked, answered, holders } = await node.lookup(infoHash, fresh, signal)
        if (!announce || signal?.aborted) return { asked, answered, announced: 0 }
        const { port, impliedPort = false } = announce
        const announced = await node.announce(infoHash, { port, impliedPort }, holders)
        return { asked, answered, announced }
      }),
    )
  }

  async #close(): Promise<void> {
    await this.#starting
    await Promise.all(this.#all.map(node => node.close()))
  }

  #warn(message: string, cause?: unknown): void {
    if (!this.#closed) this.emit('warning', new DiscoveryError('ERR_DHT', message, cause))
  }
}

function familyOf({ host }: PeerAddress): Family {
  return host.includes(':') ? 6 : 4
}
