import type { Clock } from '../../../src/ports/clock.ts'
import { Host, type HostOptions } from './host.ts'
import type { SimulatedSocket } from './socket.ts'

export interface NetworkOptions {
  readonly clock: Clock
  /** Numbers from 0 to below 1: where the stream is cut into reads. The same numbers, the same run. */
  readonly random: () => number
}

/** Hosts that reach each other in virtual time, each behind an access of its own rate and latency. */
export class SimulatedNetwork {
  readonly clock: Clock
  readonly random: () => number
  /** By address. */
  readonly hosts = new Map<string, Host>()
  readonly #open = new Set<SimulatedSocket>()
  readonly #apart = new Map<Host, Set<Host>>()

  constructor({ clock, random }: NetworkOptions) {
    this.clock = clock
    this.random = random
  }

  /** Creates a machine. @param address its IP address */
  host(address: string, options: HostOptions = {}): Host {
    if (this.hosts.has(address))
      throw new Error(`the network has a host ${address} already; give it another address`)
    const host = new Host(this, address, options)
    this.hosts.set(address, host)
    return host
  }

  /** From now on no bytes between these two arrive, and neither side gets an error. */
  partition(a: Host, b: Host): void {
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      const apart = this.#apart.get(from) ?? new Set()
      this.#apart.set(from, apart.add(to))
    }
  }

  /** True if bytes from one host reach the other. */
  joins(a: Host, b: Host): boolean {
    return !a.unplugged && !b.unplugged && !this.#apart.get(a)?.has(b)
  }

  /** Returns the number of open sockets: 0 if none was left open. */
  get open(): number {
    return this.#open.size
  }

  /** Counts a socket until it has closed. */
  watch(socket: SimulatedSocket): SimulatedSocket {
    this.#open.add(socket)
    return socket.once('close', () => this.#open.delete(socket))
  }
}
