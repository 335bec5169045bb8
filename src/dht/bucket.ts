import type { TableNode } from './table-node.ts'

/** A bucket of the routing table: nodes that share the same number of leading bits with our id. */
export interface Bucket {
  nodes: TableNode[]
  /** Replacement candidates, the most recent last. */
  spare: TableNode[]
  /** Time of the last new node or reply. */
  changedAt: number
  /** Time of the last walk to fill this bucket. */
  walkedAt: number
}

/**
 * Maximum number of nodes in a bucket, of its replacement candidates, and of nodes in a reply (BEP 5). 160 buckets have
 * at most 2,560 nodes and candidates.
 */
export const BUCKET_SIZE = 8

/** Creates an empty bucket. */
export function newBucket(): Bucket {
  const never = Number.NEGATIVE_INFINITY
  return { nodes: [], spare: [], changedAt: never, walkedAt: never }
}

/**
 * Returns at least `count` nodes for which `takes` is true, if there are as many. They include the nearest ones to an id
 * in the bucket at `index`, in no order. The nodes of that bucket are the nearest, then those of later buckets, then
 * those of earlier buckets in descending order.
 */
export function nearestIn(
  buckets: readonly Bucket[],
  index: number,
  count: number,
  takes: (node: TableNode) => boolean,
): TableNode[] {
  const found = buckets[index]!.nodes.filter(takes)
  if (found.length < count)
    for (const { nodes } of buckets.slice(index + 1)) found.push(...nodes.filter(takes))
  for (let at = index - 1; at >= 0 && found.length < count; at--)
    found.push(...buckets[at]!.nodes.filter(takes))
  return found
}
