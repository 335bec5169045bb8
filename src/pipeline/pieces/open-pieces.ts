import type { Fetcher } from '../../streams/block-source.ts'
import type { PieceBuffer } from '../../streams/piece-buffer.ts'
import type { ActivePiece } from './active-piece.ts'
import { ActivePieces } from './active-pieces.ts'
import { ParkedPieces } from './parked-pieces.ts'
import type { Picker } from './picker.ts'
import type { PieceBuffers } from './piece-buffers.ts'

/** The pieces in memory: active and parked ones. */
export class OpenPieces {
  readonly active = new ActivePieces()
  readonly #parked: ParkedPieces
  readonly #buffers: Pick<PieceBuffers, 'open' | 'close'>
  readonly #picker: Picker

  constructor(buffers: Pick<PieceBuffers, 'open' | 'close'>, picker: Picker) {
    this.#parked = new ParkedPieces(buffers)
    this.#buffers = buffers
    this.#picker = picker
  }

  /** The pieces that are not for one peer alone. */
  *shared(): Generator<PieceBuffer> {
    for (const { buffer, alone } of this.active) if (!alone) yield buffer
    yield* this.#parked
  }

  /** Returns a piece that is not for one peer alone. */
  findShared(index: number): PieceBuffer | undefined {
    const active = this.active.get(index)
    if (!active) return this.#parked.get(index)
    return active.alone ? undefined : active.buffer
  }

  /** True if a piece was not given up. */
  holds(piece: PieceBuffer): boolean {
    return this.active.find(piece) !== undefined || this.findShared(piece.index) === piece
  }

  /** The active pieces that have arrived and are not stored yet. */
  *complete(): Generator<number> {
    for (const { buffer } of this.active) if (buffer.complete) yield buffer.index
  }

  /** Returns the piece into which a block of this peer may be written. */
  find(fetcher: Fetcher, index: number): PieceBuffer | undefined {
    const active = this.active.get(index)
    if (!active) return this.#parked.get(index)
    return !active.alone || active.alone === fetcher ? active.buffer : undefined
  }

  /**
   * Opens a piece, with the blocks that are kept of it: then it may be a promise that never rejects.
   * @param maxPieces that memory has room for
   * @param isSuspect true to take no kept blocks
   * @param isExclusive true if the piece has to come from one peer
   */
  open(
    index: number,
    maxPieces: number,
    isSuspect: boolean,
    isExclusive: boolean,
  ): PieceBuffer | Promise<PieceBuffer> {
    this.#picker.begin(index)
    const parked = this.#parked.get(index)
    if (parked && isExclusive) this.#parked.end(parked)
    this.#parked.shrink(Math.max(0, maxPieces - this.active.size - 1))
    return this.#parked.take(index) ?? this.#buffers.open(index, isSuspect)
  }

  /** Parks the pieces that no reader needs soon, and cancels their requests. */
  parkFar(isNear: (index: number) => boolean): void {
    for (const active of [...this.active]) {
      const { alone, buffer } = active
      if (buffer.closed || isNear(buffer.index)) continue
      if (alone) this.abandon(active)
      else {
        this.#picker.putBack(buffer.index)
        this.active.delete(active)
        this.#parked.add(buffer)
        active.endTask()
      }
      active.cancel()
    }
  }

  /** Gives up the pieces that the picker no longer wants. */
  dropUnwanted(): void {
    for (const active of [...this.active]) {
      if (active.buffer.closed || this.#picker.wants(active.buffer.index)) continue
      this.abandon(active)
      active.cancel()
    }
    for (const piece of this.#parked) if (!this.#picker.wants(piece.index)) this.#parked.end(piece)
  }

  /** Cancels all requests. @param abandon true to close unfinished pieces */
  cancelAll(abandon: boolean): void {
    if (abandon) this.#parked.shrink(0)
    for (const active of [...this.active]) {
      if (active.buffer.complete || active.buffer.closed) continue // it is being stored
      if (abandon) this.abandon(active)
      active.cancel()
      if (!abandon) this.active.update(active)
    }
  }

  /** Closes a piece, and lets it be begun again. */
  abandon(active: ActivePiece): void {
    active.buffer.close()
    this.#picker.putBack(active.buffer.index)
    this.#end(active)
  }

  /** Takes the memory of a stored piece back. */
  end(piece: PieceBuffer): void {
    const active = this.active.find(piece)
    if (active) this.#end(active)
    this.#parked.end(piece)
  }

  /** Closes a piece that is wrong. */
  restart(piece: PieceBuffer): void {
    const active = this.active.find(piece)
    if (active) this.abandon(active)
    this.#parked.end(piece)
  }

  /** Closes all pieces. */
  endAll(): void {
    for (const active of [...this.active]) {
      active.buffer.close()
      this.#end(active)
    }
    for (const piece of this.#parked) this.#parked.end(piece)
  }

  #end(active: ActivePiece): void {
    this.active.delete(active)
    this.#buffers.close(active.buffer, active.alone !== undefined)
    active.endTask()
  }
}
