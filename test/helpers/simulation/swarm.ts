import { Bitfield } from '../../../src/codec/bitfield.ts'
import type { PeerAddress } from '../../../src/codec/compact.ts'
import type { Encryption } from '../../../src/codec/mse.ts'
import { Listener } from '../../../src/pipeline/swarm/listener.ts'
import { Torrent } from '../../../src/pipeline/torrent.ts'
import type { Clock } from '../../../src/ports/clock.ts'
import type { LoopLoad } from '../../../src/ports/loop-load.ts'
import type { ByteLimit } from '../../../src/streams/byte-limit.ts'
import { generator } from '../feed.ts'
import { type MadeTorrent, makeTorrent } from '../metainfo.ts'
import { VirtualClock } from '../virtual-clock.ts'
import type { Host, HostOptions } from './host.ts'
import { MemoryStorage } from './memory-storage.ts'
import { SimulatedNetwork } from './network.ts'

/** The seed of all random numbers, with which the same seed gives the same run, and a torrent or its size. */
export type SwarmSpec = { readonly seed: number } & (
  | { readonly made: MadeTorrent }
  | {
      readonly pieces: number
      /** Bytes. @default 16 KiB */
      readonly pieceLength?: number
    }
)

export interface MemberSpec extends HostOptions {
  /** True if it has all pieces from the start. @default false */
  readonly complete?: boolean
  /** The options of the torrent with these names, in bytes per second. @default no limit */
  readonly limitUp?: number | ByteLimit
  readonly limitDown?: number | ByteLimit
  /** The options of the torrent with these names. */
  readonly memory?: number
  readonly loopLoad?: LoopLoad
  readonly maxPeers?: number
  /** The option of the torrent, in milliseconds. @default never */
  readonly timeout?: number
  /** Its clock. @default that of the swarm */
  readonly clock?: Clock
  /** The encryption mode of the torrent and of its listener. @default their default */
  readonly encryption?: Encryption
  /** True to exchange peers. @default false: the test decides which peers know each other */
  readonly pex?: boolean
  /** The peers to dial. @default all that were added before */
  readonly peers?: readonly PeerAddress[]
}

/** The port of every member. */
const PEER_PORT = 6881
/** The default latency in milliseconds one way: a round trip of 40 ms. */
const LATENCY_MS = 20

/** One whole client of a simulated swarm. */
export interface Member {
  readonly host: Host
  readonly address: PeerAddress
  readonly torrent: Torrent
  readonly listener: Listener
  readonly storage: MemoryStorage
  /** The times of its start and its completion, in virtual ms. */
  startedAt: number
  doneAt: number
}

/** Whole clients of one torrent on a simulated network. */
export class SimulatedSwarm {
  readonly clock = new VirtualClock({ patience: 60_000 })
  readonly network: SimulatedNetwork
  readonly made: MadeTorrent
  readonly members: Member[] = []
  readonly random: () => number

  constructor({ seed, ...torrent }: SwarmSpec) {
    this.random = generator(seed)
    this.network = new SimulatedNetwork({ clock: this.clock, random: generator(seed + 1000) })
    if ('made' in torrent) this.made = torrent.made
    else {
      const { pieces, pieceLength = 16_384 } = torrent
      const files = [{ path: 'simulated.bin', length: pieces * pieceLength }]
      this.made = makeTorrent({ files, pieceLength, seed })
    }
  }

  /** Bytes of the torrent. */
  get length(): number {
    return this.made.metainfo.length
  }

  /** Creates a host with an address in its own network, so that the allowed pieces of each differ (BEP 6). */
  host({ latency = LATENCY_MS, ...options }: HostOptions = {}): Host {
    const at = this.network.hosts.size
    return this.network.host(`10.${at >> 8}.${at & 255}.1`, { latency, ...options })
  }

  /** Creates a client, which starts with `start`. */
  join({
    complete = false,
    limitUp,
    limitDown,
    maxPeers,
    timeout = 0,
    clock = this.clock,
    encryption,
    peers,
    pex = false,
    memory,
    loopLoad,
    ...access
  }: MemberSpec = {}): Member {
    const { made } = this
    const { metainfo, content } = made
    const host = this.host(access)
    const storage = new MemoryStorage(complete ? content : content.length)
    const listener = new Listener({
      createServer: host.createServer,
      clock,
      port: PEER_PORT,
      maxHalfOpen: 1000,
      ...(encryption ? { encryption } : {}),
    })
    const torrent = new Torrent(metainfo, {
      clock,
      storage,
      listener,
      random: generator(Math.floor(this.random() * 2 ** 32)),
      peerId: Buffer.from(`-SM0001-${String(this.members.length).padStart(12, '0')}`),
      connect: host.connect,
      trackers: false,
      pex,
      share: true,
      timeout,
      trusted: complete ? Bitfield.full(metainfo.pieceCount) : new Bitfield(metainfo.pieceCount),
      peers: peers ?? this.members.map(({ address }) => address),
      ...(limitUp === undefined ? {} : { up: limitUp }),
      ...(limitDown === undefined ? {} : { down: limitDown }),
      ...(maxPeers === undefined ? {} : { maxPeers }),
      ...(encryption ? { encryption } : {}),
      ...(memory === undefined ? {} : { memory }),
      ...(loopLoad ? { loopLoad } : {}),
    })
    const member: Member = {
      host,
      address: { host: host.address, port: PEER_PORT },
      torrent,
      listener,
      storage,
      startedAt: Number.NaN,
      doneAt: Number.NaN,
    }
    torrent.on('done', () => {
      member.doneAt = this.clock.now()
    })
    this.members.push(member)
    return member
  }

  /** Starts members at once. @param members @default all */
  async start(members: readonly Member[] = this.members): Promise<void> {
    let listening = 0
    for (const { listener } of members) void listener.listen().then(() => listening++)
    await this.clock.run({ until: () => listening === members.length })
    for (const member of members) {
      member.startedAt = this.clock.now()
      member.torrent.start()
    }
  }

  /** Advances the virtual time until these members are complete. @param limitMs virtual ms, after which it fails */
  finish(members: readonly Member[], limitMs = 3_600_000): Promise<void> {
    return this.clock.run({ until: () => members.every(({ torrent }) => torrent.complete), for: limitMs })
  }

  /** Ends all members, and waits until nothing is left open. */
  async close(): Promise<void> {
    for (const { torrent, listener } of this.members) {
      void torrent.close()
      listener.close()
    }
    await this.clock.run()
  }
}
