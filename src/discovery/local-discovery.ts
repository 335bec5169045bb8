import { randomBytes } from 'node:crypto'
import type { RemoteInfo, Socket } from 'node:dgram'
import { EventEmitter } from 'node:events'
import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os'
import type { PeerAddress } from '../codec/compact.ts'
import { canonicalHost } from '../codec/compact.ts'
import { decodeLsd, encodeLsd, LSD_GROUPS, LSD_HASHES } from '../codec/lsd.ts'
import type { Family } from '../codec/udp-tracker.ts'
import { type Clock, systemClock, type Timer } from '../ports/clock.ts'
import { bound, type CreateSocket, systemSocket } from './create-socket.ts'
import { isLocalAddress } from './local-address.ts'

/** Milliseconds from one announce of a torrent to the next (BEP 14). */
const INTERVAL = 300_000
/** Milliseconds from one packet to the next, whatever it announces (BEP 14). */
const PAUSE = 60_000
/** Packets that are read in ten seconds: whoever sends more is no neighbour. */
const MAX_PACKETS = 200
const COUNTED = 10_000

export interface LocalDiscoveryOptions {
  /** @default the machine's */
  readonly clock?: Clock
  /** @default node:dgram, loaded at `start` */
  readonly createSocket?: CreateSocket
  /** The machine's network interfaces, by name. @default node:os */
  readonly interfaces?: () => NodeJS.Dict<NetworkInterfaceInfo[]>
  /** What we know our own announces by. @default eight hex digits by chance */
  readonly cookie?: string
}

export interface LocalDiscoveryEvents {
  /** A neighbour shares a torrent of ours. */
  peer: [infoHash: Buffer, address: PeerAddress]
}

/** A torrent that is announced. */
interface Announced {
  readonly infoHash: string
  /** None for one that is only listened for. */
  readonly port: number | undefined
  /** Clock time of its next announce. */
  due: number
}

/** One interface as one family knows it: for joining a group, and for sending there. */
interface Link {
  readonly family: Family
  readonly multicast: string
}

/**
 * Local Service Discovery (BEP 14): tells the local network which torrents we share, each every five minutes, in at most
 * one packet a minute, over IPv4 and IPv6 and on each interface; and hears who shares them too. Only addresses in the
 * neighbourhood are believed. Never to be given a private torrent (BEP 27).
 */
export class LocalDiscovery extends EventEmitter<LocalDiscoveryEvents> {
  readonly #clock: Clock
  readonly #createSocket: CreateSocket
  readonly #interfaces: () => NodeJS.Dict<NetworkInterfaceInfo[]>
  readonly #cookie: string
  readonly #torrents = new Map<string, Announced>()
  readonly #sockets = new Map<Family, Socket>()
  readonly #joined = new Set<string>()
  #closed = false
  #timer: Timer | undefined
  /** Clock time before which nothing is sent. */
  #quiet = 0
  #heard = { since: 0, packets: 0 }

  constructor(options: LocalDiscoveryOptions = {}) {
    super()
    this.setMaxListeners(0) // each torrent listens
    this.#clock = options.clock ?? systemClock
    this.#createSocket = options.createSocket ?? systemSocket
    this.#interfaces = options.interfaces ?? networkInterfaces
    this.#cookie = options.cookie ?? randomBytes(4).toString('hex')
  }

  /** Listens and begins to announce. Resolves with the families that it could listen in, none at worst; never rejects. */
  async start(): Promise<Family[]> {
    const families: readonly Family[] = [4, 6]
    await Promise.all(families.map(family => this.#open(family).catch(() => {})))
    this.#plan()
    return [...this.#sockets.keys()]
  }

  /**
   * Announces a torrent from now on, with the port where we accept peers for it; again to name another port. Without
   * a port we are only told who else shares it.
   */
  add(infoHash: Uint8Array, port: number | undefined): void {
    const name = Buffer.from(infoHash).toString('hex')
    const due = port === undefined ? Number.POSITIVE_INFINITY : this.#clock.now()
    this.#torrents.set(name, { infoHash: name, port, due })
    this.#plan()
  }

  remove(infoHash: Uint8Array): void {
    this.#torrents.delete(Buffer.from(infoHash).toString('hex'))
    this.#plan()
  }

  /** Says and hears nothing any more. */
  close(): void {
    this.#closed = true
    this.#clock.clearTimeout(this.#timer)
    for (const socket of this.#sockets.values()) socket.close()
    this.#sockets.clear()
  }

  async #open(family: Family): Promise<void> {
    const { port } = LSD_GROUPS[family]
    // Others on this machine listen at the same port.
    const made = await this.#createSocket({ type: `udp${family}`, reuseAddr: true, ipv6Only: family === 6 })
    const socket = await bound(made, port)
    if (this.#closed) {
      socket.close()
      return
    }
    socket.unref()
    socket.on('message', (packet, from) => this.#received(packet, from))
    this.#sockets.set(family, socket)
    for (const link of this.#links()) if (link.family === family) this.#join(link)
  }

  #plan(): void {
    this.#clock.clearTimeout(this.#timer)
    this.#timer = undefined
    const due = Math.min(...[...this.#torrents.values()].map(({ due }) => due))
    if (this.#closed || this.#sockets.size === 0 || due === Number.POSITIVE_INFINITY) return
    const at = Math.max(due, this.#quiet) - this.#clock.now()
    this.#timer = this.#clock.setTimeout(() => this.#announce(), Math.max(0, at))
  }

  /** One packet: those that have waited longest, of one port. */
  #announce(): void {
    const now = this.#clock.now()
    const due = [...this.#torrents.values()].filter(({ due }) => due <= now).sort((a, b) => a.due - b.due)
    const port = due[0]?.port ?? 0
    const told = due.filter(torrent => torrent.port === port).slice(0, LSD_HASHES)
    for (const torrent of told) torrent.due = now + INTERVAL
    if (told.length > 0) this.#tell(port, told)
    this.#plan()
  }

  #tell(port: number, told: readonly Announced[]): void {
    this.#quiet = this.#clock.now() + PAUSE
    const announce = { port, cookie: this.#cookie, infoHashes: told.map(({ infoHash }) => infoHash) }
    for (const [family, socket] of this.#sockets) {
      this.#send(family, socket, encodeLsd(family, announce)).catch(() => {})
    }
  }

  async #send(family: Family, socket: Socket, packet: Uint8Array): Promise<void> {
    const { host, port } = LSD_GROUPS[family]
    for (const link of this.#links().filter(link => link.family === family)) {
      if (this.#closed || !this.#join(link)) continue
      socket.setMulticastInterface(link.multicast)
      // One after the other: the interface is the socket's, not the packet's.
      await new Promise<void>(resolve => socket.send(packet, port, host, () => resolve()))
    }
  }

  /** Whether an interface is in the group; one that came up since is joined now. */
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

  #received(packet: Uint8Array, { address }: RemoteInfo): void {
    const now = this.#clock.now()
    if (now - this.#heard.since >= COUNTED) this.#heard = { since: now, packets: 0 }
    if (this.#closed || ++this.#heard.packets > MAX_PACKETS) return
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
