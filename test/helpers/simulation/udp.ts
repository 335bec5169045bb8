import type dgram from 'node:dgram'
import { EventEmitter } from 'node:events'
import type { Clock } from '../../../src/ports/clock.ts'
import { type Address, failure } from './failure.ts'

export interface SimulatedUdpOptions {
  readonly clock: Clock
  /** Numbers from 0 to below 1. The same numbers, the same run. */
  readonly random: () => number
  /** Milliseconds one way, at least and at most: a datagram may overtake another. @default 20 to 60 */
  readonly latency?: readonly [number, number]
}

interface Machine {
  /** Cuts it off: no datagram from or to it arrives. */
  unplugged: boolean
}

/** Machines that send each other datagrams in virtual time. Datagrams can be lost, reordered, observed and forged. */
export class SimulatedUdp {
  /** Which part of all datagrams is lost, 0 to 1. */
  loss = 0
  /** Datagrams that were sent. */
  sent = 0
  /** Sees every datagram as it is sent. */
  tap: ((from: Address, to: Address, bytes: Buffer) => void) | undefined
  readonly #clock: Clock
  readonly #random: () => number
  readonly #latency: readonly [number, number]
  readonly #sockets = new Map<string, SimulatedDatagrams>()
  readonly #machines = new Map<string, Machine>()
  #ports = 40_000

  constructor({ clock, random, latency = [20, 60] }: SimulatedUdpOptions) {
    this.#clock = clock
    this.#random = random
    this.#latency = latency
  }

  /** A machine with one address of each family that is given, and its stand-in for `dgram.createSocket`. */
  machine(...addresses: string[]): typeof dgram.createSocket {
    for (const address of addresses) this.#machines.set(address, { unplugged: false })
    const create = ({ type }: dgram.SocketOptions) => {
      const address = addresses.find(address => address.includes(':') === (type === 'udp6'))
      return new SimulatedDatagrams(this, address)
    }
    return create as unknown as typeof dgram.createSocket
  }

  /** The machine at this address, to pull its cable. */
  at(address: string): Machine {
    const machine = this.#machines.get(address)
    if (!machine) throw new Error(`no machine is at ${address}; make it with machine()`)
    return machine
  }

  /** How many sockets are open: 0 when nothing was left behind. */
  get open(): number {
    return this.#sockets.size
  }

  /** Delivers a datagram from any address, also one without a host. */
  inject(from: Address, to: Address, bytes: Uint8Array): void {
    this.#clock.setTimeout(() => this.#deliver(from, to, Buffer.from(bytes)), 1)
  }

  bind(socket: SimulatedDatagrams, address: string, port: number): Address {
    const own = { address, port: port || this.#ports++ }
    if (this.#sockets.has(keyOf(own))) throw failure('bind', 'EADDRINUSE', own)
    this.#sockets.set(keyOf(own), socket)
    return own
  }

  unbind(own: Address): void {
    this.#sockets.delete(keyOf(own))
  }

  send(from: Address, to: Address, bytes: Buffer): void {
    this.sent++
    this.tap?.(from, to, bytes)
    const [least, most] = this.#latency
    const delay = least + this.#random() * (most - least)
    if (this.#random() < this.loss || this.at(from.address).unplugged) return
    this.#clock.setTimeout(() => this.#deliver(from, to, bytes), delay)
  }

  #deliver(from: Address, to: Address, bytes: Buffer): void {
    const machine = this.#machines.get(to.address)
    const socket = this.#sockets.get(keyOf(to))
    if (!machine || machine.unplugged || !socket) return
    socket.emit('message', bytes, { ...from, size: bytes.length })
  }
}

/** What stands in for a dgram socket: as much of it as is used. */
class SimulatedDatagrams extends EventEmitter {
  readonly #network: SimulatedUdp
  readonly #host: string | undefined
  #own: Address | undefined

  constructor(network: SimulatedUdp, host: string | undefined) {
    super()
    this.#network = network
    this.#host = host
  }

  bind({ port = 0 }: { port?: number }, bound: () => void): this {
    queueMicrotask(() => {
      try {
        if (!this.#host) throw failure('bind', 'EAFNOSUPPORT')
        this.#own = this.#network.bind(this, this.#host, port)
      } catch (error) {
        this.emit('error', error)
        return
      }
      bound()
    })
    return this
  }

  send(bytes: Uint8Array, port: number, address: string, sent?: (error: Error | null) => void): void {
    if (!this.#own) throw failure('send', 'ERR_SOCKET_DGRAM_NOT_RUNNING')
    const to = { address, port }
    this.#network.send(this.#own, to, Buffer.from(bytes))
    if (sent) queueMicrotask(() => sent(null))
  }

  address(): Address {
    if (!this.#own) throw failure('getsockname', 'EBADF')
    return this.#own
  }

  close(closed?: () => void): this {
    if (this.#own) this.#network.unbind(this.#own)
    this.#own = undefined
    if (closed) queueMicrotask(closed)
    return this
  }
}

function keyOf({ address, port }: Address): string {
  return `${address} ${port}`
}
