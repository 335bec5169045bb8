import type { PeerAddress } from '../codec/compact.ts'
import type { Dht, DhtLookupOptions } from '../dht/dht.ts'
import { LocalDiscovery } from '../discovery/local-discovery.ts'
import { pick } from '../pick.ts'
import { readDhtRecord, writeDhtRecord } from '../pipeline/dht-record.ts'
import type { Listener } from '../pipeline/listener.ts'
import type { SharedDht } from '../pipeline/peer-sources.ts'
import type { TorrentOptions } from '../pipeline/torrent-options.ts'
import { nodeFileSystem } from '../storage/file-system.ts'
import type { Reporter } from './reporter.ts'
import { dhtRecord } from './state.ts'

/** How peers are found, other than by trackers. */
export interface PeerFindingOptions {
  readonly dht: boolean
  /** Nodes to begin with, in place of those that everybody begins with. */
  readonly dhtNode?: PeerAddress[]
  readonly lsd: boolean
  readonly pex: boolean
  readonly bind?: string
}

/** What all torrents of a run find peers with. */
export interface PeerFinding {
  readonly options: Pick<TorrentOptions, 'dht' | 'lsd' | 'pex'>
  /** Keeps for the next run whom the DHT knew, and ends it all. Never rejects. */
  close(): Promise<void>
}

/** Says what to find peers with, as the options say. Nothing is loaded and no port is opened before a torrent asks. */
export function peerFinding(
  options: PeerFindingOptions,
  listener: Listener | undefined,
  reporter: Reporter,
): PeerFinding {
  const dht = options.dht ? new LateDht(options, listener, reporter) : undefined
  const lsd = options.lsd ? new LateLsd() : undefined
  return {
    options: { pex: options.pex, ...(dht ? { dht } : {}), ...(lsd ? { lsd } : {}) },
    async close() {
      lsd?.close()
      await dht?.close()
    },
  }
}

/** Opens its ports for the first torrent. */
class LateLsd extends LocalDiscovery {
  #started = false

  override add(infoHash: Uint8Array, port: number | undefined): void {
    super.add(infoHash, port)
    if (!this.#started) void this.start()
    this.#started = true
  }
}

/** The DHT, loaded and begun when the first torrent asks for peers: no download waits for it. */
class LateDht implements SharedDht {
  readonly #options: PeerFindingOptions
  readonly #listener: Listener | undefined
  readonly #reporter: Reporter
  #opening: Promise<Dht> | undefined
  #dht: Dht | undefined

  constructor(options: PeerFindingOptions, listener: Listener | undefined, reporter: Reporter) {
    this.#options = options
    this.#listener = listener
    this.#reporter = reporter
  }

  get readOnly(): boolean {
    return this.#dht?.readOnly ?? true
  }

  port(family?: 4 | 6): number | undefined {
    return this.#dht?.port(family)
  }

  add(node: PeerAddress): void {
    void this.#begun().then(dht => dht.add(node))
  }

  async lookup(infoHash: Uint8Array, options: DhtLookupOptions) {
    const dht = await this.#begun()
    return dht.lookup(infoHash, options)
  }

  async close(): Promise<void> {
    const dht = await this.#opening
    if (!dht) return
    await writeDhtRecord(nodeFileSystem, dhtRecord(), dht.state).catch(({ code, message }) =>
      this.#reporter.warning(code, message),
    )
    await dht.close()
  }

  #begun(): Promise<Dht> {
    this.#opening ??= this.#open()
    return this.#opening
  }

  async #open(): Promise<Dht> {
    const { bind, dhtNode: bootstrap } = this.#options
    const port = this.#listener?.port
    const [{ Dht }, state] = await Promise.all([
      import('../dht/dht.ts'),
      readDhtRecord(nodeFileSystem, dhtRecord()),
    ])
    const dht = new Dht({
      readOnly: port === undefined,
      ...pick({ bind, bootstrap, port, state }, 'bind', 'bootstrap', 'port', 'state'),
    })
    dht.on('warning', ({ code, message }) => this.#reporter.warning(code, message))
    this.#dht = dht
    return dht.start()
  }
}
