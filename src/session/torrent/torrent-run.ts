import { EventEmitter } from 'node:events'
import { parseAddress } from '../../codec/compact.ts'
import type { TsdlError } from '../../errors.ts'
import type { Magnet } from '../../metainfo/magnet.ts'
import type { Metainfo } from '../../metainfo/metainfo.ts'
import { lacksLayers } from '../../metainfo/piece-layers.ts'
import { directoryContent } from '../../pipeline/download.ts'
import type { Torrent } from '../../pipeline/torrent.ts'
import { pick } from '../../ports/pick.ts'
import type { Storage } from '../../storage/storage.ts'
import type { FilePriorities } from '../records/file-priorities.ts'
import type { SessionTorrentOptions } from '../records/torrent-record.ts'
import { type TransferActivity, TransferMeter, type Transferred } from '../rules/transfer-meter.ts'
import type { SessionContext } from './session-context.ts'
import { TorrentRateLimits } from './session-rates.ts'

interface TorrentRunEvents {
  /** The metadata of a magnet link is known: `begin` is awaited. */
  metadata: [metainfo: Metainfo]
  /** The files have been checked, and blocks are exchanged from now on. */
  started: []
  /** Every wanted piece is verified and at rest. */
  done: []
  warning: [error: TsdlError]
  /** The run has ended with this error. */
  failed: [error: Error]
}

/** Options that say how a run finds its files and peers. */
export interface TorrentRunOptions extends SessionTorrentOptions {
  /** Trackers in place of those of the source. */
  readonly trackers: readonly (readonly string[])[] | null
}

/** The files of a run on disk. */
export interface RunContent {
  /** With the paths that its files have on disk. */
  readonly metainfo: Metainfo
  readonly directory: string
  readonly priorities: FilePriorities
}

/** A torrent in the client, from its start to its stop. */
export class TorrentRun extends EventEmitter<TorrentRunEvents> {
  readonly torrent: Torrent
  /** The part of the files that was checked at the start, from 0 to 1. */
  checked = 0
  readonly #context: SessionContext
  readonly #rates: TorrentRateLimits
  readonly #meter: TransferMeter
  readonly #sequential: boolean
  /** Undefined before `begin`. */
  #priorities: FilePriorities | undefined
  #storage: Storage | undefined

  private constructor(
    context: SessionContext,
    torrent: Torrent,
    rates: TorrentRateLimits,
    sequential: boolean,
  ) {
    super()
    this.torrent = torrent
    this.#context = context
    this.#rates = rates
    this.#sequential = sequential
    this.#meter = new TransferMeter(context.clock.now())
    torrent.on('checked', pieces => {
      this.checked = pieces / torrent.metainfo.pieceCount
    })
    torrent.on('started', () => this.emit('started'))
    torrent.on('done', () => this.emit('done'))
    torrent.on('warning', error => this.emit('warning', error))
    torrent.on('error', error => this.emit('failed', error))
    torrent.done.catch(() => {})
    torrent.ready.catch(() => {})
  }

  /** Adds a torrent to the client. Rejects as `Client.add` does. */
  static async start(
    context: SessionContext,
    source: Metainfo | Magnet,
    options: TorrentRunOptions,
  ): Promise<TorrentRun> {
    const rates = new TorrentRateLimits(context.rates, options)
    const trackers = options.trackers ?? source.trackers
    const torrent = await context.client.add(
      { ...source, trackers },
      {
        ...context.torrentOptions,
        ...{ ...context.names, ...pick(rates, 'up', 'down'), share: true },
        maxPeers: Math.max(1, options.maxPeers),
        peers: options.peers.map(parseAddress),
      },
    )
    const run = new TorrentRun(context, torrent, rates, options.sequential)
    if ('hashes' in source && !lacksLayers(source)) return run
    torrent.once('metadata', metainfo => run.emit('metadata', metainfo))
    return run
  }

  /** Checks the files, and downloads and shares from then on. */
  begin({ directory, metainfo, priorities }: RunContent): void {
    const { fs, locks, store } = this.#context
    const record = store.resumePath?.(this.torrent.infoHash.toString('hex'))
    this.#priorities = priorities
    const content = directoryContent(metainfo, {
      ...{ output: directory, fs },
      // they are asked again after a change
      select: index => this.#priorities!.isWanted(index),
      priority: index => this.#priorities!.levelOf(index),
      ...pick({ locks, record }, 'locks', 'record'),
    })
    this.#storage = content.storage
    this.torrent.begin({ ...content, deferSample: true, sequential: this.#sequential }, metainfo)
  }

  /** Takes the rates, the group and the order of pieces from the options of the torrent. */
  apply({
    sequential,
    ...rates
  }: Pick<
    SessionTorrentOptions,
    'bandwidthPriority' | 'group' | 'honorsSessionLimits' | 'up' | 'down' | 'sequential'
  >): void {
    this.#rates.apply(rates)
    this.torrent.sequential = sequential
  }

  /** Locks the files that will be wanted. Rejects with ERR_LOCKED if another writer has one. */
  async lockSelection(priorities: FilePriorities): Promise<void> {
    const unseen = await this.#storage?.lockSelection?.(index => priorities.isWanted(index))
    if (unseen) this.emit('warning', unseen)
  }

  /** Changes which files are wanted, and their priorities. */
  reselect(priorities: FilePriorities): void {
    if (!this.#priorities) return
    this.#priorities = priorities
    this.torrent.reselect()
  }

  /** Bytes and times of this run. */
  get meter(): TransferMeter {
    return this.#meter
  }

  /** Measures bytes and times. @returns the bytes since the last call */
  measure(): Transferred {
    const { downloaded, uploaded, wasted } = this.torrent.counts
    return this.#meter.update({ downloaded, uploaded, wasted }, this.#activity, this.#context.clock.now())
  }

  /** Stops it. Resolves when trackers and peers are notified and all files are closed; never rejects. */
  async close(): Promise<void> {
    await this.torrent.close()
    this.#rates.close()
  }

  get #activity(): TransferActivity {
    const { state } = this.torrent
    if (state === 'metadata') return 'downloading'
    return state === 'downloading' || state === 'seeding' ? state : 'other'
  }
}
