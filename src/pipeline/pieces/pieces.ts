import { EventEmitter } from 'node:events'
import { Bitfield } from '../../codec/bitfield.ts'
import { formatAddress } from '../../codec/compact.ts'
import { InputError, type TsdlError } from '../../errors.ts'
import type { HashPool } from '../../hashing/hash-pool.ts'
import type { Metainfo } from '../../metainfo/metainfo.ts'
import type { Clock } from '../../ports/clock.ts'
import { pick } from '../../ports/pick.ts'
import type { ReadWindow } from '../../storage/storage.ts'
import type { ByteSource } from '../../streams/read/file-reader.ts'
import { closed } from '../../streams/stage.ts'
import type { Funnel } from '../../streams/torrent/funnel.ts'
import type { Peer } from '../peer/peer.ts'
import type { PeerTorrent } from '../peer/peer-context.ts'
import { PieceWaiters } from '../reading/piece-waiters.ts'
import { TrustedReads } from '../reading/trusted-reads.ts'
import { VerifiedReader } from '../reading/verified-reader.ts'
import { Completion } from '../resume/completion.ts'
import { findVerifiedPieces } from '../resume/find-verified-pieces.ts'
import { Recheck } from '../resume/recheck.ts'
import { ResumeSaver } from '../resume/resume-saver.ts'
import type { Reputation } from '../swarm/reputation.ts'
import { Suggestions } from '../upload/suggestions.ts'
import { SuperSeed } from '../upload/super-seed.ts'
import type { ContentOptions } from './content-options.ts'
import { PiecePipeline } from './piece-pipeline.ts'
import { missingBytes, wantedPieces } from './wanted.ts'

export interface PiecesOptions {
  readonly metainfo: Metainfo
  readonly content: ContentOptions
  /** Bytes for everything in flight. */
  readonly memory: number
  readonly superSeed: boolean
  readonly clock: Clock
  /** From 0 to below 1. */
  readonly random: () => number
  readonly reputation: Reputation
  /** Where the blocks of all peers and web seeds come in. */
  readonly funnel: Funnel
  /** Threads that hash files in the initial check. */
  readonly hashPool?: HashPool | undefined
  /** Aborted when the torrent ends. */
  readonly signal: AbortSignal
}

export interface PiecesEvents {
  /** So many pieces of what was there already were looked at. */
  checked: [pieces: number]
  /** A piece is verified and at rest, for the first time or again. */
  verified: [index: number]
  /** A piece that was verified is not there any more: another program changed its file. */
  lost: [index: number]
  /** A peer or a web seed, by name, gave wrong bytes too often. */
  banned: [name: string, reason: string]
  warning: [error: TsdlError]
  /** The storage failed. */
  failed: [error: Error]
}

/** The pieces of one torrent: which are verified, how the others come in, and their readers. */
export class Pieces extends EventEmitter<PiecesEvents> {
  readonly metainfo: Metainfo
  /** The pieces that are verified and at rest. */
  readonly verified: Bitfield
  readonly pipeline: PiecePipeline
  /** Whether a completed torrent has been confirmed at its paths. */
  complete = false
  #isChecked = false
  readonly #options: PiecesOptions
  readonly #window: ReadWindow | undefined
  /** Whether files are written; a seed leaves them as they are. */
  readonly #writes: boolean
  readonly #recheck: Recheck
  readonly #reads: TrustedReads
  readonly #completion: Completion
  readonly #resumeSaver: ResumeSaver
  readonly #waiting = new PieceWaiters()
  readonly #suggestions: Suggestions<never>
  readonly #superSeed: SuperSeed | undefined

