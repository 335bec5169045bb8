import { EventEmitter } from 'node:events'
import { Bitfield } from '../../codec/bitfield.ts'
import { formatAddress } from '../../codec/compact.ts'
import { InputError, type TsdlError } from '../../errors.ts'
import type { HashPool } from '../../hashing/hash-pool.ts'
import type { Metainfo } from '../../metainfo/metainfo.ts'
import type { Clock } from '../../ports/clock.ts'
import { pick } from '../../ports/pick.ts'
import type { ByteSource } from '../../streams/read/file-reader.ts'
import { closed } from '../../streams/stage.ts'
import type { Funnel } from '../../streams/torrent/funnel.ts'
import type { Peer } from '../peer/peer.ts'
import type { PeerTorrent } from '../peer/peer-context.ts'
import { PieceWaiters } from '../reading/piece-waiters.ts'
import { TrustedReads } from '../reading/trusted-reads.ts'
import { Completion } from '../resume/completion.ts'
import { findVerifiedPieces } from '../resume/find-verified-pieces.ts'
import { Recheck } from '../resume/recheck.ts'
import { ResumeSaver } from '../resume/resume-saver.ts'
import type { Reputation } from '../swarm/reputation.ts'
import type { ContentOptions } from './content-options.ts'
import { PiecePipeline } from './piece-pipeline.ts'
import { PieceReaders } from './piece-readers.ts'
import { PieceUpload } from './piece-upload.ts'
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
  /** The input for the blocks of all peers and web seeds. */
  readonly funnel: Funnel
  /** Threads that hash files in the initial check. */
  readonly hashPool?: HashPool | undefined
  /** Aborted when the torrent ends. */
  readonly signal: AbortSignal
}

export interface PiecesEvents {
  /** This many pieces have been read and hashed at the start. */
  checked: [pieces: number]
  /** A piece is verified and stored, for the first time or again. */
  verified: [index: number]
  /** A verified piece was lost: another program changed its file. */
  lost: [index: number]
  /** A peer or a web seed, by name, sent wrong bytes too often. */
  banned: [name: string, reason: string]
  warning: [error: TsdlError]
  /** The storage failed. */
  failed: [error: Error]
}

