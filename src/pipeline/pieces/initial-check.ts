import type { Bitfield } from '../../codec/bitfield.ts'
import type { TsdlError } from '../../errors.ts'
import type { Layout } from '../../metainfo/layout.ts'
import { Emitter } from '../../ports/emitter.ts'
import { pick } from '../../ports/pick.ts'
import { type FoundRecord, findVerifiedPieces } from '../resume/find-verified-pieces.ts'
import { reusePieces } from '../resume/reuse-pieces.ts'
import type { PiecesOptions } from './pieces-options.ts'
import type { Selection } from './selection.ts'

/** The pieces to look for, and those that are known. */
export interface CheckedPieces {
  readonly layout: Layout
  readonly selection: Selection
  readonly verified: Bitfield
}

/** Events of `InitialCheck`. */
export interface InitialCheckEvents {
  /** This many pieces have been read and hashed. */
  checked: [pieces: number]
  /** A resume record is used. */
  record: [record: FoundRecord]
  /** A piece is stored already, and verified. */
  found: [index: number]
  /** Other processes do not see the lock of the files. */
  warning: [error: TsdlError]
}

/** Finds the pieces that are stored when a torrent starts. */
export class InitialCheck extends Emitter<InitialCheckEvents> {
  readonly #options: PiecesOptions
  readonly #pieces: CheckedPieces
  readonly #aborted = new AbortController()

  constructor(options: PiecesOptions, pieces: CheckedPieces) {
    super()
    this.#options = options
    this.#pieces = pieces
  }

  /**
   * Locks the files, and finds existing pieces. Rejects with a StorageError.
   * @returns the pieces of the resume record that are to be hashed when a peer or a reader comes
   */
  async run(): Promise<readonly number[]> {
    const { content, hashPool, metainfo } = this.#options
    const { resume, storage, trusted } = content
    const { selection } = this.#pieces
    const { signal } = this.#aborted
    const unseen = selection.writes ? await storage.lock?.() : undefined
    if (unseen) this.emit('warning', unseen)
    if (storage.retains === false) return []
    const found = await findVerifiedPieces({
      ...{ metainfo, storage, resume, trusted, hashPool, signal },
      ...pick(content, 'deferSample'),
      progress: pieces => this.emit('checked', pieces),
    })
    if (found.record) this.emit('record', found.record)
    for (const index of found.pieces) this.emit('found', index)
    if (selection.writes) await this.#reuse(signal)
    return found.deferredSample
  }

  /** Stops the check, which rejects with this reason. */
  end(reason: Error): void {
    this.#aborted.abort(reason)
  }

  /** Fills missing pieces with bytes that are on disk already. */
  async #reuse(signal: AbortSignal): Promise<void> {
    const { content, metainfo } = this.#options
    const { layout, selection, verified } = this.#pieces
    const stored = reusePieces({
      ...{ metainfo, layout, verified, wanted: selection.pieces.bits, signal },
      ...{ storage: content.storage, files: content.reusable },
    })
    for await (const index of stored) {
      selection.pieces.reused += layout.pieceSize(index)
      this.emit('found', index)
    }
  }
}
