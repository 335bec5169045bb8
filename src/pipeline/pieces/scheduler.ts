import PQueue from 'p-queue'
import type { Bitfield } from '../../codec/bitfield.ts'
import type { BlockSource, Fetcher, Request } from '../../streams/block-source.ts'
import type { PieceBuffer } from '../../streams/piece-buffer.ts'
import { ActivePiece } from './active-piece.ts'
import type { Cursors } from './cursors.ts'
import { Deadlines } from './deadlines.ts'
import { Endgame } from './endgame.ts'
import type { Picker } from './picker.ts'

export interface SchedulerOptions {
  readonly picker: Picker
  /** How many pieces may be under way at once: the byte budget, in pieces. */
  readonly admitted: number
  /** A new piece; one of which blocks are kept comes later, with these. */
  readonly open: (index: number) => PieceBuffer | Promise<PieceBuffer>
  /** Takes the memory of a piece back. @param alone it was for one peer alone: what arrived is not to be kept */
  readonly close: (piece: PieceBuffer, alone: boolean) => void
  /** Told of each piece that is whole when a peer leaves: the news of it may have been lost with that peer. */
  readonly whole?: (piece: PieceBuffer) => void
  /** Whether a piece came wrong before, so that it is to come from one peer alone. */
  readonly suspect?: (index: number) => boolean
  /** Whether this peer should leave a suspect piece to others. */
  readonly accused?: (index: number, requester: Fetcher) => boolean
  /** Whether this peer gets pieces alone, one at a time, until one of them was right. */
  readonly parole?: (requester: Fetcher) => boolean
  /** Age in ms from which a block may be asked of a second peer in the endgame; three times that before. @default 500 */
  readonly patience?: number
  /** Where readers are. @default nobody reads */
  readonly cursors?: Cursors
}

/**
 * Who fetches which block now.
 *
 * A piece is begun by a task in a p-queue, and the task ends when the piece is at rest: so a slow disk or
 * a slow reader keeps new pieces from being begun, new blocks from being asked for, and sockets from being read.
 * What is under way already is finished first, by whoever has it.
 */
export class Scheduler implements BlockSource {
  readonly #options: SchedulerOptions
  readonly #picker: Picker
  readonly #admission: PQueue
  readonly #active = new Map<number, ActivePiece>()
  /** Pieces with blocks that nobody was asked for. */
  readonly #open = new Set<ActivePiece>()
  /** Peers that wait to begin a piece. */
  readonly #queued = new Set<Fetcher>()
  /** Peers that could take more than there was. */
  readonly #hungry = new Set<Fetcher>()
  /** The picker's version and the peer's, added, when there was last nothing to begin with it. */
  readonly #barren = new WeakMap<Fetcher, number>()
  readonly #patience: number
  readonly #deadlines: Deadlines
  readonly #endgame: Endgame
  #ended = false
  #isPaused = false

