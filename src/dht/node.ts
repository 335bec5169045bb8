import type { AddressFamily } from '../codec/address-family.ts'
import { canTellOf } from '../codec/address-scope.ts'
import type { PeerAddress } from '../codec/compact.ts'
import type { Clock } from '../ports/clock.ts'
import { answerTo } from './answers.ts'
import { BUCKET_SIZE } from './bucket.ts'
import type { Contact } from './contact.ts'
import type { Datagrams } from './datagrams.ts'
import { FloodGate } from './flood-gate.ts'
import type { Call, DhtRefusal, DhtReply, Query } from './krpc.ts'
import { type LookupResult, lookup } from './lookup.ts'
import { fits, ID_LENGTH, idFor } from './node-id.ts'
import { OwnAddress } from './own-address.ts'
import { PeerStore } from './peer-store.ts'
import { Reachability } from './reachability.ts'
import { RoutingTable } from './routing-table.ts'
import { type QueryOutcome, Rpc } from './rpc.ts'
import { isUnicast } from './scope.ts'
import type { LookupStep } from './shortlist.ts'
import { isAt } from './table-node.ts'
import { Tokens } from './tokens.ts'
import { Upkeep } from './upkeep.ts'

/** Options of `DhtNode`. */
export interface DhtNodeOptions {
  readonly family: AddressFamily
  readonly datagrams: Datagrams
  readonly clock: Clock
  readonly random: () => number
  readonly randomBytes: (size: number) => Uint8Array
  /** True to send no replies and to ask not to be added to routing tables (BEP 43). */
  readonly readOnly: boolean
  /** Our id in an earlier run. */
  readonly id?: Uint8Array | undefined
  /** The nodes that an earlier run knew. */
  readonly contacts?: readonly Contact[] | undefined
  /** Returns our node of the other family. */
  readonly sibling: () => DhtNode | undefined
}

/** Maximum number of concurrent pings to nodes that queried us or that other nodes named. */
const MAX_CHECKS = 16
/** Number of nodes of the routing table with which a lookup begins. */
const LOOKUP_NODES = 32
/** Number of addresses without ids that a lookup uses in addition if the routing table has few nodes. */
const MAX_HINTS = 8

/** Our node in the DHT of one address family. It sends queries, replies to queries and maintains a routing table. */
export class DhtNode {
  readonly family: AddressFamily
  table: RoutingTable
  /** Bootstrap nodes, used while we know few nodes. Every node queries them, so they are not added to the table. */
  routers: readonly PeerAddress[] = []
  readonly #options: DhtNodeOptions
  readonly #rpc: Rpc
  readonly #tokens: Tokens
  readonly #store = new PeerStore()
  readonly #own = new OwnAddress()
  readonly #reachability: Reachability
  /** Addresses of possible nodes with unknown ids, the most recent last. */
  #hints: PeerAddress[] = []
  readonly #checks = new Set<string>()
  readonly #upkeep: Upkeep

