import type { Clock } from '../clock.ts'
import { canTellOf } from '../codec/address-scope.ts'
import type { PeerAddress } from '../codec/compact.ts'
import { answerTo } from './answers.ts'
import { BUCKET_SIZE } from './bucket.ts'
import type { Contact, Family } from './contact.ts'
import type { Datagrams } from './datagrams.ts'
import { FloodGate } from './flood-gate.ts'
import type { Call, Query, Refusal, Reply } from './krpc.ts'
import { type LookupResult, lookup } from './lookup.ts'
import { fits, ID_LENGTH, idFor } from './node-id.ts'
import { OwnAddress } from './own-address.ts'
import { PeerStore } from './peer-store.ts'
import { Reachability } from './reachability.ts'
import { RoutingTable } from './routing-table.ts'
import { type Outcome, Rpc } from './rpc.ts'
import { isUnicast } from './scope.ts'
import type { Step } from './shortlist.ts'
import { isAt } from './table-node.ts'
import { Tokens } from './tokens.ts'
import { Upkeep } from './upkeep.ts'

export interface DhtNodeOptions {
  readonly family: Family
  readonly datagrams: Datagrams
  readonly clock: Clock
  readonly random: () => number
  readonly randomBytes: (size: number) => Uint8Array
  /** Answers nobody and asks to be kept in no table (BEP 43). */
  readonly readOnly: boolean
  /** What an earlier run was called, and whom it knew. */
  readonly id?: Uint8Array | undefined
  readonly contacts?: readonly Contact[] | undefined
  /** Our node in the DHT of the other family. */
  readonly sibling: () => DhtNode | undefined
}

/** Nodes that asked us or were named to us, and are being asked whether they are there. */
const MAX_CHECKS = 16
/** Nodes of the table that a lookup begins with, and addresses without ids if those are few. */
const SEEDS = 32
const HINTS = 8

/** Our node in the DHT of one address family: asks, answers, and keeps its table in order. */
export class DhtNode {
  readonly family: Family
  table: RoutingTable
  /** Where to begin while we know next to nobody; they get no place in the table, as they are asked by everybody. */
  routers: readonly PeerAddress[] = []
  readonly #options: DhtNodeOptions
  readonly #rpc: Rpc
  readonly #tokens: Tokens
  readonly #store = new PeerStore()
  readonly #own = new OwnAddress()
  readonly #reachability: Reachability
  /** Addresses that were named to us without an id, the latest last. */
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

  /** Whether we answer nobody: as we were told to, or because nobody reaches us anyway (BEP 43). */
  get readOnly(): boolean {
    return this.#options.readOnly || this.#reachability.unreachable(this.#options.clock.now())
  }

  /** Whether there is anybody to ask. */
  get canBegin(): boolean {
    return !this.table.empty || this.routers.length + this.#hints.length > 0
  }

