import { randomBytes } from 'node:crypto'
import type { RemoteInfo, Socket } from 'node:dgram'
import type { AddressFamily } from '../codec/address-family.ts'
import { canonicalHost, formatAddress } from '../codec/compact.ts'
import { decodePacket, type TrackerPacket } from '../codec/udp-tracker.ts'
import { bindSocket, type CreateSocket, systemSocket } from './create-socket.ts'

/** Milliseconds for which a connection id is valid (BEP 15). */
const CONNECTION_LIFETIME_MS = 60_000

/** The address of a UDP tracker, in canonical text. */
export interface Endpoint {
  readonly host: string
  readonly port: number
  readonly family: AddressFamily
}

export interface UdpSocketsOptions {
  /** @default node:dgram, loaded at first use */
  readonly createSocket?: CreateSocket
  /** Returns 32 unpredictable bits. @default node:crypto */
  readonly randomId?: () => number
}

/** A request that waits for an answer. */
interface PendingReply {
  readonly from: Endpoint
  readonly action: TrackerPacket['action']
  readonly answered: (packet: TrackerPacket) => void
}

/**
 * The sockets of all UDP trackers, one per address family: opened at first use, closed with the last user. Passes expected
 * packets from the expected address to their request, and drops all others. Keeps the connection ids, because they may
 * be bound to the port of a socket (BEP 15).
 */
export class UdpSockets {
  readonly #options: UdpSocketsOptions
  readonly #open = new Map<AddressFamily, Promise<Socket>>()
  readonly #pending = new Map<number, PendingReply>()
  readonly #connections = new Map<string, { readonly id: Uint8Array; readonly until: number }>()
  #users = 0

  constructor(options: UdpSocketsOptions = {}) {
    this.#options = options
  }

  /** Keeps the sockets open until the returned function is called. The last user closes them. */
  use(): () => void {
    this.#users++
    let using = true
    return () => {
      if (!using) return
      using = false
      if (--this.#users === 0) this.#close()
    }
  }

  /** Returns an unused transaction id. */
  createTransaction(): number {
    const { randomId = () => randomBytes(4).readUInt32BE(0) } = this.#options
    let id: number
    do id = randomId() >>> 0
    while (this.#pending.has(id))
    return id
  }

  /**
   * Calls `answered` with each packet of a transaction that comes from `from` and has this action or is an error, until the
   * returned function is called.
   */
  expect(
    transaction: number,
    from: Endpoint,
    action: PendingReply['action'],
    answered: PendingReply['answered'],
  ): () => void {
    this.#pending.set(transaction, { from, action, answered })
    return () => this.#pending.delete(transaction)
  }

  /** Sends a packet. Rejects with the system error, such as a missing route. */
  async send(packet: Uint8Array, to: Endpoint): Promise<void> {
    const socket = await this.#socket(to.family)
    await new Promise<void>((resolve, reject) => {
      socket.send(packet, to.port, to.host, error => (error ? reject(error) : resolve()))
    })
  }

  /** Returns the connection id of a tracker, if there is a valid one. */
  findConnection(to: Endpoint, now: number): Uint8Array | undefined {
    const known = this.#connections.get(keyOf(to))
    return known && now < known.until ? known.id : undefined
  }

  /** Saves a new connection id. */
  saveConnection(to: Endpoint, id: Uint8Array, now: number): void {
    for (const [key, { until }] of this.#connections) if (until <= now) this.#connections.delete(key)
    this.#connections.set(keyOf(to), { id, until: now + CONNECTION_LIFETIME_MS })
  }

  /** Forgets an invalid connection id. */
  forgetConnection(to: Endpoint): void {
    this.#connections.delete(keyOf(to))
  }

  #socket(family: AddressFamily): Promise<Socket> {
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

  async #bind(family: AddressFamily): Promise<Socket> {
    const { createSocket = systemSocket } = this.#options
    const socket = await bindSocket(await createSocket({ type: `udp${family}`, ipv6Only: family === 6 }), 0)
    socket.on('message', (packet, from) => this.#onPacket(packet, from, family))
    // Requests have a timer. An idle socket must not keep the process running.
    socket.unref()
    return socket
  }

  #onPacket(bytes: Uint8Array, { address, port }: RemoteInfo, family: AddressFamily): void {
    const packet = decodePacket(bytes, family)
    const pending = packet && this.#pending.get(packet.transaction)
    if (!pending || (packet.action !== pending.action && packet.action !== 'error')) return
    const { from } = pending
    if (from.port === port && from.family === family && from.host === canonicalHost(address))
      pending.answered(packet)
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
