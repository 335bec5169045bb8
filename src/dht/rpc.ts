import { formatAddress, type PeerAddress } from '../codec/compact.ts'
import type { Clock, Timer } from '../ports/clock.ts'
import type { Datagrams } from './datagrams.ts'
import type { FloodGate } from './flood-gate.ts'
import {
  type Call,
  type DhtRefusal,
  type DhtReply,
  decodeKrpc,
  encodeQuery,
  type KrpcMessage,
  MAX_DATAGRAM,
  type Query,
} from './krpc.ts'

/**
 * The outcome of a query: a reply, `silent` after a timeout, `refused` after an error message, or `unsent`. A query is
 * unsent if there is no route, if too many queries are pending, or after `close`. Only `silent` is the node's failure.
 */
export type QueryOutcome = DhtReply | 'silent' | 'refused' | 'unsent'

/** Options of `Rpc`. */
export interface RpcOptions {
  readonly datagrams: Datagrams
  readonly clock: Clock
  readonly randomBytes: (size: number) => Uint8Array
  readonly gate: FloodGate
  /** Returns the datagram that replies to a query of `queryLength` bytes, or undefined for no reply. */
  readonly answer: (
    query: Query | DhtRefusal,
    from: PeerAddress,
    queryLength: number,
  ) => Uint8Array | undefined
}

interface PendingQuery {
  readonly to: PeerAddress
  readonly settle: (outcome: QueryOutcome) => void
  readonly timer: Timer
}

/** Timeout of a query, milliseconds. */
const QUERY_TIMEOUT_MS = 5_000
/** Maximum number of pending queries. */
const MAX_PENDING = 512
const TRANSACTION_LENGTH = 4

/**
 * Sends queries and matches replies (BEP 5). A reply must come from the address of the query and have its random
 * transaction id of 4 bytes. All other datagrams pass the flood gate and can only be queries.
 */
export class Rpc {
  readonly #options: RpcOptions
  /** Pending queries by transaction id in hex. */
  readonly #pending = new Map<string, PendingQuery>()
  /** Number of pending queries by address. */
  readonly #awaited = new Map<string, number>()
  #closed = false

  constructor(options: RpcOptions) {
    this.#options = options
    options.datagrams.receive((bytes, from) => this.#receive(bytes, from))
  }

  /** Queries the node at `to`. It never rejects. @param from our id, and whether we are read-only */
  query(to: PeerAddress, call: Call, from: Pick<Query, 'id' | 'readOnly'>): Promise<QueryOutcome> {
    const { clock, datagrams, randomBytes } = this.#options
    if (this.#closed || this.#pending.size >= MAX_PENDING) return Promise.resolve('unsent')
    const transaction = Buffer.from(randomBytes(TRANSACTION_LENGTH))
    const key = transaction.toString('hex')
    if (this.#pending.has(key)) return Promise.resolve('unsent')
    return new Promise(settle => {
      const timer = clock.setTimeout(() => this.#settle(key, 'silent'), QUERY_TIMEOUT_MS)
      this.#pending.set(key, { to, settle, timer })
      const address = formatAddress(to)
      this.#awaited.set(address, (this.#awaited.get(address) ?? 0) + 1)
      datagrams.send(encodeQuery({ ...from, transaction, call }), to, () => this.#settle(key, 'unsent'))
    })
  }

  /** Settles all pending queries as unsent and closes the port. Idempotent. */
  close(): Promise<void> {
    this.#closed = true
    for (const key of [...this.#pending.keys()]) this.#settle(key, 'unsent')
    return this.#options.datagrams.close()
  }

  #receive(bytes: Buffer, from: PeerAddress): void {
    if (this.#closed || bytes.length > MAX_DATAGRAM) return
    const { answer, clock, datagrams, gate } = this.#options
    const awaited = this.#awaited.has(formatAddress(from))
    // Checked before decoding, since decoding is the expensive part.
    if (!awaited && !gate.admits(from.host, clock.now())) return
    const message = decodeKrpc(bytes)
    if (!message) return
    if (message.type === 'reply' || message.type === 'refusal') {
      this.#answered(message, from)
      return
    }
    if (awaited && !gate.admits(from.host, clock.now())) return
    const reply = answer(message, from, bytes.length)
    if (reply) datagrams.send(reply, from)
  }

  #answered(message: KrpcMessage, from: PeerAddress): void {
    const key = Buffer.from(message.transaction).toString('hex')
    const pending = this.#pending.get(key)
    if (pending?.to.host !== from.host || pending.to.port !== from.port) return
    this.#settle(key, message.type === 'reply' ? message : 'refused')
  }

  #settle(key: string, outcome: QueryOutcome): void {
    const pending = this.#pending.get(key)
    if (!pending) return
    this.#pending.delete(key)
    this.#options.clock.clearTimeout(pending.timer)
    const address = formatAddress(pending.to)
    const left = this.#awaited.get(address)! - 1
    if (left > 0) this.#awaited.set(address, left)
    else this.#awaited.delete(address)
    pending.settle(outcome)
  }
}
