/** The messages of DHT nodes (BEP 5, BEP 32, BEP 42, BEP 43): one bencoded dictionary per datagram. */

import { addressBytes } from '../codec/address-bytes.ts'
import type { AddressFamily } from '../codec/address-family.ts'
import {
  asBytes,
  asDict,
  asInteger,
  asList,
  asText,
  type BencodeDict,
  type BencodeValue,
  decode,
  encode,
} from '../codec/bencode.ts'
import {
  decodePeers4,
  decodePeers6,
  encodePeers4,
  encodePeers6,
  hostOf,
  type PeerAddress,
} from '../codec/compact.ts'
import { type Contact, decodeContacts, encodeContacts } from './contact.ts'
import { ID_LENGTH } from './node-id.ts'

/** The method of a query and its arguments. */
export type Call =
  | { readonly method: 'ping' }
  | { readonly method: 'find_node'; readonly target: Uint8Array; readonly want?: readonly AddressFamily[] }
  | { readonly method: 'get_peers'; readonly infoHash: Uint8Array; readonly want?: readonly AddressFamily[] }
  | {
      readonly method: 'announce_peer'
      readonly infoHash: Uint8Array
      /** The port of the peer. With `impliedPort` it is the source port of the datagram instead. */
      readonly port: number
      readonly impliedPort: boolean
      readonly token: Uint8Array
    }

/** A query. */
export interface Query {
  readonly type: 'query'
  readonly transaction: Uint8Array
  readonly id: Uint8Array
  readonly call: Call
  /** True if the sender does not reply to queries and must not be added to a routing table (BEP 43). */
  readonly readOnly: boolean
}

/** A reply. `nodes` and `values` are used for find_node and get_peers. */
export interface DhtReply {
  readonly type: 'reply'
  readonly transaction: Uint8Array
  readonly id: Uint8Array
  readonly nodes: Readonly<Partial<Record<AddressFamily, readonly Contact[]>>>
  /** Peers of the torrent. */
  readonly values: readonly PeerAddress[]
  readonly token?: Uint8Array
  /** Our address as the other node sees it (BEP 42). */
  readonly ip?: PeerAddress
}

/** An error message. Type `nonsense` is an invalid query and the error to send for it. */
export interface DhtRefusal {
  readonly type: 'refusal' | 'nonsense'
  readonly transaction: Uint8Array
  readonly code: number
  readonly message: string
}

/** A decoded datagram. */
export type KrpcMessage = Query | DhtReply | DhtRefusal

/** The error codes for an invalid query and for an unknown method (BEP 5). */
export const PROTOCOL_ERROR = 203
const METHOD_UNKNOWN = 204

/** Maximum length of a datagram that we send (BEP 32), in bytes. */
export const MAX_SENT_DATAGRAM = 1024
/** Maximum length of a datagram that we read, in bytes. */
export const MAX_DATAGRAM = 4096
/** Maximum length of a transaction id, which we copy into the reply, in bytes. Ours have 4 bytes. */
const MAX_TRANSACTION = 32
/** Maximum length of a token in bytes. */
const MAX_TOKEN = 64
/** Maximum number of nodes that we read from a reply. It should have eight. */
const MAX_NODES = 16
/** Maximum number of peers that we read from a reply. */
const MAX_VALUES = 200
const DECODE_LIMITS = { maxDepth: 6, maxItems: 1_000, allowTrailing: true }
/** Our client version `v` (BEP 5): two letters, as in the peer id, and a version. */
const CLIENT_VERSION = Buffer.from([0x54, 0x44, 0, 1])

/** Decodes a datagram. It never throws: it returns `undefined` for a datagram that gets no reply. */
export function decodeKrpc(datagram: Uint8Array): KrpcMessage | undefined {
  if (datagram.length > MAX_DATAGRAM) return undefined
  let value: BencodeValue
  try {
    value = decode(datagram, DECODE_LIMITS)
  } catch {
    return undefined
  }
  const dict = asDict(value)
  const transaction = asBytes(dict?.t)
  if (!dict || !transaction || transaction.length === 0 || transaction.length > MAX_TRANSACTION)
    return undefined
  switch (asText(dict.y)) {
    case 'q':
      return query(dict, transaction)
    case 'r':
      return reply(dict, transaction)
    case 'e': {
      const [code, message] = asList(dict.e) ?? []
      return { type: 'refusal', transaction, code: asInteger(code) ?? 201, message: asText(message) ?? '' }
    }
    default:
      return undefined
  }
}

/** Encodes a query. */
export function encodeQuery({ transaction, id, call, readOnly }: Omit<Query, 'type'>): Buffer {
  const { method, ...given } = call
  const wanted = 'want' in given ? given.want?.map(family => `n${family}`) : undefined
  const args =
    call.method === 'find_node'
      ? { target: call.target, want: wanted }
      : call.method === 'get_peers'
        ? { info_hash: call.infoHash, want: wanted }
        : call.method === 'announce_peer'
          ? {
              implied_port: call.impliedPort ? 1 : 0,
              info_hash: call.infoHash,
              port: call.port,
              token: call.token,
            }
          : {}
  return message({ a: { id, ...args }, q: method, ro: readOnly ? 1 : undefined, t: transaction, y: 'q' })
}

