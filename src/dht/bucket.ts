import type { TableNode } from './table-node.ts'

/** A part of the routing table: the nodes that share so many leading bits with us. */
export interface Bucket {
  nodes: TableNode[]
  /** Who waits for a place, the latest last. */
  spare: TableNode[]
  /** When a node came, or answered. */
  changedAt: number
  /** When nodes to fill it were last looked for. */
  walkedAt: number
}

/** Nodes of a bucket, and as many in waiting; nodes that an answer names (BEP 5). With 160 buckets that is 2,560 at most. */
export const BUCKET_SIZE = 8

export function newBucket(): Bucket {
  const never = Number.NEGATIVE_INFINITY
  return { nodes: [], spare: [], changedAt: never, walkedAt: never }
}

/**
 * At least `count` nodes that `takes` takes, those that may be the nearest to an id that belongs into the bucket at
 * `index`, in no order. Whoever is in that bucket is nearer than all others; then come those nearer to us, then the
 * rest, outwards.
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
