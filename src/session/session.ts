import { EventEmitter } from 'node:events'
import PQueue from 'p-queue'
import { checkArgument, checkOptions, checkRequired } from '../codec/check-arguments.ts'
import { InputError } from '../errors.ts'
import { defaultHashThreads, HashPool } from '../hashing/hash-pool.ts'
import { loadSource, type TorrentSource } from '../pipeline/sources/torrent-source.ts'
import { systemClock, type Timer } from '../ports/clock.ts'
import { nodeFileSystem } from '../ports/file-system.ts'
import { pick } from '../ports/pick.ts'
import { checkDataOwner } from './data-owner.ts'
import { AllowedDirectories } from './files/allowed-directories.ts'
import { forwardTorrentEvents } from './forward-torrent-events.ts'
import type { SessionSettings, SessionTotals } from './records/session-record.ts'
import { AlternativeTimes } from './rules/alternative-times.ts'
import { SessionBlocklist } from './session-blocklist.ts'
import {
  DuplicateTorrentError,
  SESSION_OPTION_KINDS,
  type SessionEvents,
  type SessionOptions,
} from './session-options.ts'
import { SessionTorrent } from './session-torrent.ts'
import type { StoredState } from './store/state-store.ts'
import { readSettings, StoredSession } from './stored-session.ts'
import { failureOf } from './torrent/failure-of.ts'
import {
  infoHashOf,
  type NewTorrentOptions,
  newTorrentRecord,
  readNewTorrentOptions,
  saveNewTorrent,
} from './torrent/new-torrent.ts'
import type { SessionContext } from './torrent/session-context.ts'
import { SessionRates } from './torrent/session-rates.ts'
import { storedSourceOf } from './torrent/stored-torrent.ts'
import type { MoveOptions } from './torrent/torrent-jobs.ts'
import { TorrentMerging } from './torrent-merging.ts'
import { TorrentQueue } from './torrent-queue.ts'
import { TorrentRegistry } from './torrent-registry.ts'

/** Milliseconds between two measurements of the torrents, while any runs and while none does. */
const MEASURE_INTERVAL_MS = 1000
const IDLE_INTERVAL_MS = 15_000
/** Milliseconds after which changed counters are saved. A crash loses that much of them. */
const SAVE_INTERVAL_MS = 300_000

/**
 * Many torrents, remembered across restarts and crashes: a queue decides which of them run in the client, with limits,
 * schedules and seed rules. Everything that `tsdl daemon` does is done here.
 */
export class Session extends EventEmitter<SessionEvents> {
  readonly #options: SessionOptions
  readonly #context: SessionContext
  readonly #rates: SessionRates
  readonly #directories: AllowedDirectories
  readonly #hashPool: HashPool | undefined
  readonly #torrents: TorrentRegistry
  /** Additions that are not saved yet, by info-hash. */
  readonly #adding = new Map<string, Promise<unknown>>()
  /** The order in which torrents start. */
  readonly queue: TorrentQueue
  /** The blocklist. */
  readonly blocklist: SessionBlocklist
  readonly #startedAt: number
  readonly #stored: StoredSession
  readonly #times = new AlternativeTimes()
  #isUnsettled = false
  #timer: Timer | undefined
  #savedAt: number
  #closing: Promise<void> | undefined