  /** There may be a node at this address: it is asked, and kept if it answers. */
  add(address: PeerAddress): void {
    if (!isUnicast(address.host) || this.#hints.some(hint => isAt(hint, address))) return
    this.#hints = [...this.#hints.slice(1 - HINTS), address]
    this.#check(address)
  }

  /** A node that somebody told us of: asked if the table has a place for it. */
  hear(contact: Contact): void {
    if (this.table.wants(contact)) this.#check(contact)
  }

  /** Looks for nodes near ourselves, if there is anybody to ask. */
  refill(): void {
    this.#upkeep.refill()
  }

  /** Peers of a torrent, given to `found` as they come, and the nodes to announce it to. Never rejects. */
  lookup(
    infoHash: Uint8Array,
    found: (peers: readonly PeerAddress[]) => void,
    signal?: AbortSignal,
  ): Promise<LookupResult> {
    const { clock, random } = this.#options
    const stored = this.#store.sample(infoHash, BUCKET_SIZE * BUCKET_SIZE, clock.now(), random)
    if (stored.length > 0) found(stored)
    const heard = ({ values }: Reply, from: PeerAddress) => {
      const peers = values.filter(peer => peer.host === from.host || canTellOf(from.host, peer.host))
      if (peers.length > 0 && !signal?.aborted) found(peers)
    }
    return this.#lookup(infoHash, { method: 'get_peers', infoHash }, heard, signal)
  }

  /** Tells those nodes that we have this torrent. @returns how many took it */
  async announce(
    infoHash: Uint8Array,
    { port, impliedPort }: { readonly port: number; readonly impliedPort: boolean },
    holders: readonly Step[],
  ): Promise<number> {
    const told = holders.map(({ host, port: at, token }) => {
      const call: Call = { method: 'announce_peer', infoHash, port, impliedPort, token: token! }
      return this.#query({ host, port: at }, call)
    })
    const outcomes = await Promise.all(told)
    return outcomes.filter(outcome => typeof outcome === 'object').length
  }

  /** Ends everything under way. Idempotent. */
  close(): Promise<void> {
    this.#upkeep.stop()
    return this.#rpc.close()
  }

  #lookup(
    target: Uint8Array,
    call: Call,
    heard: (reply: Reply, from: PeerAddress) => void,
    signal: AbortSignal | undefined,
  ): Promise<LookupResult> {
    const { clock } = this.#options
    const few = this.table.isThinAt(target)
    return lookup({
      target,
      family: this.family,
      own: this.id,
      contacts: this.table.candidates(target, SEEDS),
      addresses: few ? [...this.routers.slice(0, HINTS), ...this.#hints] : [],
      clock,
      ask: to => this.#query(to, call),
      heard,
      ...(signal ? { signal } : {}),
    })
  }

  /** Walks towards a target of no meaning, for whom one meets on the way. */
  async #walk(target: Uint8Array): Promise<void> {
    const sibling = this.#options.sibling()
    const both = sibling && sibling.table.size < BUCKET_SIZE
    const call: Call = { method: 'find_node', target, ...(both ? { want: [4, 6] } : {}) }
    await this.#lookup(target, call, ({ nodes }, from) => this.#pass(nodes, from, sibling), undefined)
  }

  /** What one DHT says of the other (BEP 32). */
  #pass(nodes: Reply['nodes'], from: PeerAddress, sibling: DhtNode | undefined): void {
    if (!sibling) return
    for (const contact of nodes[sibling.family] ?? [])
      if (canTellOf(from.host, contact.host)) sibling.hear(contact)
  }

  async #query(to: PeerAddress, call: Call): Promise<Outcome> {
    const { clock } = this.#options
    this.#reachability.wroteTo(to.host)
    const outcome = await this.#rpc.query(to, call, { id: this.id, readOnly: this.readOnly })
    if (outcome === 'silent') this.table.failed(to, clock.now())
    if (typeof outcome !== 'object') return outcome
    if (Buffer.compare(outcome.id, this.id) === 0) return 'refused' // ourselves, or a mirror
    this.#reachability.answeredBy(to.host)
    if (!this.routers.some(router => isAt(router, to)))
      this.table.replied({ ...to, id: outcome.id }, clock.now())
    if (outcome.ip) this.#seenAt(outcome.ip.host, to.host)
    return outcome
  }

  #answer(query: Query | Refusal, from: PeerAddress, queryLength: number): Uint8Array | undefined {
    this.#reachability.askedBy(from.host)
    if (this.readOnly) return undefined
    const { clock, random, sibling } = this.#options
    const other = sibling()
    const now = clock.now()
    if (query.type === 'query' && !query.readOnly) {
      const contact = { ...from, id: query.id }
      this.table.queried(contact, now)
      this.hear(contact)
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

  /** Asks whether somebody is there, unless that is being asked. */
  #check(address: PeerAddress): void {
    const key = `${address.host} ${address.port}`
    if (this.#checks.size >= MAX_CHECKS || this.#checks.has(key)) return
    this.#checks.add(key)
    void this.#query({ host: address.host, port: address.port }, { method: 'ping' }).then(() =>
      this.#checks.delete(key),
    )
  }

  /** Once enough others agree where we are, our id has to go with that (BEP 42). */
  #seenAt(host: string, teller: string): void {
    if (host.includes(':') !== (this.family === 6)) return
    this.#own.vote(teller, host)
    if (fits(this.id, host)) return
    const { host: own } = this.#own
    if (own === undefined || fits(this.id, own)) return
    const { clock, randomBytes } = this.#options
    this.table = this.table.seenFrom(idFor(own, randomBytes(ID_LENGTH)), clock.now())
    this.refill()
  }
}
