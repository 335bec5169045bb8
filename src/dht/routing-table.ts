import { formatAddress, type PeerAddress } from '../codec/compact.ts'
import { BUCKET_SIZE, type Bucket, nearestIn, newBucket } from './bucket.ts'
import type { Contact } from './contact.ts'
import { commonBits, compareDistance, ID_LENGTH, idNear } from './node-id.ts'
import { FRESH_NODE_MS, isAt, isBad, isGood, isRemembered, newNode, type TableNode } from './table-node.ts'

/** Number of consecutive failures after which a node is removed even without a replacement. */
const MAX_FAILURES = 5
/** The same for a node that has never replied in this run. */
const MAX_FAILURES_UNPROVEN = 2
/** Time until a node that did not reply is queried again, milliseconds. */
const RETRY_DELAY_MS = 30_000

/**
 * The routing table: many nodes near our own id and few far away (BEP 5).
 *
 * Inputs: our own id; replies to our queries, with address, id and time; queries to us; the failures of each node;
 * whether ids are valid for their addresses (BEP 42); the time.
 *
 * Only nodes that have replied are added. Claims of other nodes about a node are not used. An address has at most one
 * node, and a network at most one in each bucket, except for local networks.
 */
export class RoutingTable {
  readonly own: Uint8Array
  /** Bucket i has the ids that share exactly i leading bits with ours; the last bucket has all others. */
  readonly #buckets: Bucket[] = [newBucket()]
  readonly #byAddress = new Map<string, TableNode>()
  /** Nodes at global addresses, by host. */
  readonly #byHost = new Map<string, TableNode>()

  constructor(own: Uint8Array) {
    this.own = own
  }

  /** All nodes in buckets, without replacement candidates. */
  get nodes(): TableNode[] {
    return this.#buckets.flatMap(bucket => bucket.nodes)
  }

  /** True if the table has no nodes and no candidates. */
  get empty(): boolean {
    return this.#byAddress.size === 0
  }

  /** Number of nodes that have replied in this run and are not bad. */
  get size(): number {
    let count = 0
    for (const { nodes } of this.#buckets)
      for (const node of nodes) if (!isRemembered(node) && !isBad(node)) count++
    return count
  }

  /** Records a reply of a node. */
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
    if (known) this.#remove(known) // the node at this address has a new id
    this.#place(newNode(contact, now), now)
  }

  /** Adds a node of an earlier run. */
  remember(contact: Contact): void {
    if (this.#byAddress.has(formatAddress(contact))) return
    this.#place(newNode(contact, Number.NEGATIVE_INFINITY), 0)
  }

  /** Records a query of a node. A query does not prove its source address, so it counts only for known nodes. */
  queried(contact: Contact, now: number): void {
    const known = this.#byAddress.get(formatAddress(contact))
    if (known && same(known, contact)) known.queriedAt = now
  }

  /** Records that a node did not reply. */
  failed(address: PeerAddress, now: number): void {
    const node = this.#byAddress.get(formatAddress(address))
    if (!node) return
    node.failures++
    node.failedAt = now
    const bucket = this.#bucketOf(node.id)
    const maxFailures = isRemembered(node) ? MAX_FAILURES_UNPROVEN : MAX_FAILURES
    if (bucket.spare.includes(node) || node.failures >= maxFailures) this.#remove(node)
    else if (isBad(node) && bucket.spare.length > 0) {
      this.#remove(node)
      this.#place(bucket.spare.at(-1)!, now)
    }
  }

  /** Returns true if a ping is useful: the table has room for the node, or a known node has a new id. */
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

  /** Returns the `count` good nodes nearest to `target`, for replies to other nodes. */
  closest(target: Uint8Array, count: number, now: number): TableNode[] {
    return this.#nearest(target, count, node => isGood(node, now))
  }

  /** Returns the `count` nodes nearest to `target`, good or not, for our own queries. */
  candidates(target: Uint8Array, count: number): TableNode[] {
    return this.#nearest(target, count, () => true)
  }

  /** Returns the node that has most need of a ping. */
  questionable(now: number): TableNode | undefined {
    let found: TableNode | undefined
    let foundAt = Number.POSITIVE_INFINITY
    for (const { nodes } of this.#buckets) {
      for (const node of nodes) {
        if (now - node.failedAt < RETRY_DELAY_MS || (node.failures === 0 && isGood(node, now))) continue
        const heardAt = Math.max(node.repliedAt, node.queriedAt, node.failedAt)
        if (found && heardAt >= foundAt) continue
        found = node
        foundAt = heardAt
      }
    }
    return found
  }

  /** Returns true if the bucket of `target` has so few nodes that a walk from them may find no others. */
  isThinAt(target: Uint8Array): boolean {
    if (this.size < BUCKET_SIZE) return true
    const bucket = this.#bucketOf(target)
    if (bucket === this.#buckets.at(-1)) return false // near our own id there are no more nodes
    return bucket.nodes.filter(node => !isRemembered(node) && !isBad(node)).length < BUCKET_SIZE / 2
  }

  /**
   * Returns the target of the next walk and marks its bucket as walked. Buckets that have room and were never walked come
   * first, beginning with the largest part of the id space. Then come buckets without changes for 15 minutes.
   * @param chance returns 20 random bytes
   */
  stale(now: number, chance: () => Uint8Array): Uint8Array | undefined {
    const isNew = ({ nodes, walkedAt }: Bucket) =>
      walkedAt === Number.NEGATIVE_INFINITY && nodes.length < BUCKET_SIZE
    const isOld = ({ changedAt, walkedAt }: Bucket) => now - Math.max(changedAt, walkedAt) >= FRESH_NODE_MS
    const bucket = this.#buckets.find(isNew) ?? this.#buckets.findLast(isOld)
    if (!bucket) return undefined
    bucket.walkedAt = now
    const at = this.#buckets.indexOf(bucket)
    return at === this.#buckets.length - 1 ? this.own : idNear(this.own, at, chance())
  }

  /** Records that a walk to our own id has started. */
  walkedHome(now: number): void {
    this.#buckets.at(-1)!.walkedAt = now
  }

  /** Returns a table with the same nodes for another id of ours. */
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

  /** Adds a node to its bucket or to the candidates, or drops it. */
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

  /** Returns a node that excludes this one: it has the same id, the same host, or the same network in the bucket. */
  #rival(node: TableNode, { nodes, spare }: Bucket): TableNode | undefined {
    const isNamed = (other: TableNode) => same(other, node) && !isAt(other, node)
    const named = nodes.find(isNamed) ?? spare.find(isNamed)
    if (named || node.network === undefined) return named
    return this.#byHost.get(node.host) ?? nodes.find(({ network }) => network === node.network)
  }

  /** Returns true if a bucket has room for a node, if necessary after a split. */
  #hasRoom(bucket: Bucket): boolean {
    if (bucket.nodes.length < BUCKET_SIZE) return true
    return bucket === this.#buckets.at(-1) && this.#buckets.length < ID_LENGTH * 8
  }

  #split(bucket: Bucket): void {
    const bits = this.#buckets.length - 1
    const next = { ...newBucket(), changedAt: bucket.changedAt, walkedAt: bucket.walkedAt }
    bucket.walkedAt = Number.NEGATIVE_INFINITY // earlier walks to our own id covered only the other half
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
