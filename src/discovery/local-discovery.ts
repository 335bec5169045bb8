import { randomBytes } from 'node:crypto'
import type { RemoteInfo, Socket } from 'node:dgram'
import { EventEmitter } from 'node:events'
import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os'
import { type AddressFamily, familiesOf } from '../codec/address-family.ts'
import { checkArgument, checkOptions } from '../codec/check-arguments.ts'
import type { PeerAddress } from '../codec/compact.ts'
import { canonicalHost } from '../codec/compact.ts'
import { decodeLsd, encodeLsd, LSD_GROUPS, LSD_HASHES } from '../codec/lsd.ts'
import { type Clock, systemClock, type Timer } from '../ports/clock.ts'
import { bindSocket, type CreateSocket, systemSocket } from './create-socket.ts'
import { isLocalAddress } from './local-address.ts'

/** Milliseconds between two announces of a torrent (BEP 14). */
const ANNOUNCE_INTERVAL_MS = 300_000
/** Milliseconds between two packets (BEP 14). */
const PACKET_INTERVAL_MS = 60_000
/** Maximum number of packets that are read within the flood window. */
const MAX_PACKETS = 200
const FLOOD_WINDOW_MS = 10_000

/** Options of `LocalDiscovery`. */
export interface LocalDiscoveryOptions {
  /** @default the machine's */
  readonly clock?: Clock
  /** @default node:dgram, loaded at `start` */
  readonly createSocket?: CreateSocket
  /** The machine's network interfaces, by name. @default node:os */
  readonly interfaces?: () => NodeJS.Dict<NetworkInterfaceInfo[]>
  /** The only address family to use. @default both */
  readonly family?: AddressFamily
  /** The mark of our own announces. @default eight random hex digits */
  readonly cookie?: string
}

export interface LocalDiscoveryEvents {
  /** A peer in the local network shares one of our torrents. */
  peer: [infoHash: Buffer, address: PeerAddress]
}

/** A torrent that is announced. */
interface Announced {
  readonly infoHash: string
  /** Undefined for a torrent that is not announced, only listened for. */
  readonly port: number | undefined
  /** Clock time of its next announce. */
  due: number
}

/** A network interface and an address family. */
interface Link {
  readonly family: AddressFamily
  readonly multicast: string
}

/**
 * Local Service Discovery (BEP 14): announces our torrents to the local network, and finds peers that share them. A torrent
 * is announced every five minutes, with at most one packet per minute, over IPv4 and IPv6 and on each interface. Announces
 * from other networks are ignored. The caller must not add private torrents (BEP 27).
 */
export class LocalDiscovery extends EventEmitter<LocalDiscoveryEvents> {
  readonly #clock: Clock
  readonly #createSocket: CreateSocket
  readonly #interfaces: () => NodeJS.Dict<NetworkInterfaceInfo[]>
  readonly #cookie: string
  readonly #families: readonly AddressFamily[]
  readonly #torrents = new Map<string, Announced>()
  readonly #sockets = new Map<AddressFamily, Socket>()
  readonly #joined = new Set<string>()
  #closed = false
  #timer: Timer | undefined
  #timerDue = Number.POSITIVE_INFINITY
  /** Clock time before which no packet is sent. */
  #nextPacketAt = 0
  /** The packets received in the current flood window. */
  #received = { since: 0, packets: 0 }

  constructor(options: LocalDiscoveryOptions = {}) {
    super()
    checkOptions(options, {
      clock: 'object',
      createSocket: 'function',
      family: 'family',
      interfaces: 'function',
    })
    this.setMaxListeners(0) // each torrent adds a listener
    this.#clock = options.clock ?? systemClock
    this.#createSocket = options.createSocket ?? systemSocket
    this.#interfaces = options.interfaces ?? networkInterfaces
    this.#families = familiesOf(options.family)
    this.#cookie = options.cookie ?? randomBytes(4).toString('hex')
  }

