import { EventEmitter } from 'node:events'
import type { Clock, Timer } from '../clock.ts'
import type { PeerAddress } from '../codec/compact.ts'
import { BUCKET_SIZE } from './bucket.ts'
import type { Dht } from './dht.ts'

export interface DhtPeersOptions {
  readonly dht: Pick<Dht, 'lookup'>
  readonly torrent: {
    /** 20 bytes. */
    readonly infoHash: Uint8Array
    /** Only its trackers may name its peers (BEP 27): nobody is asked, and nobody told. */
    readonly private?: boolean
  }
  /** Where we accept peers, if we do: only then we are announced. */
  readonly port: () => number | undefined
  readonly clock: Clock
  /** From 0 to below 1. */
  readonly random: () => number
}

export interface DhtPeersEvents {
  /** Peers as they come, and where from. */
  peers: [peers: readonly PeerAddress[], source: string]
}

/** Milliseconds from one lookup to the next while nobody was found or next to nobody asked, and after that; they double to the last. */
const FIRST_WAIT = 1_000
const FIRST_WAIT_FOUND = 60_000
const LAST_WAIT = 300_000

/** The peers of one torrent as the DHT knows them: looked up again and again, and announced to each time. */
export class DhtPeers extends EventEmitter<DhtPeersEvents> {
  readonly #options: DhtPeersOptions
  #running: AbortController | undefined
  #timer: Timer | undefined

  constructor(options: DhtPeersOptions) {
    super()
    this.#options = options
  }

  /** Begins at once, and goes on until `stop`; also after a stop. */
  start(): void {
    if (this.#running || this.#options.torrent.private) return
    this.#running = new AbortController()
    void this.#look(this.#running.signal, 0)
  }

  /** Ends it; nothing comes any more. Nobody is told: the nodes forget us within half an hour. */
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
    // From a handful of nodes we have not heard the last word, nor have they spread ours.
    const first = any && answered >= BUCKET_SIZE ? FIRST_WAIT_FOUND : FIRST_WAIT
    const wait = Math.min(LAST_WAIT, Math.max(first, waited * 2))
    // Not all at the same moment, of those that began at the same moment.
    const jitter = 0.9 + 0.2 * random()
    this.#timer = clock.setTimeout(() => void this.#look(signal, wait), wait * jitter)
  }
}
