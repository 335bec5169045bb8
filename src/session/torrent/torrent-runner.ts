import { formatAddress } from '../../codec/compact.ts'
import { lacksLayers } from '../../metainfo/piece-layers.ts'
import type { BottleneckKind } from '../../pipeline/diagnosis/bottleneck.ts'
import { MergedTorrentError } from '../../pipeline/merged-torrent-error.ts'
import { endOfSharing, type SeedRule, seedLimit } from '../rules/seed-rules.ts'
import { failureOf } from './failure-of.ts'
import type { Lane } from './lane.ts'
import type { ContextEvents, SessionContext } from './session-context.ts'
import type { StoredTorrent } from './stored-torrent.ts'
import { sessionProgressOf } from './torrent-progress.ts'
import { TorrentRun } from './torrent-run.ts'

/**
 * Starts and stops the runs of one torrent, as the queue says, and takes over what they have counted. All that changes a
 * run is done in the lane of the torrent, one after the other.
 */
export class TorrentRunner {
  /** True while a job changes its files: it does not run then. */
  isHeld = false
  /** True if it runs and moved no bytes for long. */
  isStalled = false
  readonly #context: SessionContext
  readonly #stored: StoredTorrent
  readonly #lane: Lane
  #shouldRun = false
  /**
   * The addresses that the last run had dialled, for the run that follows it. That run dials them and clears the list.
   */
  #knownPeers: readonly string[] = []
  /** The kind that was reported last, and that of the last measurement. */
  #bottleneck: BottleneckKind = 'none'
  #nextBottleneck: BottleneckKind = 'none'

  constructor(context: SessionContext, stored: StoredTorrent, lane: Lane) {
    this.#context = context
    this.#stored = stored
    this.#lane = lane
  }

  /** The present run. */
  get run(): TorrentRun | undefined {
    return this.#stored.run
  }

  /** Lets it run, or not. */
  schedule(shouldRun: boolean): void {
    this.#shouldRun = shouldRun
    if (shouldRun !== (this.run !== undefined)) void this.#lane.add(() => this.reconcile())
  }