  /** Listens and begins to announce. Resolves with the address families that work; never rejects. */
  async start(): Promise<AddressFamily[]> {
    await Promise.all(this.#families.map(family => this.#open(family).catch(() => {})))
    this.#schedule()
    return [...this.#sockets.keys()]
  }

  /**
   * Announces a torrent from now on, with the port on which we accept peers. Call it again to change the port. Without a
   * port the torrent is not announced, and peers that share it are found.
   */
  add(infoHash: Uint8Array, port: number | undefined): void {
    checkArgument('infoHash', infoHash, 'bytes')
    const name = Buffer.from(infoHash).toString('hex')
    const known = this.#torrents.get(name)
    if (known && known.port === port) return
    const due = port === undefined ? Number.POSITIVE_INFINITY : this.#clock.now()
    this.#torrents.set(name, { infoHash: name, port, due })
    this.#scheduleAt(due)
  }

  /** Stops announcing a torrent. */
  remove(infoHash: Uint8Array): void {
    checkArgument('infoHash', infoHash, 'bytes')
    this.#torrents.delete(Buffer.from(infoHash).toString('hex'))
    if (this.#torrents.size === 0) this.#schedule()
  }

  /** Closes the sockets. */
  close(): void {
    this.#closed = true
    this.#clock.clearTimeout(this.#timer)
    for (const socket of this.#sockets.values()) socket.close()
    this.#sockets.clear()
  }

  async #open(family: AddressFamily): Promise<void> {
    const { port } = LSD_GROUPS[family]
    // Other programs on this machine listen on the same port.
    const made = await this.#createSocket({ type: `udp${family}`, reuseAddr: true, ipv6Only: family === 6 })
    const socket = await bindSocket(made, port)
    if (this.#closed) {
      socket.close()
      return
    }
    socket.unref()
    socket.on('message', (packet, from) => this.#onPacket(packet, from))
    this.#sockets.set(family, socket)
    for (const link of this.#links()) if (link.family === family) this.#join(link)
  }

  #schedule(): void {
    this.#clock.clearTimeout(this.#timer)
    this.#timer = undefined
    this.#timerDue = Number.POSITIVE_INFINITY
    let next = Number.POSITIVE_INFINITY
    for (const { due } of this.#torrents.values()) next = Math.min(next, due)
    this.#scheduleAt(next)
  }

  /** Announces at this time, or as soon after it as a packet may be sent, unless that happens sooner. */
  #scheduleAt(due: number): void {
    if (this.#closed || this.#sockets.size === 0 || due === Number.POSITIVE_INFINITY) return
    const at = Math.max(due, this.#nextPacketAt)
    if (at >= this.#timerDue) return
    this.#clock.clearTimeout(this.#timer)
    this.#timerDue = at
    this.#timer = this.#clock.setTimeout(() => this.#announce(), Math.max(0, at - this.#clock.now()))
  }

  /** Sends one packet with the torrents that have waited longest, all with the same port. */
  #announce(): void {
    const now = this.#clock.now()
    const due = [...this.#torrents.values()].filter(({ due }) => due <= now).sort((a, b) => a.due - b.due)
    const port = due[0]?.port ?? 0
    const announced = due.filter(torrent => torrent.port === port).slice(0, LSD_HASHES)
    for (const torrent of announced) torrent.due = now + ANNOUNCE_INTERVAL_MS
    if (announced.length > 0) this.#sendToAll(port, announced)
    this.#schedule()
  }

  #sendToAll(port: number, torrents: readonly Announced[]): void {
    this.#nextPacketAt = this.#clock.now() + PACKET_INTERVAL_MS
    const announce = { port, cookie: this.#cookie, infoHashes: torrents.map(({ infoHash }) => infoHash) }
    for (const [family, socket] of this.#sockets) {
      this.#send(family, socket, encodeLsd(family, announce)).catch(() => {})
    }
  }

  async #send(family: AddressFamily, socket: Socket, packet: Uint8Array): Promise<void> {
    const { host, port } = LSD_GROUPS[family]
    for (const link of this.#links().filter(link => link.family === family)) {
      if (this.#closed || !this.#join(link)) continue
      socket.setMulticastInterface(link.multicast)
      // One after another, because the interface is a property of the socket.
      await new Promise<void>(resolve => socket.send(packet, port, host, () => resolve()))
    }
  }

  /** Joins the group on an interface if needed. Returns true if the interface is in the group. */
  #join({ family, multicast }: Link): boolean {
    if (this.#joined.has(multicast)) return true
    try {
      this.#sockets.get(family)?.addMembership(LSD_GROUPS[family].host, multicast)
      this.#joined.add(multicast)
      return true
    } catch {
      return false
    }
  }

  #links(): Link[] {
    return Object.entries(this.#interfaces()).flatMap(([name, infos = []]) => {
      const outer = infos.filter(({ internal }) => !internal)
      const four = outer.find(({ family }) => family === 'IPv4')
      const six = outer.some(({ family }) => family === 'IPv6')
      return [
        ...(four ? [{ family: 4 as const, multicast: four.address }] : []),
        ...(six ? [{ family: 6 as const, multicast: `::%${name}` }] : []),
      ]
    })
  }

  #onPacket(packet: Uint8Array, { address }: RemoteInfo): void {
    const now = this.#clock.now()
    if (now - this.#received.since >= FLOOD_WINDOW_MS) this.#received = { since: now, packets: 0 }
    if (this.#closed || ++this.#received.packets > MAX_PACKETS) return
    const announce = decodeLsd(packet)
    if (!announce || announce.cookie === this.#cookie) return
    const ours = announce.infoHashes.filter(infoHash => this.#torrents.has(infoHash))
    if (ours.length === 0) return
    const own = Object.values(this.#interfaces()).flatMap(infos => infos ?? [])
    if (!isLocalAddress(address, own)) return
    for (const infoHash of ours)
      this.emit('peer', Buffer.from(infoHash, 'hex'), { host: canonicalHost(address), port: announce.port })
  }
}
