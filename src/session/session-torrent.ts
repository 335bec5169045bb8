import { resolve } from 'node:path'
import { checkArgument, checkRequired } from '../codec/check-arguments.ts'
import { formatAddress, parseAddress } from '../codec/compact.ts'
import { InputError } from '../errors.ts'
import type { Metainfo } from '../metainfo/metainfo.ts'
import type { Bottleneck } from '../pipeline/diagnosis/bottleneck.ts'
import type { Torrent } from '../pipeline/torrent.ts'
import { listTorrentFiles, type SessionFile } from './files/torrent-files.ts'
import { readChanges } from './records/fields.ts'
import { FilePriorities, type FilePriority } from './records/file-priorities.ts'
import { type SessionTorrentOptions, TORRENT_OPTIONS, type TorrentRecord } from './records/torrent-record.ts'
import type { Queued } from './rules/queue.ts'
import { failureOf } from './torrent/failure-of.ts'
import { Lane } from './torrent/lane.ts'
import type { SessionContext } from './torrent/session-context.ts'
import { type SessionTorrentStatus, sessionStatusOf } from './torrent/session-torrent-status.ts'
import { type StoredSource, StoredTorrent } from './torrent/stored-torrent.ts'
import { type MoveOptions, TorrentJobs } from './torrent/torrent-jobs.ts'
import { parsePieces, type SessionProgress, sessionProgressOf } from './torrent/torrent-progress.ts'
import { TorrentRunner } from './torrent/torrent-runner.ts'

/** Options that a run takes at its start only. */
const START_OPTIONS = ['maxPeers', 'peers', 'trackers'] as const

/**
 * A torrent of a session: what is remembered of it, and its run in the client while the queue lets it run.
 *
 * A method that changes something resolves when the change is on the device, and rejects with a StorageError if it cannot
 * be saved; nothing has changed then.
 */
export class SessionTorrent implements Queued {
  readonly id: number
  /** In lower-case hex. */
  readonly infoHash: string
  readonly #context: SessionContext
  readonly #stored: StoredTorrent
  readonly #runner: TorrentRunner
  readonly #jobs: TorrentJobs
  readonly #lane = new Lane()
  /** @internal */
  constructor(context: SessionContext, record: TorrentRecord) {
    checkArgument('context', context, 'object')
    checkArgument('record', record, 'object')
    this.id = record.id
    this.infoHash = record.infoHash
    this.#context = context
    this.#stored = new StoredTorrent(context, record)
    this.#runner = new TorrentRunner(context, this.#stored, this.#lane)
    this.#jobs = new TorrentJobs(context, this.#stored, this.#runner, this.#lane)
  }

  /** The remembered state, without the counters of the present run. */
  get record(): TorrentRecord {
    return this.#stored.record
  }

  /** The name, which is that of its file or directory. */
  get name(): string {
    return this.record.name
  }

  /** The torrent in the client while it runs: its peers, trackers and readers. */
  get torrent(): Torrent | undefined {
    return this.#runner.run?.torrent
  }

