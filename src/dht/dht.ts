import { randomBytes as systemRandomBytes } from 'node:crypto'
import type dgram from 'node:dgram'
import { EventEmitter } from 'node:events'
import PQueue from 'p-queue'
import { addressBytes } from '../codec/address-bytes.ts'
import { type AddressFamily, addressFamilyOf, familiesOf } from '../codec/address-family.ts'
import { checkArgument, checkBind, checkOptions, checkRequired } from '../codec/check-arguments.ts'
import { formatAddress, type PeerAddress } from '../codec/compact.ts'
import { DiscoveryError, messageOf } from '../errors.ts'
import { type Clock, systemClock } from '../ports/clock.ts'
import { openDatagrams } from './datagrams.ts'
import { DhtNode } from './node.ts'
import { ID_LENGTH } from './node-id.ts'
import { PUBLIC_ROUTERS, systemResolve } from './routers.ts'
import { type DhtState, decodeState, encodeState } from './state.ts'

/** Options of `Dht`. */
export interface DhtOptions {
  /** The UDP port. If it is in use, a free port is used. @default a free port */
  readonly port?: number
  /** The address to bind, which determines the family. @default all addresses, IPv4 and IPv6 */
  readonly bind?: string
  /** The only address family to use. @default that of `bind`, without it both */
  readonly family?: AddressFamily
  /** Bootstrap nodes, as addresses or host names. @default `PUBLIC_ROUTERS` */
  readonly bootstrap?: readonly PeerAddress[]
  /** True to send queries but no replies (BEP 43), for a host that cannot be reached. @default false */
  readonly readOnly?: boolean
  /** The `state` of an earlier run. @default none */
  readonly state?: Uint8Array
  readonly clock?: Clock
  /** Returns a number from 0 up to, but not including, 1. @default Math.random */
  readonly random?: () => number
  /** Returns `size` unpredictable bytes. @default randomBytes of node:crypto */
  readonly randomBytes?: (size: number) => Uint8Array
  readonly createSocket?: typeof dgram.createSocket
  /** Resolves a host name. `signal` aborts it. @default the resolver of the system */
  readonly resolve?: (name: string, signal: AbortSignal) => Promise<readonly string[]>
}

/** Events of `Dht`. */
export interface DhtEvents {
  /** A failure that limits the DHT. It is retried if possible. */
  warning: [error: DiscoveryError]
}

/** Options of a lookup. */
export interface DhtLookupOptions {
  /** Called with new peers as they are found. */
  readonly found: (peers: readonly PeerAddress[]) => void
  /** The port on which we accept peers of this torrent. @default the torrent is not announced */
  readonly announce?: { readonly port: number; readonly impliedPort?: boolean }
  readonly signal?: AbortSignal
}

/** The result of a lookup: the number of nodes that were queried, that replied, and that stored our announce. */
export interface DhtLookupResult {
  readonly asked: number
  readonly answered: number
  readonly announced: number
}

/** Maximum number of concurrent lookups. More are queued. */
const MAX_LOOKUPS = 8
/** Maximum number of peers of one lookup. */
const MAX_FOUND_PEERS = 2_000
/** Maximum number of bootstrap addresses, and of host names that are resolved at once, since a torrent may have many. */
const MAX_ROUTERS = 16

/** A DHT node for IPv4 and one for IPv6 (BEP 5, BEP 32). They find peers and answer the queries of other nodes. */
export class Dht extends EventEmitter<DhtEvents> {
  readonly #options: DhtOptions
  readonly #nodes: Partial<Record<AddressFamily, DhtNode>> = {}
  readonly #lookups = new PQueue({ concurrency: MAX_LOOKUPS })
  #starting: Promise<void> | undefined
  #routing: Promise<void> = Promise.resolve()
  /** Number of host names that are being resolved. */
  #resolving = 0
  readonly #ending = new AbortController()
  #closed = false
  #closing: Promise<void> | undefined

  constructor(options: DhtOptions = {}) {
    super()
    checkOptions(options, {
      bind: 'address',
      bootstrap: 'addresses',
      family: 'family',
      port: 'port',
      readOnly: 'boolean',
    })
    checkBind(options.bind, options.family)
    this.#options = options
  }

