import { canTellOf } from '../codec/address-scope.ts'
import type { PeerAddress } from '../codec/compact.ts'
import { BUCKET_SIZE } from './bucket.ts'
import type { Family } from './contact.ts'
import {
  encodeRefusalWithin,
  encodeReply,
  PROTOCOL_ERROR,
  type Query,
  type Refusal,
  type Reply,
} from './krpc.ts'
import type { PeerStore } from './peer-store.ts'
import type { RoutingTable } from './routing-table.ts'
import type { Tokens } from './tokens.ts'

/** What answers are made of. */
export interface Knowledge {
  readonly id: Uint8Array
  readonly family: Family
  /** Of each family that we are in. */
  readonly tables: Readonly<Partial<Record<Family, RoutingTable>>>
  readonly tokens: Tokens
  readonly store: PeerStore
  /** Milliseconds. */
  readonly now: number
  readonly random: () => number
  /** Bytes of the query: a refusal is not longer. */
  readonly queryLength: number
}

/** Peers that are named in an answer, if there is room for them. */
const MAX_VALUES = 50

/**
 * The datagram that answers a query from `from` (BEP 5), if anything does; an announced peer is stored.
 *
 * Depends on: the query, where it came from, and what we know.
 */
export function answerTo(
  query: Query | Refusal,
  from: PeerAddress,
  knowledge: Knowledge,
): Buffer | undefined {
  const { transaction } = query
  const { id, now, queryLength, random, store, tokens } = knowledge
  if (query.type !== 'query') return encodeRefusalWithin(query, queryLength)
  const { call } = query
  const say = (reply: Pick<Reply, 'nodes'> & Partial<Reply>) =>
    encodeReply({ transaction, id, values: [], ip: from, ...reply })
  switch (call.method) {
    case 'ping':
      return say({ nodes: {} })
    case 'find_node':
      return say({ nodes: nearest(call.target, call.want, from, knowledge) })
    case 'get_peers':
      return say({
        nodes: nearest(call.infoHash, call.want, from, knowledge),
        token: tokens.make(from.host, call.infoHash, now),
        values: store
          .sample(call.infoHash, MAX_VALUES, now, random)
          .filter(peer => canTellOf(from.host, peer.host) || peer.host === from.host),
      })
    case 'announce_peer': {
      if (!tokens.accepts(call.token, from.host, call.infoHash, now)) {
        return encodeRefusalWithin({ transaction, code: PROTOCOL_ERROR, message: 'bad token' }, queryLength)
      }
      const port = call.impliedPort ? from.port : call.port
      store.add(call.infoHash, { host: from.host, port }, now)
      return say({ nodes: {} })
    }
  }
}

/** Nodes of the families that it wants, its own if it does not say (BEP 32), that it can reach. */
function nearest(
  target: Uint8Array,
  want: readonly Family[] | undefined,
  from: PeerAddress,
  { family, tables, now }: Knowledge,
): Reply['nodes'] {
  const families = want?.length ? want : [family]
  const found = families.map(family => {
    const nodes = tables[family]?.closest(target, BUCKET_SIZE, now) ?? []
    return [family, nodes.filter(node => canTellOf(from.host, node.host))] as const
  })
  return Object.fromEntries(found)
}