  /** Starts or stops the run, until it is as the queue says. To be called in the lane; never rejects. */
  async reconcile(): Promise<void> {
    while (this.#shouldRun !== (this.run !== undefined) && !this.isHeld) {
      if (this.#shouldRun) await this.#begin()
      else await this.halt()
      this.#emit('changed')
    }
  }

  /** Stops the run, and takes over what it has counted. To be called in the lane; never rejects. */
  async halt(): Promise<void> {
    const { run } = this
    if (!run) return
    this.#context.events.emit('transferred', run.measure())
    const pieces = this.#stored.piecesOf(run)
    const dialled = this.#shouldRun ? run.torrent.peers.filter(({ incoming }) => !incoming) : []
    this.#knownPeers = dialled.map(({ address }) => formatAddress(address))
    await run.close()
    this.#stored.takeOver(run, pieces)
    this.#stored.run = undefined
    this.isStalled = false
    await this.#stored.saveIfDirty().catch(error => this.#warn(error))
  }

  /** Counts bytes and times, and applies the seed rules. */
  measure(): void {
    const { run } = this
    if (!run) return
    const bytes = run.measure()
    if (bytes.downloaded > 0 || bytes.uploaded > 0) this.#stored.noteActivity()
    this.#context.events.emit('transferred', bytes)
    this.#watchBottleneck(run)
    const { stalled } = this.#context.stored.settings
    const isStalled = stalled.enabled && run.meter.idleTime(this.#context.clock.now()) >= stalled.value
    if (isStalled !== this.isStalled) {
      this.isStalled = isStalled
      this.#unsettle()
    }
    const rule = run.torrent.state === 'seeding' ? this.#endOfSharing(run) : undefined
    if (rule) this.#during(run, () => this.#finish(rule))
  }

  /** Reports another bottleneck once it has been measured twice. */
  #watchBottleneck({ torrent }: TorrentRun): void {
    if (torrent.complete) return
    const { bottleneck } = torrent
    const { kind } = bottleneck
    if (kind === this.#nextBottleneck && kind !== this.#bottleneck) {
      this.#bottleneck = kind
      this.#emit('bottleneck', bottleneck)
    }
    this.#nextBottleneck = kind
  }

  /** Stops the torrent because of an error. To be called in the lane; never rejects. */
  async fail(error: unknown): Promise<void> {
    const failure = failureOf(error)
    const isMerged = failure instanceof MergedTorrentError
    if (isMerged) this.#emit('merged', failure)
    await this.halt()
    this.#shouldRun = false
    this.#knownPeers = []
    const { code, message } = failure
    await this.#stored.saveEssential({ intent: 'stopped', error: { code, message } })
    if (!isMerged) this.#emit('failed', failure)
    this.#unsettle()
  }

  async #begin(): Promise<void> {
    try {
      const source = await this.#stored.loadSource()
      const { record } = this.#stored
      const peers = [...new Set([...record.peers, ...this.#knownPeers])]
      this.#knownPeers = []
      const run = await TorrentRun.start(this.#context, source, { ...record, peers })
      this.#stored.run = run
      run.on('metadata', metainfo => this.#during(run, () => this.#stored.takeMetainfo(run, metainfo)))
      run.on('started', () => this.#onStarted(run))
      run.on('done', () => this.#during(run, () => this.#complete()))
      run.on('warning', error => this.#warn(error))
      run.on('failed', error => this.#during(run, () => Promise.reject(error)))
      if ('hashes' in source && !lacksLayers(source)) await this.#stored.beginContent(run, source)
    } catch (error) {
      await this.fail(error)
    }
  }

  /** Runs `work` in its turn, if the run has not ended until then. A failure of `work` stops the torrent. */
  #during(run: TorrentRun, work: () => Promise<void>): void {
    void this.#lane.add(async () => {
      if (this.run === run) await work().catch(error => this.fail(error))
      this.#unsettle()
    })
  }

  #onStarted(run: TorrentRun): void {
    const failure = this.#stored.findLoss(run)
    if (failure) run.torrent.destroy(failure)
    else this.#unsettle()
  }

  async #complete(): Promise<void> {
    const isFirst = this.#stored.record.doneAt === 0
    await this.#stored.saveEssential(isFirst ? { doneAt: this.#context.now() } : {})
    if (isFirst) this.#emit('completed')
  }

  #endOfSharing(run: TorrentRun): SeedRule | undefined {
    const { record } = this.#stored
    const settings = this.#context.stored.settings
    const limitOf = (rule: 'seedRatio' | 'seedIdle' | 'seedTime') => seedLimit(record[rule], settings[rule])
    const { ratio, seedingTime } = sessionProgressOf(record, run)
    return endOfSharing(
      { ratio, idleTime: run.meter.unsentTime(this.#context.clock.now()), seedingTime },
      { ratio: limitOf('seedRatio'), idleTime: limitOf('seedIdle'), seedingTime: limitOf('seedTime') },
    )
  }

  async #finish(rule: SeedRule): Promise<void> {
    if (this.#stored.record.intent === 'stopped') return
    await this.#stored.saveEssential({ intent: 'stopped', isFinished: true })
    this.#emit('finished', rule)
  }

  #warn(error: unknown): void {
    this.#emit('warning', failureOf(error))
  }

  #unsettle(): void {
    this.#emit('changed')
    this.#context.events.emit('unsettled')
  }

  #emit<E extends 'bottleneck' | 'changed' | 'completed' | 'failed' | 'finished' | 'merged' | 'warning'>(
    event: E,
    ...rest: ContextEvents[E] extends [number, ...infer R] ? R : never
  ): void {
    const { events } = this.#context as { events: { emit(event: string, ...values: unknown[]): void } }
    events.emit(event, this.#stored.record.id, ...rest)
  }
}