  private constructor(options: SessionOptions, state: StoredState) {
    super()
    checkRequired({ options, state }, { options: 'object', state: 'object' })
    const { client, clock = systemClock, fs = nodeFileSystem, names = {}, now = Date.now, store } = options
    const { hashThreads = defaultHashThreads() } = options
    this.#options = options
    this.#rates = new SessionRates(clock)
    this.#directories = new AllowedDirectories(options.roots, fs)
    if (hashThreads > 0) this.#hashPool = new HashPool({ threads: hashThreads })
    this.#stored = new StoredSession(store, state, options.directory)
    const checks = new PQueue({ concurrency: 1 })
    this.#context = {
      ...{ client, clock, fs, names, now, store, events: new EventEmitter(), rates: this.#rates },
      ...{ locks: options.locks, torrentOptions: options.torrentOptions ?? {} },
      ...{ hashPool: this.#hashPool, stored: this.#stored },
      checks: { add: work => checks.add(work) },
    }
    this.#torrents = new TorrentRegistry(client)
    this.blocklist = new SessionBlocklist(this.#context, options.http)
    this.#startedAt = this.#savedAt = clock.now()
    this.queue = new TorrentQueue(this.#torrents)
    for (const record of state.torrents) this.#torrents.add(new SessionTorrent(this.#context, record))
    const { events } = this.#context
    forwardTorrentEvents(events, this, id => this.#torrents.get(id))
    new TorrentMerging(this, this.#torrents).listen(events)
    events.on('unsettled', () => this.#unsettle())
    events.on('transferred', ({ downloaded, uploaded }) => this.#stored.count({ downloaded, uploaded }))
  }

  /**
   * Opens the store, and starts the torrents that ran. Damaged records are `warning` events of the next turn.
   *
   * Rejects with a StorageError if the store cannot be read, ERR_LOCKED if another session has it, ERR_RECORD if a newer
   * version wrote it, and with an InputError for an invalid option.
   */
  static async open(options: SessionOptions): Promise<Session> {
    checkOptions(options, SESSION_OPTION_KINDS)
    const state = await options.store.open()
    try {
      const session = new Session(options, state)
      const warnings = [...state.warnings, ...(await session.blocklist.open())]
      await session.set(options.settings ?? {})
      for (const warning of warnings) setImmediate(() => session.#warn(warning))
      session.#recover()
      session.#unsettle()
      return session
    } catch (error) {
      await options.store.close()
      throw error
    }
  }

  /** The torrents, in the order in which they were added. */
  get torrents(): readonly SessionTorrent[] {
    return this.#torrents.all
  }

  /** The present settings. */
  get settings(): SessionSettings {
    return this.#stored.settings
  }

  /** Numbers since the session was created; `runningTime` includes the present run. */
  get totals(): SessionTotals {
    const { totals } = this.#stored
    return { ...totals, runningTime: totals.runningTime + this.runningTime }
  }

  /** Milliseconds since the session was opened. */
  get runningTime(): number {
    return Math.round(this.#context.clock.now() - this.#startedAt)
  }

  /** Returns a torrent by its number, or its info-hash in hex. */
  get(key: number | string): SessionTorrent | undefined {
    return this.#torrents.get(key)
  }

  /**
   * Adds a torrent, and starts it as the queue allows. Resolves when it is saved.
   *
   * Rejects with an InputError if the source is not a torrent or an option is invalid, and with a StorageError if it
   * cannot be saved. Rejects with a DuplicateTorrentError if the session has the torrent already: the existing torrent
   * gets the trackers and peers of this source.
   */
  async add(source: TorrentSource, options: NewTorrentOptions = {}): Promise<SessionTorrent> {
    const { headers, ...own } = readNewTorrentOptions(options)
    const { fs, names } = this.#context
    const { client, http } = this.#options
    const parsed = await loadSource(source, {
      ...{ ...names, fs },
      ...pick({ family: client.family, headers, http }, 'family', 'headers', 'http'),
    })
    const infoHash = infoHashOf(parsed)
    await this.#adding.get(infoHash)?.catch(() => {})
    const present = this.#torrents.find(parsed)
    if (present) {
      await present.addSource(storedSourceOf(parsed, own))
      throw new DuplicateTorrentError(present)
    }
    if (this.#closing) throw new InputError('ERR_USAGE', 'add: this session is closed')
    const place = { id: this.#stored.takeId(), order: this.queue.nextOrder, addedAt: this.#context.now() }
    const record = newTorrentRecord(parsed, own, this.settings, place, this.#context.names)
    await this.#directories.check(record.directory)
    const saving = saveNewTorrent(this.#context.store, parsed, record)
    this.#adding.set(infoHash, saving)
    try {
      await saving
    } finally {
      this.#adding.delete(infoHash)
    }
    const torrent = new SessionTorrent(this.#context, record)
    this.#torrents.add(torrent)
    this.#stored.count({ added: 1 })
    this.emit('added', torrent)
    this.#unsettle()
    return torrent
  }

  /**
   * Removes a torrent. Resolves when it is forgotten, and its files are deleted if `withData`. Rejects with a StorageError,
   * and with ERR_BUSY if its data is that of another torrent too.
   */
  async remove(torrent: SessionTorrent, { withData = false } = {}): Promise<void> {
    checkArgument('torrent', torrent, 'object')
    if (this.#torrents.get(torrent.infoHash) !== torrent) return
    if (withData) checkDataOwner(torrent, this.torrents)
    await torrent.remove({ withData })
    this.#torrents.delete(torrent)
    this.emit('removed', torrent, withData)
    this.#unsettle()
  }

  /** Moves the files of a torrent to another directory: see `SessionTorrent.move`. */
  async move(torrent: SessionTorrent, directory: string, options: MoveOptions = {}): Promise<void> {
    checkArgument('torrent', torrent, 'object')
    await this.#directories.check(directory)
    await torrent.move(directory, options)
  }

  /** Changes settings. They take effect at once. Rejects with an InputError that names an unknown or invalid one. */
  async set(settings: Partial<SessionSettings>): Promise<void> {
    const changes = readSettings(settings)
    if (changes.directory !== undefined) await this.#directories.check(changes.directory)
    for (const path of Object.values(changes.categories ?? {})) if (path) await this.#directories.check(path)
    await this.#stored.set(changes)
    if ('alternativeTimes' in changes) this.#times.reset()
    await this.#applyTimes()
    this.#rates.apply(this.settings)
    this.blocklist.apply(this.settings)
    this.emit('settings', this.settings)
    this.#unsettle()
  }

  /** Stops all torrents, saves and gives the store back. What the user wants is kept. Idempotent; never rejects. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    const { clock, store } = this.#context
    clock.clearTimeout(this.#timer)
    this.blocklist.close()
    await Promise.allSettled(this.#adding.values())
    await Promise.all(this.torrents.map(torrent => torrent.close()))
    this.#stored.count({ runningTime: this.runningTime })
    await this.#save()
    this.#rates.close()
    await this.#hashPool?.close()
    await store.close()
  }

  /** Goes on with changes of files that a crash cut short. */
  #recover(): void {
    for (const torrent of this.torrents)
      if (torrent.recover()) this.remove(torrent, { withData: true }).catch(error => this.#warn(error))
  }

  /** Decides in this turn of the event loop which torrents run, after all that changes it. */
  #unsettle(): void {
    if (this.#isUnsettled || this.#closing) return
    this.#isUnsettled = true
    queueMicrotask(() => {
      this.#isUnsettled = false
      if (this.#closing) return
      this.queue.settle(this.settings)
      this.#arm()
    })
  }

  #arm(): void {
    const { clock } = this.#context
    const isIdle = !this.torrents.some(({ isRunning }) => isRunning)
    clock.clearTimeout(this.#timer)
    this.#timer = clock.setTimeout(() => this.#measure(), isIdle ? IDLE_INTERVAL_MS : MEASURE_INTERVAL_MS)
  }

  #measure(): void {
    for (const torrent of this.torrents) torrent.measure()
    this.#applyTimes().catch(error => this.#warn(error))
    const now = this.#context.clock.now()
    if (now - this.#savedAt >= SAVE_INTERVAL_MS) {
      this.#savedAt = now
      void this.#saveAll()
    }
    if (!this.#closing) this.#arm()
  }

  /** Switches the alternative rates when their time begins or ends. */
  async #applyTimes(): Promise<void> {
    const isTime = this.#times.update(this.settings, this.#context.now())
    if (isTime !== undefined)
      await this.set({ alternative: { ...this.settings.alternative, enabled: isTime } })
  }

  async #saveAll(): Promise<void> {
    for (const torrent of this.torrents) await torrent.save()
    if (!this.#closing) await this.#save()
  }

  async #save(): Promise<void> {
    await this.#stored.save().catch(error => this.#warn(error))
  }

  #warn(error: unknown): void {
    this.emit('warning', failureOf(error), undefined)
  }
}
