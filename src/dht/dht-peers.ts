import { EventEmitter } from 'node:events'
import type { PeerAddress } from '../codec/compact.ts'
import type { Clock, Timer } from '../ports/clock.ts'
import { BUCKET_SIZE } from './bucket.ts'
import type { Dht } from './dht.ts'

/** Options of `DhtPeers`. */
export interface DhtPeersOptions {
  readonly dht: Pick<Dht, 'lookup'>
  readonly torrent: {
    /** 20 bytes. */
    readonly infoHash: Uint8Array
    /** True if only trackers may provide peers (BEP 27). The DHT is then not used. */
    readonly private?: boolean
  }
  /** Returns the TCP port on which we accept peers. We announce only if there is one. */
  readonly port: () => number | undefined
  readonly clock: Clock
  /** Returns a number from 0 up to, but not including, 1. */
  readonly random: () => number
}

/** Events of `DhtPeers`. */
export interface DhtPeersEvents {
  /** Peers that were found, and their source. */
  peers: [peers: readonly PeerAddress[], source: string]
}

/** The state of the lookups of a torrent. */
export interface DhtLookupStatus {
  /** True while nodes are asked. */
  readonly isAsking: boolean
  /** Milliseconds since the last lookup ended; missing before. */
  readonly sinceLookup?: number
  /** Peers that the last lookup found, and nodes that answered it. */
  readonly peers: number
  readonly nodes: number
  /** Milliseconds until the next lookup; missing while one is under way. */
  readonly nextIn?: number
}

/** The delay after a lookup that found no peers or reached few nodes, milliseconds. It doubles each time. */
const MIN_LOOKUP_DELAY_MS = 1_000
/** The delay after a successful lookup, milliseconds. It doubles each time. */
const FOUND_LOOKUP_DELAY_MS = 60_000
/** Maximum delay, milliseconds. */
const MAX_LOOKUP_DELAY_MS = 300_000

/** Looks up the peers of a torrent in the DHT repeatedly, and announces the torrent each time. */
export class DhtPeers extends EventEmitter<DhtPeersEvents> {
  readonly #options: DhtPeersOptions
  #running: AbortController | undefined
  #timer: Timer | undefined
  #last: { readonly at: number; readonly peers: number; readonly nodes: number } | undefined
  /** Clock time of the next lookup; undefined while one is under way. */
  #nextAt: number | undefined

  constructor(options: DhtPeersOptions) {
    super()
    this.#options = options
  }

  /** Starts the lookups, the first at once. They continue until `stop`. It may be called again after `stop`. */
  start(): void {
    if (this.#running || this.#options.torrent.private) return
    this.#running = new AbortController()
    void this.#look(this.#running.signal, 0)
  }

  /** The result of the last lookup, and the time of the next one; undefined while lookups are stopped. */
  get status(): DhtLookupStatus | undefined {
    if (!this.#running) return undefined
    const now = this.#options.clock.now()
    const { at, nodes = 0, peers = 0 } = this.#last ?? {}
    return {
      ...{ isAsking: this.#nextAt === undefined, nodes, peers },
      ...(at === undefined ? {} : { sinceLookup: now - at }),
      ...(this.#nextAt === undefined ? {} : { nextIn: Math.max(0, this.#nextAt - now) }),
    }
  }

  /** Stops the lookups and events. There is no message to revoke an announce; nodes drop it after half an hour. */
  stop(): void {
    this.#running?.abort()
    this.#running = undefined
    this.#options.clock.clearTimeout(this.#timer)
  }

  async #look(signal: AbortSignal, waited: number): Promise<void> {
    const { clock, dht, port, random, torrent } = this.#options
    const ours = port()
    let found = 0
    this.#nextAt = undefined
    const { answered } = await dht.lookup(torrent.infoHash, {
      ...(ours ? { announce: { port: ours } } : {}),
      signal,
      found: peers => {
        if (signal.aborted) return
        found += peers.length
        this.emit('peers', peers, 'DHT')
      },
    })
    if (signal.aborted) return
    this.#last = { at: clock.now(), peers: found, nodes: answered }
    // With few nodes the result is incomplete, and few other peers can find us.
    const first = found > 0 && answered >= BUCKET_SIZE ? FOUND_LOOKUP_DELAY_MS : MIN_LOOKUP_DELAY_MS
    const wait = Math.min(MAX_LOOKUP_DELAY_MS, Math.max(first, waited * 2))
    // Jitter spreads the lookups of torrents that started at the same time.
    const delay = wait * (0.9 + 0.2 * random())
    this.#nextAt = clock.now() + delay
    this.#timer = clock.setTimeout(() => void this.#look(signal, wait), delay)
  }
}