  /** Opens the ports and starts bootstrapping. Resolves when the ports are open. Emits `warning`; never rejects. */
  async start(): Promise<this> {
    this.#starting ??= this.#start()
    await this.#starting
    return this
  }

  /** Returns the UDP port of our node of a family, for the port message, or undefined if there is none. */
  port(family: AddressFamily = 4): number | undefined {
    return this.#nodes[family]?.port
  }

  /** Number of known nodes that reply. */
  get size(): number {
    return this.#all.reduce((sum, node) => sum + node.table.size, 0)
  }

  /** True if it sends no replies (BEP 43). */
  get readOnly(): boolean {
    return this.#all.every(node => node.readOnly)
  }

  /** Adds the possible address or host name of a node, from `nodes` of a torrent or from a port message. */
  add(address: PeerAddress): void {
    checkArgument('address', address, 'object')
    if (address.port < 1 || address.port > 65535) return
    const tried = Promise.all([this.#resolve(address), this.#starting]).then(([addresses]) => {
      for (const found of addresses) this.#nodes[familyOf(found)]?.add(found)
    })
    this.#routing = Promise.all([this.#routing, tried]).then(() => {})
  }

  /**
   * Finds peers of a torrent and optionally announces it. Rejects with ERR_USAGE for an invalid argument only.
   * @param infoHash 20 bytes; of a longer one the first 20 bytes are used (BEP 52)
   */
  async lookup(infoHash: Uint8Array, options: DhtLookupOptions): Promise<DhtLookupResult> {
    checkArgument('infoHash', infoHash, 'bytes')
    checkRequired(options, { found: 'function' })
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

  /** The state for the next run. Undefined until a node has replied, since an older state is then better. */
  get state(): Buffer | undefined {
    if (this.size === 0) return undefined
    const state: { -readonly [F in AddressFamily]?: DhtState[F] } = {}
    for (const { family, id, table } of this.#all) state[family] = { id, contacts: table.nodes }
    return encodeState(state)
  }

  /** Aborts all queries and closes the ports. Idempotent. It never rejects. */
  close(): Promise<void> {
    this.#closed = true
    this.#ending.abort()
    this.#closing ??= this.#close()
    return this.#closing
  }

  get #all(): DhtNode[] {
    return Object.values(this.#nodes)
  }

  async #start(): Promise<void> {
    const { bind, state } = this.#options
    const { family = bind === undefined ? undefined : addressFamilyOf(bind) } = this.#options
    const known = state ? decodeState(state) : {}
    const failures: unknown[] = []
    for (const each of familiesOf(family)) {
      await this.#open(each, known).catch(error => failures.push(error))
    }
    // One family is enough, since many machines have no IPv6.
    if (this.#all.length === 0 && !this.#closed) this.#warn(`the DHT cannot start: ${messageOf(failures[0])}`)
    this.#routing = Promise.all([this.#routing, this.#findRouters()]).then(() => {})
  }

  async #open(family: AddressFamily, known: DhtState): Promise<void> {
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
    const { bootstrap = PUBLIC_ROUTERS } = this.#options
    const found: PeerAddress[] = []
    const named = bootstrap.slice(0, MAX_ROUTERS).map(async router => {
      const addresses = await this.#resolve(router)
      found.push(...addresses)
      for (const node of this.#all) {
        node.routers = found.filter(address => familyOf(address) === node.family).slice(0, MAX_ROUTERS)
      }
      if (addresses.length === 0) throw new Error('the name has no address')
    })
    // The first resolved name is enough to start, so a slow name does not delay the others.
    await Promise.any(named).catch(() => {})
    for (const node of this.#all) node.refill()
  }

  /** Resolves a host name. If it fails, emits `warning` and returns no addresses. */
  async #resolve({ host, port }: PeerAddress): Promise<PeerAddress[]> {
    if (addressBytes(host)) return [{ host, port }]
    const { resolve = systemResolve } = this.#options
    if (this.#resolving >= MAX_ROUTERS) return []
    this.#resolving++
    try {
      const hosts = await resolve(host, this.#ending.signal)
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
        return seen.size < MAX_FOUND_PEERS && !seen.has(key) && seen.add(key)
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

function familyOf({ host }: PeerAddress): AddressFamily {
  return host.includes(':') ? 6 : 4
}
