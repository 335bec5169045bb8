import type { PeerAddress } from '../codec/compact.ts'
import type { Contact } from './contact.ts'
import { fits } from './node-id.ts'
import { isLocal, networkOf } from './scope.ts'

/** What the routing table knows of a node; times are ms of the clock, -Infinity for never. */
export interface TableNode extends Contact {
  /** The network that its address is in; none for local ones, where many nodes may be. */
  readonly network: string | undefined
  /** Whether its id is one that its address may have (BEP 42). */
  readonly fits: boolean
  repliedAt: number
  queriedAt: number
  /** When it last failed to answer. */
  failedAt: number
  /** Queries in a row that it has not answered. */
  failures: number
}

/** Milliseconds after which a node that was not heard of may be gone (BEP 5). */
export const FRESH = 900_000
/** Unanswered queries in a row that make a node bad. */
const BAD = 2

/** It answers, and was heard of in the last quarter of an hour. */
export function isGood(node: TableNode, now: number): boolean {
  if (node.failures >= BAD || node.repliedAt === Number.NEGATIVE_INFINITY) return false
  return now - Math.max(node.repliedAt, node.queriedAt) < FRESH
}

/** It leaves queries unanswered: anybody may have its place. */
export function isBad(node: TableNode): boolean {
  return node.failures >= BAD
}

/** A node of an earlier run, of which nothing is known yet in this one. */
export function isRemembered(node: TableNode): boolean {
  return node.repliedAt === Number.NEGATIVE_INFINITY
}

/** @param repliedAt -Infinity if it has not answered in this run */
export function newNode({ id, host, port }: Contact, repliedAt: number): TableNode {
  const never = Number.NEGATIVE_INFINITY
  const network = isLocal(host) ? undefined : networkOf(host)
  const heard = { repliedAt, queriedAt: never, failedAt: never, failures: 0 }
  return { id, host, port, network, fits: fits(id, host), ...heard }
}

export function isAt(node: PeerAddress, { host, port }: PeerAddress): boolean {
  return node.host === host && node.port === port
}
