import dgram, { type RemoteInfo } from 'node:dgram'
import { EventEmitter, once } from 'node:events'
import type { CreateSocket } from '../../src/discovery/create-socket.ts'
import type { VirtualClock } from './virtual-clock.ts'

/** The connection id that these trackers give. */
export const CONNECTION_ID = Buffer.from('c0ffee00c0ffee00', 'hex')
const ACTION_NAMES = ['connect', 'announce', 'scrape']

/** One packet that a tracker received. */
export interface SeenPacket {
  readonly action: string
  readonly packet: Buffer
  readonly transaction: Buffer
  /** Virtual time in seconds. */
  readonly at: number
  readonly to: string
  /** The eight bytes before the action. */
  readonly connection: Buffer
}

export function seenPacket(packet: Buffer, to: string, at = 0): SeenPacket {
  return {
    action: ACTION_NAMES[packet.readUInt32BE(8)] ?? '?',
    transaction: packet.subarray(12, 16),
    connection: packet.subarray(0, 8),
    packet,
    to,
    at,
  }
}

const number = (value: number) => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

/** Builds packets that answer `seen`. */
export const answers = {
  connect: ({ transaction }: SeenPacket, id: Uint8Array = CONNECTION_ID) =>
    Buffer.concat([number(0), transaction, id]),
  announce: ({ transaction }: SeenPacket, peers: Uint8Array = Buffer.alloc(0), interval = 1800) =>
    Buffer.concat([number(1), transaction, number(interval), number(2), number(3), peers]),
  scrape: ({ transaction }: SeenPacket, ...counts: number[]) =>
    Buffer.concat([number(2), transaction, ...counts.map(number)]),
  error: ({ transaction }: SeenPacket, text: string) =>
    Buffer.concat([number(3), transaction, Buffer.from(text)]),
}

/** The packets that a tracker sends in reply, in order; none for no reply. */
export type UdpScript = (seen: SeenPacket, n: number) => readonly Uint8Array[]

/** A script that answers all requests, without peers and with the counts 1, 2 and 3. */
export const obliging: UdpScript = seen => {
  if (seen.action === 'connect') return [answers.connect(seen)]
  if (seen.action === 'scrape') return [answers.scrape(seen, 1, 2, 3)]
  return [answers.announce(seen)]
}

/** A UDP tracker on loopback that answers by script; closed at the end of test `t`. */
export async function udpTracker(
  t: { teardown(call: () => unknown): unknown },
  script: UdpScript = obliging,
  host = '127.0.0.1',
) {
  const socket = dgram.createSocket(host.includes(':') ? 'udp6' : 'udp4')
  const seen: SeenPacket[] = []
  const froms: RemoteInfo[] = []
  const arrivals = new EventEmitter()
  socket.on('message', (packet, from) => {
    seen.push(seenPacket(packet, host))
    froms.push(from)
    for (const reply of script(seen.at(-1)!, seen.length - 1)) socket.send(reply, from.port, from.address)
    arrivals.emit('packet')
  })
  socket.bind(0, host)
  await once(socket, 'listening')
  t.teardown(() => new Promise<void>(resolve => socket.close(() => resolve())))
  const { port } = socket.address()
  return {
    port,
    seen,
    froms,
    url: `udp://${host.includes(':') ? `[${host}]` : host}:${port}/announce`,
    /** Resolves when this number of packets was received. */
    async count(count: number) {
      while (seen.length < count) await once(arrivals, 'packet')
    },
    send: (packet: Uint8Array, to: RemoteInfo) => socket.send(packet, to.port, to.address),
  }
}

/** Sockets in memory. Each sent packet is recorded, and answered by a script from the address that it was sent to. */
export class FakeDgram {
  readonly sent: SeenPacket[] = []
  open = 0
  /** Addresses to which sending fails. */
  readonly unreachable = new Set<string>()
  readonly #clock: VirtualClock
  readonly #sockets = new Map<string, EventEmitter>()
  script: UdpScript

  constructor(clock: VirtualClock, script: UdpScript = () => []) {
    this.#clock = clock
    this.script = script
  }

  readonly createSocket: CreateSocket = ({ type }) => {
    const events = new EventEmitter()
    this.#sockets.set(type, events)
    this.open++
    const socket = Object.assign(events, {
      bind: (_port: number, bound: () => void) => queueMicrotask(bound),
      unref: () => {},
      close: () => {
        this.open--
        events.emit('close')
      },
      send: (packet: Uint8Array, port: number, host: string, done: (error: Error | null) => void) => {
        if (this.unreachable.has(host)) {
          const error = Object.assign(new Error('send ENETUNREACH'), { code: 'ENETUNREACH' })
          queueMicrotask(() => done(error))
          return
        }
        const seen = seenPacket(Buffer.from(packet), `${host} ${port}`, this.#clock.now() / 1000)
        this.sent.push(seen)
        queueMicrotask(() => done(null))
        for (const reply of this.script(seen, this.sent.length - 1)) {
          queueMicrotask(() => this.receive(reply, host, port))
        }
      },
    })
    return socket as unknown as ReturnType<typeof dgram.createSocket>
  }

  /** Delivers a packet. */
  receive(packet: Uint8Array, address: string, port: number) {
    this.#sockets.get(address.includes(':') ? 'udp6' : 'udp4')?.emit('message', packet, { address, port })
  }
}