  /** The present activity of the torrent. */
  get status(): SessionTorrentStatus {
    return sessionStatusOf(this.#jobs.current, this.torrent?.state, this.intent)
  }

  /** True while its files are being moved. */
  get isMoving(): boolean {
    return this.#jobs.current === 'moving'
  }

  /** The checked part of the files while `status` is `checking`, from 0 to 1. */
  get checked(): number {
    return this.#jobs.current === 'checking' ? this.#jobs.checked : (this.#runner.run?.checked ?? 0)
  }

  /** The failure that stopped it, until it is started again. */
  get error(): { readonly code: string; readonly message: string } | undefined {
    return this.record.error ?? undefined
  }

  /** Numbers that describe how far it is. */
  get progress(): SessionProgress {
    return sessionProgressOf(this.record, this.#runner.run)
  }

  /** What limits its download now; undefined while it does not run. */
  get bottleneck(): Bottleneck | undefined {
    return this.torrent?.bottleneck
  }

  /** True if every wanted piece is verified and stored. */
  get isComplete(): boolean {
    const { fileCount, verifiedBytes, wantedBytes } = this.record
    if (this.#stored.isRunKnown) return this.torrent!.complete
    return fileCount > 0 && verifiedBytes === wantedBytes
  }

  /** See Queued. */
  get order(): number {
    return this.record.order
  }

  /** See Queued. */
  get intent(): TorrentRecord['intent'] {
    return this.record.intent
  }

  /** See Queued. */
  get isDownload(): boolean {
    return !this.isComplete
  }

  /** See Queued. */
  get isRunning(): boolean {
    return this.#runner.run !== undefined
  }

  /** See Queued. */
  get isStalled(): boolean {
    return this.#runner.isStalled
  }

  /** Starts it, as soon as the queue has a place. @param force true to start it in any case */
  start({ force = false }: { readonly force?: boolean } = {}): Promise<void> {
    return this.#change({
      ...{
        intent: force ? 'forced' : 'started',
        isFinished: false,
        error: null,
        startedAt: this.#context.now(),
      },
      // its files are missing, and the caller knows that
      ...(this.error?.code === 'ERR_CHANGED' ? { haveBytes: 0, verifiedBytes: 0, pieces: 'none' } : {}),
    })
  }

  /** Stops it. */
  stop(): Promise<void> {
    return this.#change({ intent: 'stopped' })
  }

  /** Changes options. They take effect at once. Rejects with an InputError that names an unknown or invalid one. */
  async set(options: Partial<SessionTorrentOptions>): Promise<void> {
    const changes = readChanges(TORRENT_OPTIONS, options, 'options')
    await this.#lane.add(async () => {
      await this.#stored.save(changes)
      this.#runner.run?.apply(this.record)
      if (START_OPTIONS.some(key => key in changes)) await this.#runner.halt()
    })
    this.#unsettle()
  }

  /** Changes the number that says where it is in the queue: see `Session.queue`. */
  setOrder(order: number): Promise<void> {
    return this.#change({ order })
  }

  /**
   * Changes the priority of files, by index. It takes effect at once. Rejects with ERR_USAGE for an
   * unknown index, and with ERR_LOCKED if another torrent or process writes such a file.
   */
  async setPriority(indices: Iterable<number>, priority: FilePriority): Promise<void> {
    checkArgument('indices', indices, 'iterable')
    await this.#lane.add(async () => {
      if (this.isMoving) this.#jobs.mustBeIdle()
      const { fileCount, link, priorities: record } = this.record
      const chosen = [...indices]
      const metainfo = link === null ? await this.loadMetainfo() : undefined
      const count = metainfo ? fileCount : 500_000
      const unknown = chosen.find(index => !(Number.isSafeInteger(index) && index >= 0 && index < count))
      if (unknown !== undefined)
        throw new InputError('ERR_USAGE', `file ${unknown}: the torrent has ${fileCount} files`)
      const priorities = new FilePriorities(count, record)
      for (const index of chosen) priorities.set(index, priority)
      if (priority !== 'off') await this.#runner.run?.lockSelection(priorities)
      await this.#stored.savePriorities(priorities, metainfo)
      this.#runner.run?.reselect(priorities)
    })
    this.#unsettle()
  }

  /** Returns the metainfo with the paths on disk. Rejects with ERR_USAGE while it is not known. */
  loadMetainfo(): Promise<Metainfo> {
    return this.#stored.loadMetainfo()
  }

  /** Lists its files, without padding. Rejects with ERR_USAGE while the metadata is not known. */
  async listFiles(): Promise<SessionFile[]> {
    const list = await this.#stored.loadFileList()
    const { pieces, priorities } = this.record
    const verified = this.#stored.isRunKnown ? this.torrent!.verified : parsePieces(pieces, list.pieceCount)
    return listTorrentFiles(list, verified, new FilePriorities(list.fileCount, priorities))
  }

  /**
   * Hashes all files again; checks of several torrents wait for each other. Resolves when that is done. Rejects with a
   * StorageError. Checks and moves of a torrent wait for each other; ERR_BUSY if a hundred of them wait.
   */
  async recheck(): Promise<void> {
    await this.#jobs.recheck()
  }

  /**
   * Moves its files to another directory, and to another file system too: they are shared meanwhile if they are
   * complete. After a crash the move continues. Resolves when it is done. Waits for other jobs, as `recheck` does. Rejects
   * with a StorageError after the files are back in their old place. With `keepFiles` the files are in the new directory
   * already, and only the record changes.
   */
  async move(directory: string, { keepFiles = false }: MoveOptions = {}): Promise<void> {
    checkArgument('directory', directory, 'text')
    await this.#jobs.move(resolve(directory), { keepFiles })
  }

  /**
   * Renames a file or a directory of it on disk. Rejects with ERR_PATH for a path that it does not have or an invalid name,
   * with ERR_BUSY while its files are checked or moved, and with a StorageError.
   * @param path relative to its directory, with `/`
   */
  async rename(path: string, name: string): Promise<void> {
    checkArgument('path', path, 'text')
    checkArgument('name', name, 'string')
    await this.#jobs.rename(path, name)
  }

  /** Takes the trackers and peers of another source of it. Rejects with a StorageError. */
  async addSource(source: StoredSource): Promise<void> {
    checkArgument('source', source, 'object')
    checkRequired(source, { trackers: 'array', peers: 'array' })
    this.torrent?.addSource({ trackers: source.trackers, peers: source.peers.map(parseAddress) })
    await this.#lane.add(() => this.#stored.addSource(source))
  }

  /** Takes the trackers and peers of another torrent that turned out to be this one. Rejects with a StorageError. */
  async merge(other: SessionTorrent): Promise<void> {
    const dialled = other.torrent?.peers.filter(({ incoming }) => !incoming) ?? []
    const { peers, trackers } = await other.#stored.loadStoredSource()
    await this.addSource({
      trackers,
      peers: [...peers, ...dialled.map(({ address }) => formatAddress(address))],
    })
  }

  /** Forgets it, and deletes its files if `withData`. Called by the session. Rejects with a StorageError. */
  async remove({ withData }: { readonly withData: boolean }): Promise<void> {
    await this.#jobs.remove(withData)
  }

  /** Goes on with a change of files that a crash cut short. Called by the session. @returns true if it is to be removed */
  recover(): boolean {
    return this.#jobs.recover()
  }

  /** Lets it run, or not. Called by the session. */
  schedule(shouldRun: boolean): void {
    this.#runner.schedule(shouldRun)
  }

  /** Counts bytes and times, and applies the seed rules. Called by the session every second. */
  measure(): void {
    this.#runner.measure()
  }

  /** Saves what has changed since the last save. Called by the session. Never rejects. */
  async save(): Promise<void> {
    await this.#lane.add(() => this.#stored.saveIfDirty()).catch(error => this.#warn(error))
  }

  /** Stops the run and saves; what the user wants is kept. Called by the session. Never rejects. */
  async close(): Promise<void> {
    await this.#jobs.end()
    this.schedule(false)
    await this.#lane.add(async () => {
      await this.#runner.halt()
      await this.#stored.saveIfDirty().catch(error => this.#warn(error))
    })
  }

  async #change(changes: Partial<TorrentRecord>): Promise<void> {
    await this.#lane.add(() => this.#stored.save(changes))
    this.#unsettle()
  }

  #warn(error: unknown): void {
    this.#context.events.emit('warning', this.id, failureOf(error))
  }

  #unsettle(): void {
    this.#context.events.emit('changed', this.id)
    this.#context.events.emit('unsettled')
  }
}