  constructor(options: PiecesOptions) {
    super()
    const { metainfo, content, memory, clock, random, reputation, funnel, signal } = options
    const { pieceCount, pieceLength } = metainfo
    const { storage, select } = content
    const warning = (error: TsdlError) => this.emit('warning', error)
    const failed = (error: Error) => this.emit('failed', error)
    this.#options = options
    this.metainfo = metainfo
    this.verified = new Bitfield(pieceCount)
    this.#window = storage.window
    this.#writes = !select || metainfo.files.some((_, index) => select(index))
    this.#recheck = new Recheck({
      ...{ metainfo, storage, signal, warning, failed },
      verified: this.verified,
      kept: index => this.#waiting.wake(index),
      lost: index => this.#lose(index),
    })
    this.#reads = new TrustedReads(metainfo, storage, this.#recheck, clock)
    this.pipeline = new PiecePipeline({
      ...{ metainfo, storage, memory, random, reputation, funnel },
      wanted: content.wanted ?? wantedPieces(metainfo, select),
      verified: this.verified,
      ...pick(content, 'onDemand', 'sequential', 'sharedMemory'),
    })
    this.pipeline.on('verified', index => this.#add(index))
    this.pipeline.on('banned', (name, reason) => this.emit('banned', name, reason))
    closed(this.pipeline.writer).catch(failed)
    this.#completion = new Completion({
      ...{ storage, recheck: this.#recheck, writes: this.#writes },
      finished: () => this.finished,
    })
    this.#resumeSaver = new ResumeSaver({
      resume: content.resume,
      recheck: this.#recheck,
      savePartial: () => this.pipeline.savePartial(),
      failed: warning,
    })
    const { scheduler } = this.pipeline
    this.#suggestions = new Suggestions({
      ...{ pieceCount, pieceLength, random },
      copies: index => scheduler.copies(index),
    })
    if (options.superSeed) this.#superSeed = new SuperSeed({ source: scheduler, pieceCount, random })
  }

  /** True if verified pieces go to readers through a window, which paces the download. */
  get windowed(): boolean {
    return this.#window !== undefined
  }

  /** True if verified pieces can be read back later, and so can be given to peers. */
  get retains(): boolean {
    return this.#options.content.storage.retains ?? true
  }

  /** Whether every wanted piece is verified. */
  get finished(): boolean {
    return this.pipeline.left === 0 && !this.#options.content.onDemand
  }

  /** Whether the storage lacks descriptors, which connections could give back. */
  get isStarved(): boolean {
    return this.#options.content.storage.starved ?? false
  }

  /** Whether the download waits for peers, rather than for a disk or a reader. */
  get waitsForPeers(): boolean {
    const { cursors, scheduler } = this.pipeline
    return this.windowed || this.#options.content.onDemand ? cursors.isAwaited : !scheduler.isHeld
  }

  /** Bytes of the whole torrent that we lack, as trackers count. */
  get missing(): number {
    // what readers on demand have taken is gone
    if (!this.retains && this.#options.content.onDemand) return this.metainfo.length
    return missingBytes(this.metainfo, this.verified)
  }

  /** Whether all that is wanted is there, but not all of the torrent (BEP 21). */
  get isPartialSeed(): boolean {
    return this.missing > 0 && this.complete && this.pipeline.left === 0 && this.retains
  }

  /** True if a piece is wanted and not verified. */
  lacks(index: number): boolean {
    return this.pipeline.wanted.has(index) && !this.verified.has(index)
  }

  /** What peers need to know of the torrent. */
  get forPeers(): PeerTorrent {
    const { info, length, pieceCount, pieceLength } = this.metainfo
    const hidden = this.#superSeed !== undefined
    return {
      ...{ info, length, pieceCount, pieceLength },
      source: this.#superSeed ?? this.pipeline.scheduler,
      upload: {
        storage: this.#reads,
        // peers are promised nothing that is not retained
        has: index => this.retains && this.#recheck.trusts(index),
        announcedPieces: !this.retains || hidden ? new Bitfield(pieceCount) : this.verified,
        isSuperSeeding: hidden,
        isUploadOnly: () => this.complete && this.pipeline.left === 0,
        suggestions: this.#suggestions,
        // what another program changed is no failure of ours: it is read again
        onReadError: (error, index) => {
          if (this.#recheck.trusts(index)) this.emit('failed', error)
        },
      },
    }
  }

  /** Whether this piece is verified and at rest, and its files are not known to have changed since. */
  trusts(index: number): boolean {
    return this.#recheck.trusts(index)
  }

  /** Resolves once this piece is verified and at rest; rejects with what ended the torrent. */
  async whenVerified(index: number): Promise<void> {
    if (!Number.isInteger(index) || index < 0 || index >= this.metainfo.pieceCount)
      throw new InputError(
        'ERR_USAGE',
        `index: expected a piece from 0 to ${this.metainfo.pieceCount - 1}, got ${index}`,
      )
    if (!this.trusts(index)) await this.#waiting.wait(index)
  }

  /** Locks the files, and finds the pieces that are there already. */
  async check(): Promise<void> {
    const { metainfo } = this
    const { content, hashPool, signal } = this.#options
    const { resume, storage, trusted } = content
    const unseen = this.#writes ? await storage.lock?.() : undefined
    if (unseen) this.emit('warning', unseen)
    if (!this.retains) return
    const progress = (pieces: number) => this.emit('checked', pieces)
    const found = await findVerifiedPieces({
      ...{ metainfo, storage, resume, trusted, hashPool, signal, progress },
      partial: blocks => this.pipeline.loadPartial(blocks),
    })
    for (const index of found) {
      this.pipeline.addFound(index)
      this.#add(index)
    }
    this.#isChecked = true
  }

  /** Completes the files, and looks at each by its path. @returns false if pieces were lost meanwhile */
  async confirmAll(): Promise<boolean> {
    return this.#completion.run()
  }

  /** Looks at each file by its path once more. Rejects with ERR_CHANGED when pieces are missing. */
  confirm(): Promise<void> {
    return this.#completion.confirm()
  }

  /** Saves the resume record, once it is known what is there: until then the record says more. Never rejects. */
  async save(): Promise<void> {
    if (this.#isChecked) await this.#resumeSaver.write()
  }

  /** To be called now and then. */
  tick(now: number): void {
    this.pipeline.scheduler.fill(true)
    this.#recheck.tick()
    this.#resumeSaver.tick(now)
  }

  /** A peer is connected: what it gives is known by its address, and a super-seed shows it one piece at a time. */
  join(peer: Peer): void {
    this.pipeline.trust.names.set(peer.requester, formatAddress(peer.address))
    this.#superSeed?.join(peer.requester, index => peer.sendHave(index))
  }

  /**
   * The bytes from `start` to before `end`, counted from the torrent's start, each as soon as it is verified. They are
   * to be taken forward, one call at a time, and the source is to be closed. What is read soon is fetched first.
   */
  open(start: number, end: number): Required<ByteSource> {
    const { length, pieceLength } = this.metainfo
    if (!Number.isSafeInteger(end) || end < 0 || end > length)
      throw new InputError('ERR_USAGE', `end: expected a byte from 0 to ${length}, got ${end}`)
    if (!Number.isSafeInteger(start) || start < 0 || start > end)
      throw new InputError('ERR_USAGE', `start: expected a byte from 0 to ${end}, got ${start}`)
    const { cursors } = this.pipeline
    if (this.windowed && cursors.size >= cursors.room) {
      throw new InputError('ERR_BUSY', `${cursors.size} readers are as many as memory has room for`)
    }
    const cursor = cursors.open(Math.floor(start / pieceLength), Math.ceil(end / pieceLength))
    const moved = (position: number, waiting: boolean) =>
      cursors.move(cursor, Math.floor(position / pieceLength), waiting)
    const source: ByteSource = this.#window
      ? this.#window.open({ start, end, cursor: moved })
      : new VerifiedReader(this, this.#reads, moved)
    return {
      take: (position, length) => source.take(position, length),
      close: () => {
        source.close?.()
        cursors.close(cursor)
      },
    }
  }

  /** Nothing more comes in or is read. @param reason what readers are told */
  end(reason: Error): void {
    this.#waiting.end(reason)
    void this.#window?.close(reason)
  }

  /** Gives everything back. Rejects when the storage cannot be closed. */
  async close(): Promise<void> {
    await this.pipeline.close()
    await this.save()
    await this.#options.content.storage.close()
  }

  #add(index: number): void {
    this.verified.add(index)
    this.emit('verified', index)
    this.#waiting.wake(index)
  }

  #lose(index: number): void {
    this.pipeline.addLost(index)
    this.#resumeSaver.invalidate()
    this.emit('lost', index)
  }
}