  constructor(options: DhtNodeOptions) {
    const { clock, contacts = [], datagrams, family, id, randomBytes } = options
    this.#options = options
    this.family = family
    this.table = new RoutingTable(id ?? Uint8Array.from(randomBytes(ID_LENGTH)))
    for (const contact of contacts) this.table.remember(contact)
    this.#tokens = new Tokens(randomBytes)
    this.#reachability = new Reachability(clock.now())
    this.#rpc = new Rpc({
      datagrams,
      clock,
      randomBytes,
      gate: new FloodGate(),
      answer: (query, from, length) => this.#answer(query, from, length),
    })
    this.#upkeep = new Upkeep({
      clock,
      randomBytes,
      table: () => this.table,
      canBegin: () => this.canBegin,
      check: node => this.#check(node),
      walk: target => this.#walk(target),
      sweep: now => this.#store.sweep(now),
    })
  }

  get id(): Uint8Array {
    return this.table.own
  }

  get port(): number {
    return this.#options.datagrams.port
  }

  /** True if we send no replies (BEP 43): by option, or since other nodes cannot reach us. */
  get readOnly(): boolean {
    return this.#options.readOnly || this.#reachability.unreachable(this.#options.clock.now())
  }

  /** True if there is a node to query. */
  get canBegin(): boolean {
    return !this.table.empty || this.routers.length + this.#hints.length > 0
  }

  /** Pings the address of a possible node. The node is added to the table if it replies. */
  add(address: PeerAddress): void {
    if (!isUnicast(address.host) || this.#hints.some(hint => isAt(hint, address))) return
    this.#hints = [...this.#hints.slice(1 - MAX_HINTS), address]
    this.#check(address)
  }

  /** Pings a node that another node named, if the table has room for it. */
  checkNamed(contact: Contact): void {
    if (this.table.wants(contact)) this.#check(contact)
  }

  /** Looks for nodes near our own id, if there is a node to query. */
  refill(): void {
    this.#upkeep.refill()
  }

  /** Finds peers of a torrent, and the nodes to which it can be announced. It never rejects. */
  lookup(
    infoHash: Uint8Array,
    found: (peers: readonly PeerAddress[]) => void,
    signal?: AbortSignal,
  ): Promise<LookupResult> {
    const { clock, random } = this.#options
    const stored = this.#store.sample(infoHash, BUCKET_SIZE * BUCKET_SIZE, clock.now(), random)
    if (stored.length > 0) found(stored)
    const onReply = ({ values }: DhtReply, from: PeerAddress) => {
      const peers = values.filter(peer => peer.host === from.host || canTellOf(from.host, peer.host))
      if (peers.length > 0 && !signal?.aborted) found(peers)
    }
    return this.#lookup(infoHash, { method: 'get_peers', infoHash }, onReply, signal)
  }

  /** Announces a torrent to `holders`. @returns the number of nodes that accepted it */
  async announce(
    infoHash: Uint8Array,
    { port, impliedPort }: { readonly port: number; readonly impliedPort: boolean },
    holders: readonly LookupStep[],
  ): Promise<number> {
    const announces = holders.map(({ host, port: at, token }) => {
      const call: Call = { method: 'announce_peer', infoHash, port, impliedPort, token: token! }
      return this.#query({ host, port: at }, call)
    })
    const outcomes = await Promise.all(announces)
    return outcomes.filter(outcome => typeof outcome === 'object').length
  }

  /** Aborts all queries and closes the port. Idempotent. */
  close(): Promise<void> {
    this.#upkeep.stop()
    return this.#rpc.close()
  }

  #lookup(
    target: Uint8Array,
    call: Call,
    onReply: (reply: DhtReply, from: PeerAddress) => void,
    signal: AbortSignal | undefined,
  ): Promise<LookupResult> {
    const { clock } = this.#options
    const few = this.table.isThinAt(target)
    return lookup({
      target,
      family: this.family,
      own: this.id,
      contacts: this.table.candidates(target, LOOKUP_NODES),
      addresses: few ? [...this.routers.slice(0, MAX_HINTS), ...this.#hints] : [],
      clock,
      ask: to => this.#query(to, call),
      onReply,
      ...(signal ? { signal } : {}),
    })
  }

  /** Walks towards an arbitrary target to learn the nodes on the way. */
  async #walk(target: Uint8Array): Promise<void> {
    const sibling = this.#options.sibling()
    const both = sibling && sibling.table.size < BUCKET_SIZE
    const call: Call = { method: 'find_node', target, ...(both ? { want: [4, 6] } : {}) }
    await this.#lookup(target, call, ({ nodes }, from) => this.#pass(nodes, from, sibling), undefined)
  }

  /** Passes nodes of the other family to our node of that family (BEP 32). */
  #pass(nodes: DhtReply['nodes'], from: PeerAddress, sibling: DhtNode | undefined): void {
    if (!sibling) return
    for (const contact of nodes[sibling.family] ?? [])
      if (canTellOf(from.host, contact.host)) sibling.checkNamed(contact)
  }

  async #query(to: PeerAddress, call: Call): Promise<QueryOutcome> {
    const { clock } = this.#options
    this.#reachability.wroteTo(to.host)
    const outcome = await this.#rpc.query(to, call, { id: this.id, readOnly: this.readOnly })
    if (outcome === 'silent') this.table.failed(to, clock.now())
    if (typeof outcome !== 'object') return outcome
    if (Buffer.compare(outcome.id, this.id) === 0) return 'refused' // it is ourselves, or it uses our id
    this.#reachability.answeredBy(to.host)
    if (!this.routers.some(router => isAt(router, to)))
      this.table.replied({ ...to, id: outcome.id }, clock.now())
    if (outcome.ip) this.#seenAt(outcome.ip.host, to.host)
    return outcome
  }

  #answer(query: Query | DhtRefusal, from: PeerAddress, queryLength: number): Uint8Array | undefined {
    this.#reachability.askedBy(from.host)
    if (this.readOnly) return undefined
    const { clock, random, sibling } = this.#options
    const other = sibling()
    const now = clock.now()
    if (query.type === 'query' && !query.readOnly) {
      const contact = { ...from, id: query.id }
      this.table.queried(contact, now)
      this.checkNamed(contact)
    }
    return answerTo(query, from, {
      id: this.id,
      family: this.family,
      tables: { ...(other ? { [other.family]: other.table } : {}), [this.family]: this.table },
      tokens: this.#tokens,
      store: this.#store,
      now,
      random,
      queryLength,
    })
  }

  /** Pings an address, unless a ping to it is under way. */
  #check(address: PeerAddress): void {
    const key = `${address.host} ${address.port}`
    if (this.#checks.size >= MAX_CHECKS || this.#checks.has(key)) return
    this.#checks.add(key)
    void this.#query({ host: address.host, port: address.port }, { method: 'ping' }).then(() =>
      this.#checks.delete(key),
    )
  }

  /** Changes our id when enough nodes agree on an address for which it is not valid (BEP 42). */
  #seenAt(host: string, source: string): void {
    if (host.includes(':') !== (this.family === 6)) return
    this.#own.vote(source, host)
    if (fits(this.id, host)) return
    const { host: own } = this.#own
    if (own === undefined || fits(this.id, own)) return
    const { clock, randomBytes } = this.#options
    this.table = this.table.seenFrom(idFor(own, randomBytes(ID_LENGTH)), clock.now())
    this.refill()
  }
}
