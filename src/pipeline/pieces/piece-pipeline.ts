import { Bitfield } from '../../codec/bitfield.ts'
import { Layout } from '../../metainfo/layout.ts'
import type { Metainfo } from '../../metainfo/metainfo.ts'
import type { PartialBlocks } from '../../storage/resume-record.ts'
import type { Storage } from '../../storage/storage.ts'
import { PieceBuffer } from '../../streams/piece-buffer.ts'
import { closed } from '../../streams/stage.ts'
import type { Funnel } from '../../streams/torrent/funnel.ts'
import { PieceWriter } from '../../streams/torrent/piece-writer.ts'
import { Verifier } from '../../streams/torrent/verifier.ts'
import { PiecePool } from '../limits/piece-pool.ts'
import type { Reputation } from '../swarm/reputation.ts'
import { Contributions } from './contributions.ts'
import { Cursors } from './cursors.ts'
import { PartialPieces } from './partial-pieces.ts'
import { Picker } from './picker.ts'
import { Scheduler } from './scheduler.ts'
import { SmartBan } from './smart-ban.ts'

export interface PiecePipelineOptions {
  readonly metainfo: Metainfo
  readonly storage: Storage
  /** Bytes for everything in flight. */
  readonly memory: number
  readonly wanted: Bitfield
  /** What is verified and at rest; with a window, what once was verified. */
  readonly verified: Bitfield
  readonly random: () => number
  readonly sequential?: boolean
  /** Nothing is fetched but what somebody reads. A window has room for nothing else. */
  readonly onDemand?: boolean
  /** Pieces are held in memory that workers can read. */
  readonly sharedMemory?: boolean
  /** A piece is verified and at rest. */
  readonly flushed: (index: number) => void
  /** Where the blocks of all peers and web seeds come in. */
  readonly funnel: Funnel
  /** What is held against whom. */
  readonly reputation: Reputation
  /** Disconnects a peer, by name: it gave wrong bytes too often. */
  readonly ban: (name: string, reason: string) => void
}

/** The share of memory that pieces under way may take. */
const PIECES_SHARE = 13 / 32
/** The same for readers: the further ahead of them, the longer a slow peer may take. */
const WINDOW_SHARE = 7 / 16
/** Pieces under way at least, however long they are. */
const LEAST = 4
/** Bytes ahead of readers of a disk that come before all else. */
const READ_AHEAD = 16 << 20

/** What all peers of a torrent feed: `Funnel -> Verifier -> PieceWriter`, and the scheduler that decides what comes. */
export class PiecePipeline {
  readonly funnel: Funnel
  readonly scheduler: Scheduler
  readonly writer: PieceWriter
  /** Where readers are. */
  readonly cursors: Cursors
  readonly contributions: Contributions
  /** The addresses behind the requesters: a liar is known by its address, after its connection is gone as well. */
  readonly names = new WeakMap<object, string>()
  readonly wanted: Bitfield
  /** Bytes of wanted pieces. */
  readonly total: number
  /** Bytes of them that are still to come. */
  left: number
  /** Pieces whose givers were counted: one that is fetched again is not counted twice. */
  readonly #credited: Bitfield
  readonly #layout: Layout
  readonly #picker: Picker
  readonly #verifier: Verifier
  readonly #bans = new SmartBan<string>()
  readonly #partial: PartialPieces
  /** Pieces that are at rest, or were wrong: there is nothing to keep of them. */
  readonly #settled = new WeakSet<PieceBuffer>()
  readonly #options: PiecePipelineOptions