/** The pieces of one torrent: the verified ones, the chain that downloads the others, and their readers. */
export class Pieces extends EventEmitter<PiecesEvents> {
  readonly metainfo: Metainfo
  /** The pieces that are verified and stored. */
  readonly verified: Bitfield
  readonly pipeline: PiecePipeline
  /** True once every wanted piece was confirmed at its path. */
  complete = false
  #isChecked = false
  readonly #options: PiecesOptions
  /** False for a seed, which leaves its files as they are. */
  readonly #writes: boolean
  readonly #recheck: Recheck
  readonly #completion: Completion
  readonly #resumeSaver: ResumeSaver
  readonly #waiting = new PieceWaiters()
  readonly #upload: PieceUpload
  readonly #readers: PieceReaders

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
    this.#writes = !select || metainfo.files.some((_, index) => select(index))
    this.#recheck = new Recheck({ metainfo, storage, signal, verified: this.verified })
    this.#recheck.on('confirmed', index => this.#waiting.wake(index))
    this.#recheck.on('lost', index => this.#lose(index))
    this.#recheck.on('warning', warning)
    this.#recheck.on('failed', failed)
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
    const { cursors, scheduler } = this.pipeline
    const reads = new TrustedReads(metainfo, storage, this.#recheck, clock)
    this.#upload = new PieceUpload({
      ...{ pieces: this, pieceLength, scheduler, reads, superSeed: options.superSeed, random, failed },
    })
    this.#readers = new PieceReaders({ metainfo, pieces: this, cursors, reads, window: storage.window })
  }

  /** True if verified pieces go to readers through a window, which paces the download. */
  get windowed(): boolean {
    return this.#options.content.storage.window !== undefined
  }

  /** True if verified pieces can be read back later, and so can be uploaded. */
  get retains(): boolean {
    return this.#options.content.storage.retains ?? true
  }

  /** True if every wanted piece is verified. */
  get finished(): boolean {
    return this.pipeline.left === 0 && !this.#options.content.onDemand
  }

  /** True if the storage lacks file descriptors, so that connections should be closed. */
  get isStarved(): boolean {
    return this.#options.content.storage.starved ?? false
  }

  /** True if the download waits for peers, rather than for a disk or a reader. */
  get waitsForPeers(): boolean {
    const { cursors, scheduler } = this.pipeline
    return this.windowed || this.#options.content.onDemand ? cursors.isAwaited : !scheduler.isHeld
  }

  /** Missing bytes of the whole torrent, as in announces. */
  get missing(): number {
    // what readers on demand have taken is gone
    if (!this.retains && this.#options.content.onDemand) return this.metainfo.length
    return missingBytes(this.metainfo, this.verified)
  }

  /** True if every wanted piece is stored, and others are missing (BEP 21). */
  get isPartialSeed(): boolean {
    return this.missing > 0 && this.isUploadOnly && this.retains
  }

  /** True if a piece is wanted and not verified. */
  lacks(index: number): boolean {
    return this.pipeline.wanted.has(index) && !this.verified.has(index)
  }

  /** True once every wanted piece is stored, and none was lost since (BEP 21). */
  get isUploadOnly(): boolean {
    return this.complete && this.pipeline.left === 0
  }

  /** The parts of the torrent that peers use. */
  get forPeers(): PeerTorrent {
    const { info, length, pieceCount, pieceLength } = this.metainfo
    return { info, length, pieceCount, pieceLength, source: this.#upload.source, upload: this.#upload }
  }

  /** True if this piece is verified, and its files are not known to have changed since. */
  trusts(index: number): boolean {
    return this.#recheck.trusts(index)
  }

  /** Resolves once this piece is verified and stored. Rejects with the error that ended the torrent. */
  async whenVerified(index: number): Promise<void> {
    if (!Number.isInteger(index) || index < 0 || index >= this.metainfo.pieceCount)
      throw new InputError(
        'ERR_USAGE',
        `index: expected a piece from 0 to ${this.metainfo.pieceCount - 1}, got ${index}`,
      )
    if (!this.trusts(index)) await this.#waiting.wait(index)
  }

  /** Locks the files, and finds existing pieces. */
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
      resumed: (pieces, partial) => {
        this.pipeline.loadPartial(partial)
        this.#resumeSaver.noteRecord(pieces, partial)
      },
    })
    for (const index of found) {
      this.pipeline.addFound(index)
      this.#add(index)
    }
    this.#isChecked = true
  }

  /** Completes the files, and checks each by its path. @returns false if pieces were lost meanwhile */
  async confirmAll(): Promise<boolean> {
    return this.#completion.run()
  }

  /** Checks each file by its path once more. Rejects with ERR_CHANGED if pieces are missing. */
  confirm(): Promise<void> {
    return this.#completion.confirm()
  }

  /** Saves the resume record, after the check: until then the existing record has more pieces. Never rejects. */
  async save(): Promise<void> {
    if (this.#isChecked) await this.#resumeSaver.write()
  }

  /** Gives blocks to idle peers, and saves the resume record when it is old. Called several times a second. */
  tick(now: number): void {
    this.pipeline.scheduler.fill(true)
    this.#recheck.tick()
    this.#resumeSaver.tick(now)
  }

  /** Adds a connected peer, the sender of blocks under its address. A super-seed announces it one piece at a time. */
  addPeer(peer: Peer): void {
    this.pipeline.trust.names.set(peer.requester, formatAddress(peer.address))
    this.#upload.addPeer(peer)
  }

  /**
   * Opens the bytes from `start` to before `end`, counted from the torrent's start, each as soon as it is verified. They
   * are taken forward, one call at a time, and the source has to be closed. Bytes that are read soon are fetched first.
   */
  open(start: number, end: number): Required<ByteSource> {
    return this.#readers.open(start, end)
  }

  /** Fails readers, now and later. @param reason their error */
  end(reason: Error): void {
    this.#waiting.end(reason)
    void this.#options.content.storage.window?.close(reason)
  }

  /** Closes the chain and the storage, and saves the resume record. Rejects if the storage cannot be closed. */
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
