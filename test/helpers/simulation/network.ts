import type { Clock } from '../../../src/ports/clock.ts'
import { Host, type HostOptions } from './host.ts'
import type { SimulatedSocket } from './socket.ts'

export interface NetworkOptions {
  readonly clock: Clock
  /**
   * A source of random numbers from 0 to below 1, which cut the stream into reads. The same numbers give the same run.
   */
  readonly random: () => number
}

/** Hosts that are connected in virtual time, each by a link with its own rate and latency. */
export class SimulatedNetwork {
  readonly clock: Clock
  readonly random: () => number
  /** By address. */
  readonly hosts = new Map<string, Host>()
  readonly #open = new Set<SimulatedSocket>()
  readonly #cuts = new Map<Host, Set<Host>>()

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

  /** Cuts the connection of two hosts: no bytes between them arrive, and neither side gets an error. */
  partition(a: Host, b: Host): void {
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      const cutHosts = this.#cuts.get(from) ?? new Set()
      this.#cuts.set(from, cutHosts.add(to))
    }
  }

  /** Returns true if bytes from one host reach the other. */
  joins(a: Host, b: Host): boolean {
    return !a.unplugged && !b.unplugged && !this.#cuts.get(a)?.has(b)
  }

  /** Returns the number of open sockets. */
  get open(): number {
    return this.#open.size
  }

  /** Counts a socket until it has closed. */
  watch(socket: SimulatedSocket): SimulatedSocket {
    this.#open.add(socket)
    return socket.once('close', () => this.#open.delete(socket))
  }
}
