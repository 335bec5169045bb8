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

  /** Stops the lookups and events. There is no message to revoke an announce; nodes drop it after half an hour. */
  stop(): void {
    this.#running?.abort()
    this.#running = undefined
    this.#options.clock.clearTimeout(this.#timer)
  }

  async #look(signal: AbortSignal, waited: number): Promise<void> {
    const { clock, dht, port, random, torrent } = this.#options
    const ours = port()
    let any = false
    const { answered } = await dht.lookup(torrent.infoHash, {
      ...(ours ? { announce: { port: ours } } : {}),
      signal,
      found: peers => {
        if (signal.aborted) return
        any = true
        this.emit('peers', peers, 'DHT')
      },
    })
    if (signal.aborted) return
    // With few nodes the result is incomplete, and few other peers can find us.
    const first = any && answered >= BUCKET_SIZE ? FOUND_LOOKUP_DELAY_MS : MIN_LOOKUP_DELAY_MS
    const wait = Math.min(MAX_LOOKUP_DELAY_MS, Math.max(first, waited * 2))
    // Jitter spreads the lookups of torrents that started at the same time.
    const jitter = 0.9 + 0.2 * random()
    this.#timer = clock.setTimeout(() => void this.#look(signal, wait), wait * jitter)
  }
}