  constructor(options: PiecePipelineOptions) {
    const { metainfo, storage, memory, wanted, sequential = false, random } = options
    const { pieceCount, pieceLength, hashes } = metainfo
    this.#options = options
    this.funnel = options.funnel
    this.wanted = wanted
    this.#layout = new Layout(metainfo)
    this.#credited = new Bitfield(pieceCount)
    this.#partial = new PartialPieces(this.#layout, storage, options.verified)
    const admitted = this.#admittedWith(memory)
    this.contributions = new Contributions(this.#layout, giver => this.#nameOf(giver as object))
    const { window } = storage
    const onDemand = window !== undefined || options.onDemand === true
    this.cursors = new Cursors(
      this.#roomWith(admitted),
      () => this.scheduler.moved(),
      () => {
        if (onDemand) this.scheduler.turned()
        else this.scheduler.moved()
        window?.trim()
      },
    )
    this.#picker = new Picker({
      pieceCount,
      random,
      wanted: index => wanted.has(index),
      sequential,
      cursors: this.cursors,
      onDemand,
    })
    window?.attach({
      isNear: position => this.cursors.distance(position / pieceLength) >= 0,
      forget: position => this.#picker.forget(position / pieceLength),
    })
    const pool = new PiecePool(pieceLength, admitted, options.sharedMemory)
    this.scheduler = new Scheduler({
      picker: this.#picker,
      admitted,
      cursors: this.cursors,
      open: index => {
        const piece = new PieceBuffer(index, this.#layout.pieceSize(index), pool.take())
        // A piece that is for one peer alone, as others gave wrong bytes, comes from that peer whole.
        return this.#partial.has(index) && !this.#bans.suspect(index) ? this.#partial.restore(piece) : piece
      },
      close: (piece, alone) => {
        const given = () => pool.give(piece.data)
        if (alone || !storage.keeps || piece.arrived === 0 || this.#settled.has(piece)) given()
        else void this.#partial.save(piece).then(given)
      },
      whole: piece => this.funnel.push({ piece, begin: 0, length: piece.length }),
      suspect: index => this.#bans.suspect(index),
      accused: (index, requester) => this.#bans.accused(index, this.#nameOf(requester)),
      parole: requester => options.reputation.onParole(requester, this.#nameOf(requester)),
    })
    this.#verifier = new Verifier({ hashes, corrupt: piece => this.#corrupt(piece) })
    this.writer = new PieceWriter({
      storage,
      pieceLength,
      concurrency: window ? admitted : 4,
      flushed: piece => this.#flushed(piece),
    })
    this.funnel.pipe(this.#verifier).pipe(this.writer)
    for (const stage of [this.funnel, this.#verifier]) stage.on('error', () => {})
    this.total = 0
    for (const index of wanted) this.total += this.#layout.pieceSize(index)
    this.left = this.total
  }

  /** Has so many bytes for everything in flight from now on. */
  set memory(bytes: number) {
    const admitted = this.#admittedWith(bytes)
    this.scheduler.admitted = admitted
    this.cursors.room = this.#roomWith(admitted)
  }

  /** Pieces that may be under way: the rest of the memory is for what sockets have read, and what waits to be collected. */
  #admittedWith(bytes: number): number {
    const { metainfo, storage } = this.#options
    const share = storage.window ? WINDOW_SHARE : PIECES_SHARE
    return Math.max(LEAST, Math.floor((bytes * share) / metainfo.pieceLength))
  }

  /** Pieces that may be ahead of readers. */
  #roomWith(admitted: number): number {
    const { metainfo, onDemand, storage } = this.#options
    if (onDemand || storage.window) return admitted
    return Math.min(admitted, Math.max(2, Math.ceil(READ_AHEAD / metainfo.pieceLength)))
  }

  /** A piece is at rest already. */
  found(index: number): void {
    if (this.#picker.wants(index)) this.left -= this.#layout.pieceSize(index)
    this.#picker.finish(index)
  }

  /** A piece that was at rest is not there any more: it is wanted as before. */
  lost(index: number): void {
    this.#picker.forget(index)
    if (this.#picker.wants(index)) this.left += this.#layout.pieceSize(index)
    this.scheduler.moved()
  }

  /** Takes over the blocks of unfinished pieces that an earlier run kept. */
  loadPartial(blocks: PartialBlocks): void {
    this.#partial.load(blocks)
  }

  /** Writes what has arrived of unfinished pieces to its place. @returns all blocks that are there */
  savePartial(): Promise<PartialBlocks> {
    return this.#partial.snapshot(this.scheduler.buffers())
  }

  /**
   * Takes all requests back, and asks for nothing until `resume`. Blocks that have arrived of unfinished pieces are kept
   * where the storage keeps them, else in memory.
   */
  pause(): void {
    this.scheduler.pause(this.#options.storage.keeps !== undefined)
  }

  /** Goes on after `pause`. */
  resume(): void {
    this.scheduler.resume()
  }

  /** Nothing more comes in; resolves when nothing more goes out. */
  async close(): Promise<void> {
    this.scheduler.end()
    const gone = closed(this.writer).catch(() => {})
    if (!this.writer.destroyed) {
      for (const stage of [this.funnel, this.#verifier, this.writer]) stage.destroy()
      await gone
    }
    await this.#partial.settled()
  }

  #flushed(piece: PieceBuffer): void {
    this.#settled.add(piece)
    this.#blame(this.#bans.passed(piece), piece.index)
    const { flushed, metainfo, reputation, storage, verified } = this.#options
    for (const giver of new Set(piece.givers))
      if (giver !== undefined) reputation.credit(giver as object, this.#nameOf(giver as object))
    const { index } = piece
    if (!verified.has(index)) {
      this.left -= piece.length
      if (this.#credited.add(index)) this.contributions.add(piece)
    }
    this.scheduler.finished(piece)
    if (storage.window?.has(index * metainfo.pieceLength) === false) this.#picker.forget(index)
    flushed(index)
  }

  #corrupt(piece: PieceBuffer): void {
    this.#settled.add(piece)
    // Blocks of an earlier run may be what is wrong: it is begun again, and no peer is to blame.
    if (!piece.givers.includes(undefined))
      this.#blame(
        this.#bans.failed(piece, giver => this.#nameOf(giver as object)),
        piece.index,
      )
    this.scheduler.failed(piece)
  }

  #blame(names: readonly string[], index: number): void {
    const reason = `banned for wrong bytes, the last in piece ${index}`
    for (const name of names)
      if (this.#options.reputation.strike(name, reason)) this.#options.ban(name, reason)
  }

  #nameOf(giver: object): string {
    return this.names.get(giver) ?? '?'
  }
}
