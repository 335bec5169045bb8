import { formatAddress, type PeerAddress } from '../codec/compact.ts'
import { BUCKET_SIZE, type Bucket, nearestIn, newBucket } from './bucket.ts'
import type { Contact } from './contact.ts'
import { commonBits, compareDistance, ID_LENGTH, idNear } from './node-id.ts'
import { FRESH, isAt, isBad, isGood, isRemembered, newNode, type TableNode } from './table-node.ts'

/** Unanswered queries in a row after which a node is dropped though nobody wants its place; fewer if it never answered. */
const DROPPED = 5
const DROPPED_UNPROVEN = 2
/** Milliseconds until a node that did not answer is asked again. */
const AGAIN = 30_000

/**
 * Which nodes a node remembers, many near itself and few far away (BEP 5).
 *
 * Depends on: our own id; who answered our queries from which address and with which id, and when; who asked us;
 * who did not answer how often; whether ids go with addresses (BEP 42); the time. Only who has answered gets in,
 * and of what others say of a node nothing is believed. One node an address, and one a network in each bucket,
 * local networks excepted.
 */
export class RoutingTable {
  readonly own: Uint8Array
  /** The first is for ids whose first bit is not ours; the last for all that share more than the ones before. */
  readonly #buckets: Bucket[] = [newBucket()]
  readonly #byAddress = new Map<string, TableNode>()
  /** Nodes at global addresses, by host. */
  readonly #byHost = new Map<string, TableNode>()

  constructor(own: Uint8Array) {
    this.own = own
  }

  /** Everyone that has a place. */
  get nodes(): TableNode[] {
    return this.#buckets.flatMap(bucket => bucket.nodes)
  }

  get empty(): boolean {
    return this.#byAddress.size === 0
  }

