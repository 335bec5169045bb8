import { randomBytes } from 'node:crypto'
import type { RemoteInfo, Socket } from 'node:dgram'
import { canonicalHost, formatAddress } from '../codec/compact.ts'
import { decodePacket, type Family, type TrackerPacket } from '../codec/udp-tracker.ts'
import { bound, type CreateSocket, systemSocket } from './create-socket.ts'

/** Milliseconds for which a connection id may be used after it came (BEP 15). */
const CONNECTION_LIFE = 60_000

/** Where a UDP tracker is: an address in canonical text, no name. */
export interface Endpoint {
  readonly host: string
  readonly port: number
  readonly family: Family
}

export interface UdpSocketsOptions {
  /** @default node:dgram, loaded at first use */
  readonly createSocket?: CreateSocket
  /** 32 bits that nobody can guess. @default node:crypto */
  readonly randomId?: () => number
}

/** Who waits for an answer. */
interface Waiting {
  readonly from: Endpoint
  readonly action: TrackerPacket['action']
  readonly answered: (packet: TrackerPacket) => void
}

/**
 * The sockets of all UDP trackers: one an address family, opened when first needed, closed when nobody uses
 * them any more. Passes on packets that somebody waits for, from whom they are expected, and drops all others.
 * Keeps the connection ids, as they may be bound to a socket's port (BEP 15).
 */
export class UdpSockets {
  readonly #options: UdpSocketsOptions
  readonly #open = new Map<Family, Promise<Socket>>()
  readonly #waiting = new Map<number, Waiting>()
  readonly #connections = new Map<string, { readonly id: Uint8Array; readonly until: number }>()
  #users = 0

  constructor(options: UdpSocketsOptions = {}) {
    this.#options = options
  }

  /** Keeps the sockets open until what it returns is called; the last one closes them. */
  use(): () => void {
    this.#users++
    let using = true
    return () => {
      if (!using) return
      using = false
      if (--this.#users === 0) this.#close()
    }
  }

  /** A transaction id that nothing waits for. */
  transaction(): number {
    const { randomId = () => randomBytes(4).readUInt32BE(0) } = this.#options
    let id: number
    do id = randomId() >>> 0
    while (this.#waiting.has(id))
    return id
  }

  /**
   * Calls `answered` with each packet for this transaction that comes from `from` and is of this action or an error,
   * until what it returns is called.
   */
  expect(
    transaction: number,
    from: Endpoint,
    action: Waiting['action'],
    answered: Waiting['answered'],
  ): () => void {
    this.#waiting.set(transaction, { from, action, answered })
    return () => this.#waiting.delete(transaction)
  }

  /** Rejects with the system's error: no route, no such address family. */
  async send(packet: Uint8Array, to: Endpoint): Promise<void> {
    const socket = await this.#socket(to.family)
    await new Promise<void>((resolve, reject) => {
      socket.send(packet, to.port, to.host, error => (error ? reject(error) : resolve()))
    })
  }

  /** The connection id of a tracker, if there is one that may still be used at this clock time. */
  connection(to: Endpoint, now: number): Uint8Array | undefined {
    const known = this.#connections.get(keyOf(to))
    return known && now < known.until ? known.id : undefined
  }

  /** Keeps a connection id that came now. */
  connected(to: Endpoint, id: Uint8Array, now: number): void {
    for (const [key, { until }] of this.#connections) if (until <= now) this.#connections.delete(key)
    this.#connections.set(keyOf(to), { id, until: now + CONNECTION_LIFE })
  }

  /** A connection id does no good any more. */
  disconnected(to: Endpoint): void {
    this.#connections.delete(keyOf(to))
  }

  #socket(family: Family): Promise<Socket> {
    const open = this.#open.get(family)
    if (open) return open
    const opening = this.#bind(family)
    this.#open.set(family, opening)
    const forget = () => {
      if (this.#open.get(family) === opening) this.#open.delete(family)
    }
    opening.then(socket => socket.once('close', forget), forget)
    return opening
  }

  async #bind(family: Family): Promise<Socket> {
    const { createSocket = systemSocket } = this.#options
    const socket = await bound(await createSocket({ type: `udp${family}`, ipv6Only: family === 6 }), 0)
    socket.on('message', (packet, from) => this.#received(packet, from, family))
    // Who waits has a timer; an idle socket must not keep the process alive.
    socket.unref()
    return socket
  }

  #received(bytes: Uint8Array, { address, port }: RemoteInfo, family: Family): void {
    const packet = decodePacket(bytes, family)
    const waiting = packet && this.#waiting.get(packet.transaction)
    if (!waiting || (packet.action !== waiting.action && packet.action !== 'error')) return
    const { from } = waiting
    if (from.port === port && from.family === family && from.host === canonicalHost(address))
      waiting.answered(packet)
  }

  #close(): void {
    const open = [...this.#open.values()]
    this.#open.clear()
    this.#connections.clear()
    for (const opening of open)
      opening.then(
        socket => socket.close(),
        () => {},
      )
  }
}

const keyOf = (to: Endpoint) => formatAddress(to)