  constructor(options: SchedulerOptions) {
    this.#options = options
    this.#picker = options.picker
    this.#patience = options.patience ?? 500
    this.#deadlines = new Deadlines(options.cursors)
    this.#endgame = new Endgame({
      active: this.#active,
      deadlines: this.#deadlines,
      patience: this.#patience,
    })
    this.#admission = new PQueue({ concurrency: Math.max(1, options.admitted) })
  }

  /** How many pieces may be under way at once. Those that are too many now are still finished. */
  set admitted(pieces: number) {
    this.#admission.concurrency = Math.max(1, pieces)
  }

  /** Pieces under way. */
  get pieces(): number {
    return this.#active.size
  }

  /** The pieces under way. */
  *buffers(): Generator<PieceBuffer> {
    for (const { buffer, alone } of this.#active.values()) if (!alone) yield buffer
  }

  /** Whether pieces wait for room: the disk, or the reader, is what holds us back. */
  get full(): boolean {
    return this.#admission.size > 0
  }

  /** Whether the first late block is what is waited for: pieces are read in order, or there is none to begin, or no room. */
  get #hurries(): boolean {
    return this.#picker.left === 0 || this.#picker.inOrder || this.full
  }

  /** Whether the lowest piece under way is whole already: it is the disk, or the reader, that lets us wait. */
  get held(): boolean {
    const lowest = Math.min(...this.#active.keys())
    return this.#active.get(lowest)?.buffer.closed ?? false
  }

  /** How many peers that are no seeds have this piece. */
  copies(index: number): number {
    return this.#picker.copies(index)
  }

  wants(index: number): boolean {
    return this.#picker.wants(index)
  }

  pieceFor(requester: Fetcher, index: number): PieceBuffer | undefined {
    const active = this.#active.get(index)
    return active && (!active.alone || active.alone === requester) ? active.buffer : undefined
  }

  bitfield(requester: Fetcher, before: Bitfield): void {
    this.#picker.leave(before)
    this.#picker.join(requester.bits)
    this.#barren.delete(requester)
  }

  have(requester: Fetcher, index: number): void {
    this.#picker.gain(index, requester.bits)
  }

  lack(requester: Fetcher, index: number): void {
    this.#picker.lose(index, requester.bits)
  }

  left(requester: Fetcher): void {
    this.#picker.leave(requester.bits)
    this.#hungry.delete(requester)
    this.#queued.delete(requester)
    for (const { buffer } of this.#active.values()) {
      if (buffer.complete && !buffer.closed) this.#options.whole?.(buffer)
    }
  }

  take(requester: Fetcher, room: number, now: number): Request[] {
    const taken: Request[] = []
    if (this.#ended) return taken
    if (this.#isPaused) {
      this.#hungry.add(requester)
      return taken
    }
    this.#deadlines.update(now)
    const late = this.#deadlines.late(requester.window.usual)
    const parole = this.#options.parole?.(requester) ?? false
    if (!parole) this.#endgame.takeAwaited(requester, room, now, taken)
    this.#takeOpen(requester, room, now, taken, late, parole)
    if (taken.length === room) return taken
    this.#hungry.add(requester) // while it waits to be let in as well: what others lose may be all there is
    if (!parole || !this.#hasAlone(requester)) this.#queue(requester)
    const idle = () => taken.length === 0 && requester.outstanding === 0 && this.#hungry.has(requester)
    if (late > 0 && idle()) this.#takeOpen(requester, room, now, taken, 0) // late is better than never
    if (parole && (this.full || !this.#queued.has(requester)) && idle()) {
      this.#takeOpen(requester, room, now, taken, 0) // what others left is all there is for it
    }
    if (idle() && !parole) this.#endgame.takeLate(requester, room, now, taken, this.#hurries)
    return taken
  }

  arrived(requester: Fetcher, { piece, block }: Request): void {
    const active = this.#activeOf(piece)
    if (!active) return
    if (piece.free === 0) this.#open.delete(active) // it may have come after it was given up
    active.settleBlock(block, requester)
  }

  lost(requester: Fetcher, requests: readonly Request[]): void {
    for (const { piece, block } of requests) {
      const active = this.#activeOf(piece)
      if (active?.give(block, requester)) this.#open.add(active)
    }
    this.#offer()
  }

  /** A piece was wrong: it is begun again. */
  failed(piece: PieceBuffer): void {
    const active = this.#activeOf(piece)
    if (active) this.#abandon(active)
    this.#offer()
  }

  /** A piece is at rest. */
  finished(piece: PieceBuffer): void {
    const active = this.#activeOf(piece)
    this.#deadlines.finished()
    this.#picker.finish(piece.index)
    if (active) this.#end(active)
    this.#offer()
  }

  /** A reader went on: there may be more to ask for. */
  moved(): void {
    this.#offer()
  }

  /** Readers came or went: pieces on their way that none of them needs soon make room. */
  turned(): void {
    for (const active of [...this.#active.values()]) {
      const { buffer } = active
      if (buffer.closed || this.#deadlines.near(buffer.index)) continue
      this.#abandon(active)
      active.cancel()
    }
    this.#offer()
  }

  /** Offers whatever there is, late blocks as well, to the peers that had room to spare. To be called now and then. */
  feed(): void {
    this.#offer(true)
  }

  /** Offers what there is to them; without `late`, O(1) for each while there are no blocks that nobody was asked for. */
  #offer(late = false): void {
    if (this.#ended || this.#isPaused) return
    for (const requester of [...this.#hungry]) {
      // it waits to begin a piece, and the queue will call it
      if (!late && this.#open.size === 0 && this.#queued.has(requester)) continue
      this.#hungry.delete(requester)
      requester.fill()
    }
  }

  /**
   * Takes all requests back, and gives no work until `resume`.
   * @param abandon true to close unfinished pieces, which gives their memory back
   */
  pause(abandon: boolean): void {
    this.#isPaused = true
    for (const active of [...this.#active.values()]) {
      if (active.buffer.complete || active.buffer.closed) continue // it is on its way to the disk
      if (abandon) this.#abandon(active)
      active.cancel()
      if (!abandon && active.buffer.free > 0) this.#open.add(active)
    }
  }

  /** Goes on after `pause`. */
  resume(): void {
    this.#isPaused = false
    this.#offer(true)
  }

  /** Nothing is asked for any more. */
  end(): void {
    this.#ended = true
    this.#admission.clear()
    for (const active of [...this.#active.values()]) {
      active.buffer.close()
      this.#end(active)
    }
  }

  #activeOf(piece: PieceBuffer): ActivePiece | undefined {
    const active = this.#active.get(piece.index)
    return active?.buffer === piece ? active : undefined
  }

  #queue(requester: Fetcher): void {
    if (this.#queued.has(requester)) return
    if (this.#picker.left === 0 || this.#barren.get(requester) === this.#versionFor(requester)) return
    this.#queued.add(requester)
    this.#admission.add(async () => this.#begin(requester))
  }

  /** The task of a piece: from its first request until it is at rest. */
  #begin(requester: Fetcher): Promise<void> | undefined {
    if (!this.#queued.delete(requester) || requester.room === 0 || this.#ended || this.#isPaused) return
    const { parole, suspect, open } = this.#options
    const index = this.#pick(requester)
    if (index < 0) {
      this.#barren.set(requester, this.#versionFor(requester))
      return
    }
    this.#picker.begin(index)
    this.#hungry.delete(requester)
    const alone = suspect?.(index) || parole?.(requester) ? requester : undefined
    const piece = open(index)
    if (!(piece instanceof Promise)) return this.#run(piece, requester, alone)
    return piece.then(piece => this.#run(piece, requester, alone))
  }

  #run(piece: PieceBuffer, requester: Fetcher, alone: Fetcher | undefined): Promise<void> {
    return new Promise(resolve => {
      const active = new ActivePiece(piece, resolve, alone)
      this.#active.set(piece.index, active)
      if (this.#ended) {
        this.#end(active)
        return
      }
      if (piece.free > 0) this.#open.add(active)
      if (piece.complete) this.#options.whole?.(piece)
      requester.fill()
      if (this.#open.has(active)) this.#offer()
    })
  }

  #versionFor({ offer }: Fetcher): number {
    return this.#picker.version + offer.version
  }

  /** A piece that the peer suggests comes first, unless pieces go in order. While it chokes us, only allowed ones count. */
  #pick(requester: Fetcher): number {
    const { accused } = this.#options
    const { bits, offer, peerChoking } = requester
    const follows = peerChoking || !this.#picker.inOrder
    const named = follows ? offer.named(peerChoking).find(index => this.#picker.open(index)) : undefined
    if (named !== undefined || peerChoking) return named ?? -1
    const refused = offer.plain(peerChoking) ? undefined : (index: number) => !requester.offers(index)
    const late = this.#deadlines.late(requester.window.usual)
    if (!accused) return this.#picker.pick(bits, refused, late)
    const index = this.#picker.pick(bits, index => refused?.(index) || accused(index, requester), late)
    return index < 0 ? this.#picker.pick(bits, refused, late) : index
  }

  /** Whether a piece under way is for this peer alone. */
  #hasAlone(requester: Fetcher): boolean {
    for (const { alone } of this.#active.values()) if (alone === requester) return true
    return false
  }

  /**
   * Blocks of pieces under way that no peer was asked for; not of those that a reader needs before this peer brings them.
   * @param own only of pieces that are for this peer alone
   */
  #takeOpen(
    requester: Fetcher,
    room: number,
    now: number,
    taken: Request[],
    late: number,
    own = false,
  ): void {
    for (const piece of this.#open) {
      // the peer that it was kept for may never come back
      if (piece.alone !== requester && piece.alone?.ready === false) this.#abandon(piece)
      if (piece.buffer.closed || !piece.isFor(requester)) continue
      if (own && piece.alone !== requester) continue
      if (this.#deadlines.before(piece.buffer.index, late) && this.#leaves(piece, now)) continue
      piece.take(requester, room, now, taken)
      if (piece.buffer.free === 0) this.#open.delete(piece)
      if (taken.length === room) return
    }
  }

  /** Whether a piece is still left to a quicker peer. One that has room would have taken it soon. */
  #leaves(piece: ActivePiece, now: number): boolean {
    piece.leftSince ??= now
    return now - piece.leftSince < this.#patience
  }

  #abandon(active: ActivePiece): void {
    active.buffer.close()
    this.#picker.again(active.buffer.index)
    this.#end(active)
  }

  #end(active: ActivePiece): void {
    this.#active.delete(active.buffer.index)
    this.#open.delete(active)
    this.#options.close(active.buffer, active.alone !== undefined)
    active.done()
  }
}