  /** How many of them have answered us, and did not stop to. */
  get size(): number {
    let count = 0
    for (const { nodes } of this.#buckets)
      for (const node of nodes) if (!isRemembered(node) && !isBad(node)) count++
    return count
  }

  /** A node has answered a query of ours. */
  replied(contact: Contact, now: number): void {
    const known = this.#byAddress.get(formatAddress(contact))
    if (known && same(known, contact)) {
      known.repliedAt = now
      known.failures = 0
      const bucket = this.#bucketOf(known.id)
      bucket.changedAt = now
      if (bucket.spare.includes(known)) this.#place(known, now)
      return
    }
    if (known) this.#remove(known) // another id at the same place: what it was before is gone
    this.#place(newNode(contact, now), now)
  }

  /** A node has answered in an earlier run. */
  remember(contact: Contact): void {
    if (this.#byAddress.has(formatAddress(contact))) return
    this.#place(newNode(contact, Number.NEGATIVE_INFINITY), 0)
  }

  /** Somebody has asked us something. It proves no address, so it only counts for those that have answered before. */
  queried(contact: Contact, now: number): void {
    const known = this.#byAddress.get(formatAddress(contact))
    if (known && same(known, contact)) known.queriedAt = now
  }

  /** A query of ours to this address was not answered. */
  failed(address: PeerAddress, now: number): void {
    const node = this.#byAddress.get(formatAddress(address))
    if (!node) return
    node.failures++
    node.failedAt = now
    const bucket = this.#bucketOf(node.id)
    const most = isRemembered(node) ? DROPPED_UNPROVEN : DROPPED
    if (bucket.spare.includes(node) || node.failures >= most) this.#remove(node)
    else if (isBad(node) && bucket.spare.length > 0) {
      this.#remove(node)
      this.#place(bucket.spare.at(-1)!, now)
    }
  }

  /** Whether it's worth a ping: a node that we have not asked yet would get a place, or one has another id now. */
  wants(contact: Contact): boolean {
    if (same({ id: this.own }, contact)) return false
    const known = this.#byAddress.get(formatAddress(contact))
    if (known) return !same(known, contact)
    const bucket = this.#bucketOf(contact.id)
    const roomy = this.#hasRoom(bucket)
    if (!roomy && bucket.nodes.every(node => node.fits && !isBad(node))) return false
    const node = newNode(contact, Number.NEGATIVE_INFINITY)
    if (this.#rival(node, bucket)) return false
    return roomy || bucket.nodes.some(other => isBad(other) || (node.fits && !other.fits))
  }

  /** The `count` nodes nearest to `target` that may be told to others: they answer. */
  closest(target: Uint8Array, count: number, now: number): TableNode[] {
    return this.#nearest(target, count, node => isGood(node, now))
  }

  /** The `count` nodes nearest to `target` that are worth a try. */
  candidates(target: Uint8Array, count: number): TableNode[] {
    return this.#nearest(target, count, () => true)
  }

  /** The node that most needs to be asked whether it is still there. */
  questionable(now: number): TableNode | undefined {
    let found: TableNode | undefined
    let foundAt = Number.POSITIVE_INFINITY
    for (const { nodes } of this.#buckets) {
      for (const node of nodes) {
        if (now - node.failedAt < AGAIN || (node.failures === 0 && isGood(node, now))) continue
        const heardAt = Math.max(node.repliedAt, node.queriedAt, node.failedAt)
        if (found && heardAt >= foundAt) continue
        found = node
        foundAt = heardAt
      }
    }
    return found
  }

  /** Whether so few nodes are known in that part of the table that a walk from there may end where it began. */
  isThinAt(target: Uint8Array): boolean {
    if (this.size < BUCKET_SIZE) return true
    const bucket = this.#bucketOf(target)
    if (bucket === this.#buckets.at(-1)) return false // there, few are all that there are
    return bucket.nodes.filter(node => !isRemembered(node) && !isBad(node)).length < BUCKET_SIZE / 2
  }

  /**
   * An id to walk to, in a part of the table that has room and was never walked to, the largest first, or where
   * nothing has happened for a quarter of an hour; it counts as walked to. @param chance gives 20 bytes of it
   */
  stale(now: number, chance: () => Uint8Array): Uint8Array | undefined {
    const isNew = ({ nodes, walkedAt }: Bucket) =>
      walkedAt === Number.NEGATIVE_INFINITY && nodes.length < BUCKET_SIZE
    const isOld = ({ changedAt, walkedAt }: Bucket) => now - Math.max(changedAt, walkedAt) >= FRESH
    const bucket = this.#buckets.find(isNew) ?? this.#buckets.findLast(isOld)
    if (!bucket) return undefined
    bucket.walkedAt = now
    const at = this.#buckets.indexOf(bucket)
    return at === this.#buckets.length - 1 ? this.own : idNear(this.own, at, chance())
  }

  /** Somebody walks to our own id now. */
  walkedHome(now: number): void {
    this.#buckets.at(-1)!.walkedAt = now
  }

  /** The same nodes as seen from another id. */
  seenFrom(own: Uint8Array, now: number): RoutingTable {
    const table = new RoutingTable(own)
    for (const { nodes, spare } of this.#buckets)
      for (const node of [...nodes, ...spare]) table.#place(node, now)
    return table
  }

  #nearest(target: Uint8Array, count: number, takes: (node: TableNode) => boolean): TableNode[] {
    const found = nearestIn(this.#buckets, this.#indexOf(target), count, takes)
    return found.sort((a, b) => compareDistance(target, a.id, b.id)).slice(0, count)
  }

  /** Gives a node a place, or lets it wait for one, or neither. */
  #place(node: TableNode, now: number): void {
    if (same({ id: this.own }, node)) return
    if (this.#byAddress.get(formatAddress(node)) === node) this.#remove(node)
    const bucket = this.#bucketOf(node.id)
    const rival = this.#rival(node, bucket)
    if (rival && !isBad(rival)) return
    if (rival) this.#remove(rival)
    if (bucket.nodes.length < BUCKET_SIZE) {
      if (!isRemembered(node)) bucket.changedAt = now
      this.#keep(node, bucket.nodes)
    } else if (this.#hasRoom(bucket)) {
      this.#split(bucket)
      this.#place(node, now)
    } else {
      const worst =
        bucket.nodes.find(isBad) ?? (node.fits ? bucket.nodes.find(other => !other.fits) : undefined)
      if (worst && !isRemembered(node)) {
        this.#remove(worst)
        bucket.changedAt = now
        this.#keep(node, bucket.nodes)
      } else {
        if (bucket.spare.length >= BUCKET_SIZE) this.#remove(bucket.spare[0]!)
        this.#keep(node, bucket.spare)
      }
    }
  }

  /** Who has this id already, or is at the same address or in the same network: both are not to be had. */
  #rival(node: TableNode, { nodes, spare }: Bucket): TableNode | undefined {
    const isNamed = (other: TableNode) => same(other, node) && !isAt(other, node)
    const named = nodes.find(isNamed) ?? spare.find(isNamed)
    if (named || node.network === undefined) return named
    return this.#byHost.get(node.host) ?? nodes.find(({ network }) => network === node.network)
  }

  /** Whether a bucket takes one more, if need be by being split. */
  #hasRoom(bucket: Bucket): boolean {
    if (bucket.nodes.length < BUCKET_SIZE) return true
    return bucket === this.#buckets.at(-1) && this.#buckets.length < ID_LENGTH * 8
  }

  #split(bucket: Bucket): void {
    const bits = this.#buckets.length - 1
    const next = { ...newBucket(), changedAt: bucket.changedAt, walkedAt: bucket.walkedAt }
    bucket.walkedAt = Number.NEGATIVE_INFINITY // walks to ourselves went to the other half
    this.#buckets.push(next)
    const isNear = (node: TableNode) => commonBits(this.own, node.id) > bits
    for (const kind of ['nodes', 'spare'] as const) {
      next[kind] = bucket[kind].filter(isNear)
      bucket[kind] = bucket[kind].filter(node => !isNear(node))
    }
  }

  #keep(node: TableNode, among: TableNode[]): void {
    among.push(node)
    this.#byAddress.set(formatAddress(node), node)
    if (node.network !== undefined) this.#byHost.set(node.host, node)
  }

  #remove(node: TableNode): void {
    const bucket = this.#bucketOf(node.id)
    bucket.nodes = bucket.nodes.filter(other => other !== node)
    bucket.spare = bucket.spare.filter(other => other !== node)
    this.#byAddress.delete(formatAddress(node))
    if (this.#byHost.get(node.host) === node) this.#byHost.delete(node.host)
  }

  #indexOf(id: Uint8Array): number {
    return Math.min(commonBits(this.own, id), this.#buckets.length - 1)
  }

  #bucketOf(id: Uint8Array): Bucket {
    return this.#buckets[this.#indexOf(id)]!
  }
}

const same = (a: Pick<Contact, 'id'>, b: Pick<Contact, 'id'>) => compareDistance(a.id, a.id, b.id) === 0
