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
