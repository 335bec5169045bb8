/** The messages of DHT nodes (BEP 5, 32, 42, 43): bencoded dictionaries, one a datagram. */
import {
  asDict,
  asList,
  type BencodeDict,
  type BencodeValue,
  bytes,
  decode,
  encode,
  integer,
  text,
} from '../codec/bencode.ts'
import {
  addressBytes,
  decodePeers4,
  decodePeers6,
  encodePeers4,
  encodePeers6,
  hostOf,
  type PeerAddress,
} from '../codec/compact.ts'
import { type Contact, decodeContacts, encodeContacts, type Family } from './contact.ts'
import { ID_LENGTH } from './node-id.ts'

/** What a node asks of another. */
export type Call =
  | { readonly method: 'ping' }
  | { readonly method: 'find_node'; readonly target: Uint8Array; readonly want?: readonly Family[] }
  | { readonly method: 'get_peers'; readonly infoHash: Uint8Array; readonly want?: readonly Family[] }
  | {
      readonly method: 'announce_peer'
      readonly infoHash: Uint8Array
      /** Where the peer listens; with `impliedPort` it is the port that the datagram came from. */
      readonly port: number
      readonly impliedPort: boolean
      readonly token: Uint8Array
    }

export interface Query {
  readonly type: 'query'
  readonly transaction: Uint8Array
  readonly id: Uint8Array
  readonly call: Call
  /** It answers nobody and wants to be in no table (BEP 43). */
  readonly readOnly: boolean
}

/** What is an answer to any call; `nodes` and `values` are for find_node and get_peers. */
export interface Reply {
  readonly type: 'reply'
  readonly transaction: Uint8Array
  readonly id: Uint8Array
  readonly nodes: Readonly<Partial<Record<Family, readonly Contact[]>>>
  /** Peers of the torrent that was asked for. */
  readonly values: readonly PeerAddress[]
  readonly token?: Uint8Array
  /** The address that the other end sees us at (BEP 42). */
  readonly ip?: PeerAddress
}

/** A refusal; also what is to be said to a query that makes no sense. */
export interface Refusal {
  readonly type: 'refusal' | 'nonsense'
  readonly transaction: Uint8Array
  readonly code: number
  readonly message: string
}

export type KrpcMessage = Query | Reply | Refusal

export const PROTOCOL_ERROR = 203
export const METHOD_UNKNOWN = 204

/** Bytes at most of a datagram that we send (BEP 32), and of one that we look at. */
export const MAX_SENT = 1024
export const MAX_DATAGRAM = 4096
/** Ours have 4 bytes; what others call theirs is sent back, but no novels. */
const MAX_TRANSACTION = 32
const MAX_TOKEN = 64
/** Nodes that are read of a reply; eight are what it should have. */
const MAX_NODES = 16
const MAX_VALUES = 200
const BOUNDS = { maxDepth: 6, maxItems: 1_000, allowTrailing: true }
/** What calls itself so is us: two letters, as in peer ids, and a version. */
const CLIENT = Buffer.from([0x54, 0x44, 0, 1])

/** Reads a datagram. Never throws: `undefined` is for what deserves no answer. */
export function decodeKrpc(datagram: Uint8Array): KrpcMessage | undefined {
  if (datagram.length > MAX_DATAGRAM) return undefined
  let value: BencodeValue
  try {
    value = decode(datagram, BOUNDS)
  } catch {
    return undefined
  }
  const dict = asDict(value)
  const transaction = bytes(dict?.t)
  if (!dict || !transaction || transaction.length === 0 || transaction.length > MAX_TRANSACTION)
    return undefined
  switch (text(dict.y)) {
    case 'q':
      return query(dict, transaction)
    case 'r':
      return reply(dict, transaction)
    case 'e': {
      const [code, message] = asList(dict.e) ?? []
      return { type: 'refusal', transaction, code: integer(code) ?? 201, message: text(message) ?? '' }
    }
    default:
      return undefined
  }
}

