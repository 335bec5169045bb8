import type { AddressFamily } from '../codec/address-family.ts'
import { canTellOf } from '../codec/address-scope.ts'
import type { PeerAddress } from '../codec/compact.ts'
import { BUCKET_SIZE } from './bucket.ts'
import {
  type DhtRefusal,
  type DhtReply,
  encodeRefusalWithin,
  encodeReply,
  PROTOCOL_ERROR,
  type Query,
} from './krpc.ts'
import type { PeerStore } from './peer-store.ts'
import type { RoutingTable } from './routing-table.ts'
import type { Tokens } from './tokens.ts'

/** The state of our node that replies are made from. */
export interface Knowledge {
  readonly id: Uint8Array
  readonly family: AddressFamily
  /** The routing table of each family in which we have a node. */
  readonly tables: Readonly<Partial<Record<AddressFamily, RoutingTable>>>
  readonly tokens: Tokens
  readonly store: PeerStore
  /** The current time, milliseconds. */
  readonly now: number
  readonly random: () => number
  /** Length of the query in bytes. An error message must not be longer. */
  readonly queryLength: number
}

/** Maximum number of peers in a reply. */
const MAX_VALUES = 50

/**
 * Returns the datagram that replies to a query from `from` (BEP 5), if there is one, and stores an announced peer.
 *
 * Inputs: the query, its source address, and the state of our node.
 */
export function answerTo(
  query: Query | DhtRefusal,
  from: PeerAddress,
  knowledge: Knowledge,
): Buffer | undefined {
  const { transaction } = query
  const { id, now, queryLength, random, store, tokens } = knowledge
  if (query.type !== 'query') return encodeRefusalWithin(query, queryLength)
  const { call } = query
  const encode = (reply: Pick<DhtReply, 'nodes'> & Partial<DhtReply>) =>
    encodeReply({ transaction, id, values: [], ip: from, ...reply })
  switch (call.method) {
    case 'ping':
      return encode({ nodes: {} })
    case 'find_node':
      return encode({ nodes: nearest(call.target, call.want, from, knowledge) })
    case 'get_peers':
      return encode({
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
      return encode({ nodes: {} })
    }
  }
}

/** Returns the nearest nodes that the sender can reach, of the families in `want` or else of its own (BEP 32). */
function nearest(
  target: Uint8Array,
  want: readonly AddressFamily[] | undefined,
  from: PeerAddress,
  { family, tables, now }: Knowledge,
): DhtReply['nodes'] {
  const families = want?.length ? want : [family]
  const found = families.map(family => {
    const nodes = tables[family]?.closest(target, BUCKET_SIZE, now) ?? []
    return [family, nodes.filter(node => canTellOf(from.host, node.host))] as const
  })
  return Object.fromEntries(found)
}
