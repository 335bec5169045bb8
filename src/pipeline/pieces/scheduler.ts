import type { Bitfield } from '../../codec/bitfield.ts'
import { Emitter } from '../../ports/emitter.ts'
import type { BlockSource, Fetcher, Request } from '../../streams/block-source.ts'
import type { PieceBuffer } from '../../streams/piece-buffer.ts'
import { ActivePiece } from './active-piece.ts'
import type { ActivePieces } from './active-pieces.ts'
import type { Cursors } from './cursors.ts'
import { Deadlines } from './deadlines.ts'
import { Endgame } from './endgame.ts'
import { FreeBlocks } from './free-blocks.ts'
import { OpenPieces } from './open-pieces.ts'
import type { PeerTrust } from './peer-trust.ts'
import type { Picker } from './picker.ts'
import { PieceAdmission } from './piece-admission.ts'
import type { PieceBuffers } from './piece-buffers.ts'
import { PieceChooser } from './piece-chooser.ts'
import { ReaderShares } from './reader-shares.ts'

export interface SchedulerOptions {
  readonly picker: Picker
  /** Maximum active pieces: the memory, in pieces. */
  readonly admitted: number
  readonly buffers: Pick<PieceBuffers, 'open' | 'close'>
  /** @default every peer is trusted */
  readonly trust?: Pick<PeerTrust, 'isSuspect' | 'isAccused' | 'isOnParole'>
  /** Age in ms from which a block may be requested twice in the endgame; three times that before. @default 500 */
  readonly patience?: number
  /** @default there are no readers */
  readonly cursors?: Cursors
}

export interface SchedulerEvents {
  /** A piece is complete and no block of it will say so: it was so when it was begun, or a peer has left. */
  whole: [piece: PieceBuffer]
}

/**
 * Gives blocks to peers and web seeds to fetch.
 *
 * A piece is begun by a task in a p-queue, and the task ends when the piece is stored. So while the disk or
 * a reader is slow, no piece is begun, no block is requested, and no socket is read. Active pieces are finished first, by any
 * peer that has them.
 */
export class Scheduler extends Emitter<SchedulerEvents> implements BlockSource {
  readonly #options: SchedulerOptions
  readonly #picker: Picker
  readonly #admission: PieceAdmission
  /** The pieces in memory. */
  readonly pieces: OpenPieces
  readonly #active: ActivePieces
  /** Peers that wait to begin a piece. */
  readonly #queued = new Set<Fetcher>()
  /** Peers that got fewer blocks than they have room for. */
  readonly #underused = new Set<Fetcher>()
  readonly #chooser: PieceChooser
  readonly #free: FreeBlocks
  /** The pieces that readers need, and when. */
  readonly deadlines: Deadlines
  readonly #shares: ReaderShares
  readonly #endgame: Endgame
  #isEnded = false
  #isPaused = false
  /** The time of the last request for blocks, in milliseconds. */
  #time = 0

  constructor(options: SchedulerOptions) {
    super()
    this.#options = options
    this.#picker = options.picker
    this.pieces = new OpenPieces(options.buffers, options.picker)
    this.#active = this.pieces.active
    const patience = options.patience ?? 500
    this.deadlines = new Deadlines(options.cursors)
    this.#shares = new ReaderShares(this.deadlines)
    this.#chooser = new PieceChooser(options.picker, options.trust, this.#shares)
    this.#free = new FreeBlocks(this.pieces, this.deadlines, this.#shares, patience)
    this.#endgame = new Endgame(this.#active, this.deadlines, patience)
    this.#admission = new PieceAdmission(options.admitted)
  }

  /** The maximum of active pieces. */
  get admitted(): number {
    return this.#admission.pieces
  }

  /** Changes the maximum of active pieces. Pieces beyond it are still finished. */
  set admitted(pieces: number) {
    this.#admission.pieces = pieces
  }

  /** The number of active pieces. */
  get activePieces(): number {
    return this.#active.size
  }