/** The datagram of a query. */
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

/** The datagram of a reply; of `values` as many go in as `MAX_SENT` leaves room for. */
export function encodeReply(given: Omit<Reply, 'type'>): Buffer {
  const { transaction, id, nodes, token, ip } = given
  const of = (family: Family) => nodes[family] && encodeContacts(nodes[family], family)
  const r = { id, nodes: of(4), nodes6: of(6), token }
  const bare = message({ ip: ip && compact(ip), r, t: transaction, y: 'r' })
  const values: Buffer[] = []
  let room = MAX_SENT - bare.length - '6:valuesle'.length
  for (const peer of given.values) {
    const value = compact(peer)
    room -= value.length + `${value.length}:`.length
    if (room < 0) break
    if (value.length > 0) values.push(value)
  }
  if (values.length === 0) return bare
  return message({ ip: ip && compact(ip), r: { ...r, values }, t: transaction, y: 'r' })
}

/** The datagram of a refusal. */
export function encodeRefusal({ transaction, code, message: why }: Omit<Refusal, 'type'>): Buffer {
  return message({ e: [code, why], t: transaction, y: 'e' })
}

/**
 * The datagram of a refusal of at most `most` bytes: where they are too few for the message it says the code alone, or nothing
 * at all. The sender of a query may have lied about its address, so what answers nonsense is no longer than the nonsense.
 */
export function encodeRefusalWithin(refusal: Omit<Refusal, 'type'>, most: number): Buffer | undefined {
  const full = encodeRefusal(refusal)
  if (full.length <= most) return full
  const bare = encode({ e: [refusal.code, ''], t: refusal.transaction, y: 'e' })
  return bare.length <= most ? bare : undefined
}

function message(dict: Parameters<typeof encode>[0] & object): Buffer {
  return Buffer.from(encode({ ...dict, v: CLIENT }))
}

function query(dict: BencodeDict, transaction: Uint8Array): KrpcMessage | undefined {
  const args = asDict(dict.a)
  const method = text(dict.q)
  const nonsense = (code: number, message: string): Refusal => ({
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

/** A string says what is wrong with it. */
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
  const token = bytes(args.token)
  const impliedPort = (integer(args.implied_port) ?? 0) !== 0
  const port = integer(args.port) ?? 0
  if (!token || token.length > MAX_TOKEN) return 'no token'
  if (!impliedPort && (port < 1 || port > 65535)) return 'no port'
  return { method, infoHash, port, impliedPort, token }
}

function reply(dict: BencodeDict, transaction: Uint8Array): Reply | undefined {
  const r = asDict(dict.r)
  const id = fixed(r?.id)
  if (!r || !id) return undefined
  const token = bytes(r.token)
  const ip = seenAt(bytes(dict.ip))
  const four = bytes(r.nodes)
  const six = bytes(r.nodes6)
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
  const packed = bytes(value)
  if (packed?.length === 6) return decodePeers4(packed)
  return packed?.length === 18 ? decodePeers6(packed) : []
}

/** Some leave the port out. */
function seenAt(packed: Uint8Array | undefined): PeerAddress | undefined {
  if (!packed) return undefined
  const length = packed.length % 6 === 0 ? packed.length - 2 : packed.length
  if (length !== 4 && length !== 16) return undefined
  const port = packed.length > length ? (packed[length]! << 8) | packed[length + 1]! : 0
  return { host: hostOf(packed.subarray(0, length)), port }
}

function wantOf(value: BencodeValue | undefined): Family[] | undefined {
  const names = asList(value)?.map(text)
  if (!names) return undefined
  return ([4, 6] as const).filter(family => names.includes(`n${family}`))
}

function compact(peer: PeerAddress): Buffer {
  return addressBytes(peer.host)?.length === 4 ? encodePeers4([peer]) : encodePeers6([peer])
}

function fixed(value: BencodeValue | undefined): Uint8Array | undefined {
  const found = bytes(value)
  return found?.length === ID_LENGTH ? found : undefined
}
