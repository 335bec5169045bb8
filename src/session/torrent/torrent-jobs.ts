import { InputError, StorageError } from '../../errors.ts'
import { failureOf } from './failure-of.ts'
import { FileJobs } from './file-jobs.ts'
import { Lane } from './lane.ts'
import type { SessionContext } from './session-context.ts'
import type { StoredTorrent } from './stored-torrent.ts'
import type { TorrentRunner } from './torrent-runner.ts'

/** A job of a torrent. `waiting`: it waits for the checks of other torrents. */
export type TorrentJob = 'waiting' | 'checking' | 'moving'

/** Maximum number of jobs of one torrent that run and wait. */
const MAX_JOBS = 100

/** Options of a move of files. */
export interface MoveOptions {
  /** True if the files are in the new directory already, so that only the record changes. @default false */
  readonly keepFiles?: boolean
}

/**
 * Jobs that check or change the files of one torrent, one after the other, in the order in which they were requested. A job
 * stops the run of the torrent while the run would conflict with it.
 */
export class TorrentJobs {
  /** The job that runs. */
  current: TorrentJob | undefined
  /** The checked part of the files, from 0 to 1. */
  checked = 0
  readonly #context: SessionContext
  readonly #stored: StoredTorrent
  readonly #runner: TorrentRunner
  readonly #lane: Lane
  readonly #files: FileJobs
  #abort = new AbortController()
  /** Why no job is accepted: the torrent is being removed, or its session closed. */
  #ending: StorageError | undefined
  readonly #jobs = new Lane()
  /** The jobs that run and wait. */
  #count = 0
  /** The check that has not begun, if there is one. */
  #nextCheck: Promise<void> | undefined

  constructor(context: SessionContext, stored: StoredTorrent, runner: TorrentRunner, lane: Lane) {
    this.#context = context
    this.#stored = stored
    this.#runner = runner
    this.#lane = lane
    this.#files = new FileJobs(context, stored)
  }

  /** @throws InputError ERR_BUSY while a job runs */
  mustBeIdle(): void {
    if (this.#count === 0) return
    const job = this.current === 'moving' ? 'moved' : 'checked'
    const { name } = this.#stored.record
    throw new InputError('ERR_BUSY', `${name}: its files are being ${job}: wait for that to end`)
  }

  /** See SessionTorrent. */
  recheck(): Promise<void> {
    // one that has not begun hashes the files of this moment too
    if (this.#nextCheck) return this.#nextCheck
    const check = this.#run('waiting', async signal => {
      await this.#hold()
      await this.#context.checks.add(async () => {
        signal.throwIfAborted()
        this.#nextCheck = undefined
        this.current = 'checking'
        await this.#files.check(signal, share => {
          this.checked = share
        })
      })
    }).finally(() => {
      // by now another one may wait
      if (this.#nextCheck === check) this.#nextCheck = undefined
    })
    this.#nextCheck = check
    return check
  }

  /** See SessionTorrent. */
  async move(to: string, { keepFiles }: Required<MoveOptions>): Promise<void> {
    if (this.#count === 0 && to === this.#stored.record.directory) return
    await this.#run('moving', async signal => {
      const { directory, link } = this.#stored.record
      if (to === directory) return
      if (keepFiles || link !== null) {
        await this.#hold()
        await this.#lane.add(() => this.#stored.save({ directory: to, paths: null }))
      } else {
        await this.#lane.add(() => this.#files.planMove(to))
        await this.#finishMove(to, signal)
      }
    })
  }

  /** See SessionTorrent. */
  async rename(path: string, name: string): Promise<void> {
    // its caller waits for the result, and a check may take hours
    this.mustBeIdle()
    await this.#run('moving', async () => {
      await this.#hold()
      await this.#lane.add(() => this.#files.rename(path, name))
    })
  }

  /** See SessionTorrent. */
  async remove(withData: boolean): Promise<void> {
    await this.end()
    this.#runner.isHeld = true
    try {
      await this.#lane.add(async () => {
        await this.#runner.halt()
        await this.#files.remove(withData)
      })
    } catch (error) {
      this.#ending = undefined
      this.#runner.isHeld = false
      this.#unsettle()
      throw failureOf(error)
    }
  }

  /** See SessionTorrent. */
  recover(): boolean {
    const { pending } = this.#stored.record
    if (pending?.kind === 'remove') return true
    if (pending === null) return false
    const job = this.#run('moving', async signal => {
      if (pending.kind === 'move') await this.#finishMove(pending.to, signal)
      if (pending.kind === 'clean') await this.#files.clean()
      if (pending.kind === 'rename') {
        await this.#hold()
        await this.#lane.add(() => this.#files.finishRename())
      }
    })
    job.catch(error => this.#context.events.emit('warning', this.#stored.record.id, failureOf(error)))
    return false
  }

  /** Aborts all jobs, and rejects later ones. Resolves when they have ended; never rejects. */
  async end(): Promise<void> {
    const { name } = this.#stored.record
    this.#ending = new StorageError('ERR_ABORTED', `${name}: the torrent was removed or its session closed`)
    this.#abort.abort(this.#ending)
    await this.#jobs.settled()
  }

  /** Moves the files after that was planned. Unless it is aborted, a failure leaves them where they were. */
  async #finishMove(to: string, signal: AbortSignal): Promise<void> {
    try {
      const { verifiedBytes, wantedBytes } = this.#stored.record
      const run = this.#stored.isRunKnown ? this.#runner.run : undefined
      // an incomplete torrent does not run meanwhile, because it would write to the files
      const isComplete = run ? run.torrent.complete : verifiedBytes === wantedBytes
      if (!isComplete) await this.#hold()
      await this.#files.copyAhead(to, signal)
      await this.#hold()
      await this.#lane.add(() => this.#files.move(to))
    } catch (error) {
      if (!signal.aborted) await this.#lane.add(() => this.#files.undoMove())
      throw error
    }
  }

  /** Stops the run until the job has ended. */
  async #hold(): Promise<void> {
    this.#runner.isHeld = true
    await this.#lane.add(() => this.#runner.halt())
  }

  /** Runs a job when those before it have ended. Rejects with ERR_BUSY if too many wait. */
  async #run(kind: TorrentJob, work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    if (this.#ending) throw this.#ending
    const { name } = this.#stored.record
    if (this.#count >= MAX_JOBS)
      throw new InputError('ERR_BUSY', `${name}: ${MAX_JOBS} changes of its files wait already`)
    if (this.#count++ === 0) {
      this.#abort = new AbortController()
      this.#begin(kind)
    }
    const { signal } = this.#abort
    await this.#jobs.add(async () => {
      try {
        signal.throwIfAborted()
        if (!this.current) this.#begin(kind)
        await work(signal)
      } catch (error) {
        throw failureOf(error)
      } finally {
        this.current = undefined
        // the next job stops the run again
        if (--this.#count === 0) this.#runner.isHeld = false
        this.#unsettle()
      }
    })
  }

  #begin(kind: TorrentJob): void {
    this.current = kind
    this.checked = 0
    this.#unsettle()
  }

  #unsettle(): void {
    this.#context.events.emit('changed', this.#stored.record.id)
    this.#context.events.emit('unsettled')
  }
}
