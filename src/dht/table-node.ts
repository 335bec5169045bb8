import type { PeerAddress } from '../codec/compact.ts'
import type { Contact } from './contact.ts'
import { fits } from './node-id.ts'
import { isLocal, networkOf } from './scope.ts'

/** A node in the routing table. Times are milliseconds of the clock, -Infinity for never. */
export interface TableNode extends Contact {
  /** The network of its address. Undefined for a local address, since a local network may have many nodes. */
  readonly network: string | undefined
  /** True if its id is valid for its address (BEP 42). */
  readonly fits: boolean
  /** Time of its last reply. */
  repliedAt: number
  /** Time of its last query to us. */
  queriedAt: number
  /** Time of the last query that it did not answer. */
  failedAt: number
  /** Number of consecutive queries that it did not answer. */
  failures: number
}

/** Time after which a node without activity is questionable, milliseconds (BEP 5). */
export const FRESH_NODE_MS = 900_000
/** Number of consecutive failures that make a node bad. */
const BAD_NODE_FAILURES = 2

/** Returns true if a node replies and was active in the last 15 minutes. */
export function isGood(node: TableNode, now: number): boolean {
  if (node.failures >= BAD_NODE_FAILURES || node.repliedAt === Number.NEGATIVE_INFINITY) return false
  return now - Math.max(node.repliedAt, node.queriedAt) < FRESH_NODE_MS
}

/** Returns true if a node does not answer queries, so that another node may replace it. */
export function isBad(node: TableNode): boolean {
  return node.failures >= BAD_NODE_FAILURES
}

/** Returns true for a node of an earlier run that has not replied in this run. */
export function isRemembered(node: TableNode): boolean {
  return node.repliedAt === Number.NEGATIVE_INFINITY
}

/** Creates a node. @param repliedAt -Infinity if it has not replied in this run */
export function newNode({ id, host, port }: Contact, repliedAt: number): TableNode {
  const never = Number.NEGATIVE_INFINITY
  const network = isLocal(host) ? undefined : networkOf(host)
  const state = { repliedAt, queriedAt: never, failedAt: never, failures: 0 }
  return { id, host, port, network, fits: fits(id, host), ...state }
}

/** Returns true if a node has this address. */
export function isAt(node: PeerAddress, { host, port }: PeerAddress): boolean {
  return node.host === host && node.port === port
}