  get hasReaders(): boolean {
    return this.deadlines.hasReaders
  }

  /** True if pieces wait for room: the disk, or the reader, holds the download back. */
  get isFull(): boolean {
    return this.#admission.isFull
  }

  /** True if the lowest active piece is complete: the disk, or the reader, holds the download back. */
  get isHeld(): boolean {
    return this.#active.isLowestWhole
  }

  countCopies(index: number): number {
    return this.#picker.countCopies(index)
  }

  wants(index: number): boolean {
    return this.#picker.wants(index)
  }

  findPiece(requester: Fetcher, index: number): PieceBuffer | undefined {
    return this.pieces.find(requester, index)
  }

  onBitfield(requester: Fetcher, before: Bitfield): void {
    this.#picker.removePeer(before)
    this.#picker.addPeer(requester.bits)
    this.#chooser.reset(requester)
    this.#shares.group.add(requester)
  }

  onHave(requester: Fetcher, index: number): void {
    this.#picker.addCopy(index, requester.bits)
  }

  onDontHave(requester: Fetcher, index: number): void {
    this.#picker.removeCopy(index, requester.bits)
  }

  onLeave(requester: Fetcher): void {
    this.#picker.removePeer(requester.bits)
    this.#underused.delete(requester)
    this.#queued.delete(requester)
    this.#shares.group.delete(requester)
    for (const { buffer } of this.#active) if (buffer.complete && !buffer.closed) this.emit('whole', buffer)
  }

  takeBlocks(requester: Fetcher, room: number, now: number): Request[] {
    const taken: Request[] = []
    if (this.#isPaused) this.#underused.add(requester)
    if (this.#isEnded || this.#isPaused) return taken
    this.#time = now
    this.deadlines.update(now)
    const lead = this.#shares.leadOf(requester, now)
    const isOnParole = this.#options.trust?.isOnParole(requester) ?? false
    if (!isOnParole) this.#endgame.takeAwaited(requester, room, now, taken)
    if (!isOnParole && lead === 0) this.#beginAwaited(requester)
    const taker = { fetcher: requester, room, now, taken }
    this.#free.take(taker, lead, isOnParole)
    if (taken.length === room) return taken
    this.#underused.add(requester) // also while it waits for admission, as only blocks that others lose may be left
    const isAlone = isOnParole && this.#active.hasExclusive(requester)
    // what a peer sends while it chokes us delays the piece of the reader, as it may unchoke us at any time
    const isBehind = requester.peerChoking && this.deadlines.isAnyAwaited
    if (!isAlone && !isBehind) this.#enqueue(requester)
    const isIdle = () => taken.length === 0 && requester.outstanding === 0 && this.#underused.has(requester)
    // an idle peer takes blocks that readers need sooner than it sends them, too
    if (lead > 0 && isIdle()) this.#free.take(taker, 0, false)
    if (isOnParole && (this.isFull || !this.#queued.has(requester)) && isIdle()) {
      this.#free.take(taker, 0, false) // there is no other work for it
    }
    // pieces are in order, or there is none to begin, or no room: then a late block is worth a second request
    const isHurried = this.#picker.left === 0 || this.#picker.inOrder || this.isFull
    if (isIdle() && !isOnParole) this.#endgame.takeLate(requester, room, now, taken, isHurried)
    return taken
  }

  onArrival(requester: Fetcher, requests: readonly Request[]): void {
    const active = requests[0] && this.#active.find(requests[0].piece)
    if (!active) return
    if (active.buffer.free === 0) this.#active.update(active) // a block may have come after it was given up
    for (const { block } of requests) active.settleBlock(block, requester)
  }

  onLoss(requester: Fetcher, requests: readonly Request[]): void {
    for (const { piece, block } of requests) {
      const active = this.#active.find(piece)
      if (active?.giveUp(block, requester)) this.#active.update(active)
    }
    this.fill()
  }

  /** Gives wrong blocks of a piece to peers again, after `PieceBuffer.reject`. */
  reopenPiece(piece: PieceBuffer): void {
    const active = this.#active.find(piece)
    if (active) this.#active.update(active)
    this.fill()
  }

  /** Begins a wrong piece again. */
  restartPiece(piece: PieceBuffer): void {
    this.pieces.restart(piece)
    this.fill()
  }

  /** Ends a stored piece. */
  finishPiece(piece: PieceBuffer): void {
    this.deadlines.addFinished()
    this.#picker.markDone(piece.index)
    this.pieces.end(piece)
    this.fill()
  }

  /** Notes that a reader was added or removed, and gives up active pieces that no reader needs soon. */
  onReadersChanged(): void {
    this.pieces.parkFar(index => this.deadlines.isNear(index))
    this.fill()
  }

  /** Gives up the active pieces that the picker no longer wants. */
  dropUnwanted(): void {
    this.pieces.dropUnwanted()
    this.fill(true)
  }

  /**
   * Gives blocks to the peers that have room. Without `includeLate` it costs O(1) for each peer while no block is free.
   * @param includeLate true to give them late blocks, too, as done several times a second
   */
  fill(includeLate = false): void {
    if (this.#isEnded || this.#isPaused) return
    for (const requester of [...this.#underused]) {
      // it waits to begin a piece, and the queue will call it
      if (!includeLate && !this.#active.hasFreeBlocks && this.#queued.has(requester)) continue
      this.#underused.delete(requester)
      requester.fill()
    }
  }

  /**
   * Cancels all requests, and gives no block until `resume`.
   * @param abandon true to close unfinished pieces, which gives their memory back
   */
  pause(abandon: boolean): void {
    this.#isPaused = true
    this.pieces.cancelAll(abandon)
  }

  /** Continues after `pause`. */
  resume(): void {
    this.#isPaused = false
    this.fill(true)
  }

  /** Closes all active pieces, and gives no further block. */
  end(): void {
    this.#isEnded = true
    this.#admission.clear()
    this.pieces.endAll()
  }

  /** Begins the pieces that readers wait for. */
  #beginAwaited(requester: Fetcher): void {
    for (const index of this.deadlines.awaitedPieces()) {
      if (!this.#picker.isOpen(index) || !this.#chooser.suits(requester, index)) continue
      this.#admission.addNow(() => this.#start(index, requester))
    }
  }

  #enqueue(requester: Fetcher): void {
    if (this.#queued.has(requester) || this.#chooser.isFutile(requester)) return
    this.#queued.add(requester)
    this.#admission.add(() => this.#begin(requester))
  }

  /** The task of a piece: from its first request until it is stored. */
  #begin(requester: Fetcher): Promise<void> | undefined {
    if (!this.#queued.delete(requester) || requester.room === 0 || this.#isEnded || this.#isPaused) return
    const index = this.#chooser.choose(requester, this.#shares.leadOf(requester, this.#time))
    return index < 0 ? undefined : this.#start(index, requester)
  }

  async #start(index: number, requester: Fetcher): Promise<void> {
    this.#underused.delete(requester)
    const isSuspect = this.#options.trust?.isSuspect(index) ?? false
    const alone = isSuspect || this.#options.trust?.isOnParole(requester) ? requester : undefined
    const piece = this.pieces.open(index, this.#admission.pieces, isSuspect, alone !== undefined)
    return this.#fetch(piece instanceof Promise ? await piece : piece, requester, alone)
  }

  /** Resolves when the piece is stored or given up. */
  #fetch(piece: PieceBuffer, requester: Fetcher, alone: Fetcher | undefined): Promise<void> {
    return new Promise(resolve => {
      const active = new ActivePiece(piece, resolve, this.#time, alone)
      this.#active.add(active)
      if (this.#isEnded) return this.pieces.end(piece)
      if (piece.complete) this.emit('whole', piece)
      requester.fill()
      if (this.#active.find(piece) && piece.free > 0) this.fill()
    })
  }
}