/** Encodes a reply with as many of `values` as fit into `MAX_SENT_DATAGRAM`. */
export function encodeReply(given: Omit<DhtReply, 'type'>): Buffer {
  const { transaction, id, nodes, token, ip } = given
  const of = (family: AddressFamily) => nodes[family] && encodeContacts(nodes[family], family)
  const r = { id, nodes: of(4), nodes6: of(6), token }
  const bare = message({ ip: ip && compact(ip), r, t: transaction, y: 'r' })
  const values: Buffer[] = []
  let room = MAX_SENT_DATAGRAM - bare.length - '6:valuesle'.length
  for (const peer of given.values) {
    const value = compact(peer)
    room -= value.length + `${value.length}:`.length
    if (room < 0) break
    if (value.length > 0) values.push(value)
  }
  if (values.length === 0) return bare
  return message({ ip: ip && compact(ip), r: { ...r, values }, t: transaction, y: 'r' })
}

/** Encodes an error message. */
export function encodeRefusal({ transaction, code, message: why }: Omit<DhtRefusal, 'type'>): Buffer {
  return message({ e: [code, why], t: transaction, y: 'e' })
}

/**
 * Encodes an error message of at most `maxLength` bytes: without text if there is no room for it, or undefined if there is
 * no room for the code. The source address of a query may be forged, so the reply must not be longer than the query.
 */
export function encodeRefusalWithin(
  refusal: Omit<DhtRefusal, 'type'>,
  maxLength: number,
): Buffer | undefined {
  const full = encodeRefusal(refusal)
  if (full.length <= maxLength) return full
  const bare = encode({ e: [refusal.code, ''], t: refusal.transaction, y: 'e' })
  return bare.length <= maxLength ? bare : undefined
}

function message(dict: Parameters<typeof encode>[0] & object): Buffer {
  return Buffer.from(encode({ ...dict, v: CLIENT_VERSION }))
}

function query(dict: BencodeDict, transaction: Uint8Array): KrpcMessage | undefined {
  const args = asDict(dict.a)
  const method = asText(dict.q)
  const nonsense = (code: number, message: string): DhtRefusal => ({
    type: 'nonsense',
    transaction,
    code,
    message,
  })
  const id = fixed(args?.id)
  if (!args || !id || method === undefined) return nonsense(PROTOCOL_ERROR, 'no method, or no id of 20 bytes')
  const call = callOf(method, args)
  if (typeof call === 'string') return nonsense(PROTOCOL_ERROR, call)
  if (!call) return nonsense(METHOD_UNKNOWN, 'unknown method')
  return { type: 'query', transaction, id, call, readOnly: dict.ro === 1 }
}

/** Decodes the method and its arguments. Returns an error message if they are invalid, undefined if it is unknown. */
function callOf(method: string, args: BencodeDict): Call | string | undefined {
  const infoHash = fixed(args.info_hash)
  const wanted = wantOf(args.want)
  const want = wanted ? { want: wanted } : {}
  if (method === 'ping') return { method }
  if (method === 'find_node') {
    const target = fixed(args.target)
    return target ? { method, target, ...want } : 'no target of 20 bytes'
  }
  if (method !== 'get_peers' && method !== 'announce_peer') return undefined
  if (!infoHash) return 'no info_hash of 20 bytes'
  if (method === 'get_peers') return { method, infoHash, ...want }
  const token = asBytes(args.token)
  const impliedPort = (asInteger(args.implied_port) ?? 0) !== 0
  const port = asInteger(args.port) ?? 0
  if (!token || token.length > MAX_TOKEN) return 'no token'
  if (!impliedPort && (port < 1 || port > 65535)) return 'no port'
  return { method, infoHash, port, impliedPort, token }
}

function reply(dict: BencodeDict, transaction: Uint8Array): DhtReply | undefined {
  const r = asDict(dict.r)
  const id = fixed(r?.id)
  if (!r || !id) return undefined
  const token = asBytes(r.token)
  const ip = seenAt(asBytes(dict.ip))
  const four = asBytes(r.nodes)
  const six = asBytes(r.nodes6)
  return {
    type: 'reply',
    transaction,
    id,
    nodes: {
      ...(four ? { 4: decodeContacts(four, 4, MAX_NODES) } : {}),
      ...(six ? { 6: decodeContacts(six, 6, MAX_NODES) } : {}),
    },
    values: (asList(r.values) ?? []).slice(0, MAX_VALUES).flatMap(peerOf),
    ...(token && token.length <= MAX_TOKEN ? { token } : {}),
    ...(ip ? { ip } : {}),
  }
}

function peerOf(value: BencodeValue): PeerAddress[] {
  const packed = asBytes(value)
  if (packed?.length === 6) return decodePeers4(packed)
  return packed?.length === 18 ? decodePeers6(packed) : []
}

/** Decodes our address (BEP 42). Some nodes omit the port. */
function seenAt(packed: Uint8Array | undefined): PeerAddress | undefined {
  if (!packed) return undefined
  const length = packed.length % 6 === 0 ? packed.length - 2 : packed.length
  if (length !== 4 && length !== 16) return undefined
  const port = packed.length > length ? (packed[length]! << 8) | packed[length + 1]! : 0
  return { host: hostOf(packed.subarray(0, length)), port }
}

function wantOf(value: BencodeValue | undefined): AddressFamily[] | undefined {
  const names = asList(value)?.map(asText)
  if (!names) return undefined
  return ([4, 6] as const).filter(family => names.includes(`n${family}`))
}

function compact(peer: PeerAddress): Buffer {
  return addressBytes(peer.host)?.length === 4 ? encodePeers4([peer]) : encodePeers6([peer])
}

function fixed(value: BencodeValue | undefined): Uint8Array | undefined {
  const found = asBytes(value)
  return found?.length === ID_LENGTH ? found : undefined
}
