import t, { type Test } from 'tap'
import { canonicalHost, type PeerAddress } from '../../../src/codec/compact.ts'
import { Dht, type DhtLookupResult, type DhtOptions } from '../../../src/dht/dht.ts'
import { idFor } from '../../../src/dht/node-id.ts'
import { encodeState } from '../../../src/dht/state.ts'
import { generator } from '../feed.ts'
import { RANDOM_SEED } from '../random-seed.ts'
import { VirtualClock } from '../virtual-clock.ts'
import { SimulatedUdp } from './udp.ts'

/** The result of a lookup, and its duration in virtual ms. */
export interface Looked extends DhtLookupResult {
  readonly peers: PeerAddress[]
  /** The time of the first peer; Infinity for none. */
  readonly first: number
  readonly took: number
}

export const DHT_PORT = 6881

/** Many nodes on a simulated network, each at a global address in its own network. */
export class SimulatedDht {
  readonly clock = new VirtualClock({ patience: 25_000 })
  readonly random: () => number
  readonly udp: SimulatedUdp
  readonly nodes: Dht[] = []
  /** The seed of all random numbers. The same seed gives the same run. */
  readonly seed: number

  constructor(seed: number) {
    this.seed = seed
    this.random = generator(seed)
    this.udp = new SimulatedUdp({ clock: this.clock, random: generator(seed + 1000) })
  }

  randomBytes = (size: number): Buffer => Buffer.from(Array.from({ length: size }, () => this.random() * 256))

  /** Returns the IPv4 and the IPv6 address of a node. */
  hosts(index: number): [string, string] {
    return [`20.${index >> 8}.${index & 255}.7`, canonicalHost(`2600:db8:${index.toString(16)}::7`)]
  }

  /**
   * Creates a node that is not started. The others bootstrap from the first one. Its id is valid for its address, as in
   * a later run, unless a `state` is given.
   */
  join(options: DhtOptions = {}, families = 1): Dht {
    const hosts = this.hosts(this.nodes.length).slice(0, families)
    const bootstrap = this.nodes.length === 0 ? [] : [{ host: this.hosts(0)[0], port: DHT_PORT }]
    const { clock, random, randomBytes } = this
    const createSocket = this.udp.machine(...hosts)
    const named = (host = '') => ({ id: idFor(host, randomBytes(20)), contacts: [] })
    const state = encodeState({ 4: named(hosts[0]), 6: named(hosts[1]) })
    const own = { bootstrap, clock, random, randomBytes, createSocket, state }
    const node = new Dht({ port: DHT_PORT, ...own, ...options })
    this.nodes.push(node)
    return node
  }

  /** Starts `count` nodes, one after the other. */
  async grow(count: number, options: DhtOptions = {}, families = 1): Promise<void> {
    for (let index = 0; index < count; index++) {
      await this.join(options, families).start()
      await this.clock.run({ for: 20 })
    }
    await this.clock.run({ for: 10_000 })
  }

  /** Runs one lookup to its end. */
  async look(node: Dht, infoHash: Uint8Array, announce?: { port: number }): Promise<Looked> {
    const peers: PeerAddress[] = []
    const begun = this.clock.now()
    let first = Number.POSITIVE_INFINITY
    let result: DhtLookupResult | undefined
    const found = (more: readonly PeerAddress[]) => {
      first = Math.min(first, this.clock.now() - begun)
      peers.push(...more)
    }
    void node.lookup(infoHash, { found, ...(announce ? { announce } : {}) }).then(end => {
      result = end
    })
    await this.clock.run({ until: () => result !== undefined, for: 60_000 })
    return { ...result!, peers, first, took: this.clock.now() - begun }
  }

  async close(): Promise<void> {
    await Promise.all(this.nodes.map(node => node.close()))
  }
}

/** Runs a test on its own network, and checks that no socket or timer is left. */
export function onNetwork(name: string, run: (t: Test, net: SimulatedDht) => Promise<void>): void {
  t.test(`${name} (SEED=${RANDOM_SEED})`, async t => {
    const net = new SimulatedDht(RANDOM_SEED)
    try {
      await run(t, net)
    } finally {
      await net.close()
    }
    await net.clock.run({ for: 1_000 }) // delivers datagrams in flight
    t.same([net.udp.open, net.clock.pending], [0, 0], 'nothing is left')
  })
}
