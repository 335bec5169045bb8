import type dgram from 'node:dgram'
import { EventEmitter } from 'node:events'
import type { Clock } from '../../../src/ports/clock.ts'
import { type Address, failure } from './failure.ts'

export interface SimulatedUdpOptions {
  readonly clock: Clock
  /** A source of random numbers from 0 to below 1. The same numbers give the same run. */
  readonly random: () => number
  /** Minimum and maximum milliseconds one way. A datagram may overtake another. @default 20 to 60 */
  readonly latency?: readonly [number, number]
}

interface Machine {
  /** Disconnects the machine: no datagram from or to it arrives. */
  unplugged: boolean
}

/** Machines that send each other datagrams in virtual time. Datagrams can be lost, reordered, observed and forged. */
export class SimulatedUdp {
  /** The share of all datagrams that is lost, from 0 to 1. */
  loss = 0
  /** Datagrams that were sent. */
  sent = 0
  /** Called with every datagram when it is sent. */
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

  /** Creates a machine with one address of each given family, and its stand-in for `dgram.createSocket`. */
  machine(...addresses: string[]): typeof dgram.createSocket {
    for (const address of addresses) this.#machines.set(address, { unplugged: false })
    const create = ({ type }: dgram.SocketOptions) => {
      const address = addresses.find(address => address.includes(':') === (type === 'udp6'))
      return new SimulatedDatagrams(this, address)
    }
    return create as unknown as typeof dgram.createSocket
  }

  /** Returns the machine at an address, so that a test can disconnect it. */
  at(address: string): Machine {
    const machine = this.#machines.get(address)
    if (!machine) throw new Error(`no machine is at ${address}; make it with machine()`)
    return machine
  }

  /** Returns the number of open sockets. */
  get open(): number {
    return this.#sockets.size
  }

  /** Delivers a datagram from any address, also one without a machine. */
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

/** A stand-in for a dgram socket, with the members that are used. */
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
