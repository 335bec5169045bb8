import type net from 'node:net'
import { failure } from './failure.ts'
import { Flow, type Route } from './flow.ts'
import { Link } from './link.ts'
import type { SimulatedNetwork } from './network.ts'
import { SimulatedServer } from './server.ts'
import { type OnRead, SimulatedSocket } from './socket.ts'

export interface HostOptions {
  /** Bytes per second, shared fairly by its connections. @default unlimited */
  readonly up?: number
  /** Bytes per second, shared fairly by its connections. @default unlimited */
  readonly down?: number
  /** Milliseconds one way to a host with the same latency. Between two hosts it is half of the sum. @default 0 */
  readonly latency?: number
  /** Share of its packets that are lost and sent again a round trip later, from 0 to below 1. @default 0 */
  readonly loss?: number
  /** Maximum additional milliseconds of a segment, one way. @default 0 */
  readonly jitter?: number
}

interface ConnectOptions {
  readonly host: string
  readonly port: number
  readonly onread?: OnRead
}

/** The first port for listeners that request port 0. */
const FIRST_PORT = 49_152

/** One machine on a simulated network, with stand-ins for `net.connect` and `net.createServer`. */
export class Host {
  readonly address: string
  readonly connect: typeof net.connect
  readonly createServer: typeof net.createServer
  readonly latency: number
  readonly loss: number
  readonly jitter: number
  readonly up: Link
  readonly down: Link
  readonly listening = new Map<number, SimulatedServer>()
  /** Bytes that this host has sent. */
  sent = 0
  /** Bytes that this host has sent, by address. */
  readonly sentTo = new Map<string, number>()
  /** Disconnects the host: no bytes from or to it arrive. */
  unplugged = false
  readonly #network: SimulatedNetwork
  #ports = 0

  constructor(
    network: SimulatedNetwork,
    address: string,
    { up, down, latency = 0, loss = 0, jitter = 0 }: HostOptions,
  ) {
    this.#network = network
    this.address = address
    this.latency = latency
    this.loss = loss
    this.jitter = jitter
    this.up = new Link(network.clock, up)
    this.down = new Link(network.clock, down)
    // the only place that treats them as functions of Node
    this.connect = this.#connect.bind(this) as unknown as typeof net.connect
    this.createServer = this.#createServer.bind(this) as unknown as typeof net.createServer
  }

  /** Cuts the connection without an error on either side. */
  unplug(): void {
    this.unplugged = true
  }

  /** Returns a port without a listener. */
  free(): number {
    for (;;) {
      const port = FIRST_PORT + (this.#ports++ % (65_536 - FIRST_PORT))
      if (!this.listening.has(port)) return port
    }
  }

  #createServer(...args: unknown[]): SimulatedServer {
    const server = new SimulatedServer(this.#network.clock, this)
    const listener = args.find(arg => typeof arg === 'function') as
      | ((socket: SimulatedSocket) => void)
      | undefined
    if (listener) server.on('connection', listener)
    return server
  }

  #connect({ host, port, onread }: ConnectOptions, connected?: () => void): SimulatedSocket {
    const network = this.#network
    const { clock } = network
    const to = { address: host, port }
    const socket = network.watch(
      new SimulatedSocket(clock, { address: this.address, port: this.free() }, onread),
    )
    if (connected) socket.once('connect', connected)
    const remote = network.hosts.get(host)
    if (!remote) {
      clock.setTimeout(() => socket.destroy(failure('connect', 'EHOSTUNREACH', to)), 0)
      return socket
    }
    const route = this.#route(remote)
    /** Sends a packet without data. */
    const say = (what: () => void) =>
      clock.setTimeout(() => {
        if (route.open()) what()
      }, route.latency)
    say(() => {
      if (socket.destroyed) return
      const server = remote.listening.get(port)
      if (!server) {
        say(() => socket.destroy(failure('connect', 'ECONNREFUSED', to)))
        return
      }
      const accepted = network.watch(new SimulatedSocket(clock, to))
      const outgoing = new Flow(route, socket, accepted)
      const incoming = new Flow(remote.#route(this), accepted, socket)
      say(() => {
        if (socket.destroyed) accepted.reset()
        else {
          socket.open(to, outgoing, incoming)
          socket.announce()
        }
      })
      accepted.open(
        { address: server.shows(socket.localAddress), port: socket.localPort },
        incoming,
        outgoing,
      )
      server.accept(accepted)
    })
    return socket
  }

  #route(to: Host): Route {
    const { clock, random } = this.#network
    return {
      clock,
      random,
      up: this.up,
      down: to.down,
      latency: (this.latency + to.latency) / 2,
      loss: 1 - (1 - this.loss) * (1 - to.loss),
      jitter: (this.jitter + to.jitter) / 2,
      open: () => this.#network.joins(this, to),
      sent: bytes => {
        this.sent += bytes
        this.sentTo.set(to.address, (this.sentTo.get(to.address) ?? 0) + bytes)
      },
    }
  }
}
