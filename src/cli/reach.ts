import type { PeerAddress } from '../codec/compact.ts'
import { pick } from '../pick.ts'
import type { Listener } from '../pipeline/listener.ts'
import type { TorrentOptions } from '../pipeline/torrent-options.ts'
import { type ListeningOptions, listenerFor } from './listening.ts'
import { type PeerFinding, type PeerFindingOptions, peerFinding } from './peer-finding.ts'
import type { Reporter } from './reporter.ts'

/** How the peers of a run are reached. */
export interface ReachOptions extends ListeningOptions, PeerFindingOptions {
  readonly peer?: PeerAddress[]
  readonly tracker: boolean
  /** Whether what torrents, links and redirects name may be of this machine and its network. @default false */
  readonly allowLocal?: boolean
}

/** What a run listens with and finds peers with; opened when it is first needed, for all of its torrents. */
export class Reach {
  readonly #options: ReachOptions
  readonly #reporter: Reporter
  #opening: Promise<Listener | undefined> | undefined
  #finding: PeerFinding | undefined

  constructor(options: ReachOptions, reporter: Reporter) {
    this.#options = options
    this.#reporter = reporter
  }

  /** Whether URLs that others name may be of this machine and its network. */
  get allowLocal(): boolean {
    return this.#options.allowLocal ?? false
  }

  /** Resolves with what accepts peers, listening; none with `--no-listen`. @throws InputError when the port is taken */
  listener(): Promise<Listener | undefined> {
    this.#opening ??= listenerFor(this.#options)
    return this.#opening
  }

  /** What torrents are told of it, and the link of one. @throws InputError as `listener` */
  async options() {
    const listener = await this.listener()
    this.#finding ??= peerFinding(this.#options, listener, this.#reporter)
    const shared: Pick<TorrentOptions, 'dht' | 'lsd' | 'pex'> = this.#finding.options
    return {
      ...shared,
      trackers: this.#options.tracker,
      peers: this.#options.peer ?? [],
      ...pick(this.#options, 'allowLocal', 'bind', 'encryption'),
      ...(listener ? { listener } : {}),
    }
  }

  /** Ends it all. Never rejects. */
  async close(): Promise<void> {
    const listener = await this.#opening?.catch(() => undefined)
    listener?.close()
    await this.#finding?.close()
  }
}
