import type { Bitfield } from '../../codec/bitfield.ts'
import type { Layout } from '../../metainfo/layout.ts'
import { Emitter } from '../../ports/emitter.ts'
import { pick } from '../../ports/pick.ts'
import { closed } from '../../streams/stage.ts'
import { LeafRequests } from '../hashes/leaf-requests.ts'
import { MemoryShare } from '../limits/memory-share.ts'
import { TrustedReads } from '../reading/trusted-reads.ts'
import type { Recheck } from '../resume/recheck.ts'
import type { Contribution, Contributions } from './contributions.ts'
import type { PiecePriority } from './picker.ts'
import { PieceTransfer, type PieceTransferOptions } from './piece-transfer.ts'
import type { PiecesOptions } from './pieces-options.ts'
import type { Selection } from './selection.ts'

/** The pieces that are transferred, and what is known of them. */
export interface TransferredPieces {
  readonly pieces: PieceTransferOptions['pieces']
  readonly verified: Bitfield
  readonly selection: Selection
  readonly layout: Layout
  readonly recheck: Recheck
}

/** Events of `PieceTransfers`. */
export interface PieceTransfersEvents {
  /** A transfer has begun. */
  active: []
  /** A piece was downloaded, verified and stored. */
  verified: [index: number]
  /** Blocks of a piece are verified before the whole piece is. */
  blocks: [index: number]
  /** A peer or a web seed, by name, sent wrong bytes too often. */
  banned: [name: string, reason: string]
  /** The storage failed. */
  failed: [error: Error]
}

/** The transfers of one torrent, one at a time. It begins at its first use, and again after `rest`. */
export class PieceTransfers extends Emitter<PieceTransfersEvents> {
  readonly #options: PiecesOptions
  readonly #transferred: TransferredPieces
  readonly #memory: MemoryShare
  #current: PieceTransfer | undefined
  #reads: TrustedReads | undefined
  /** The contributions in transfers that have ended. */
  #contributions: Contributions | undefined
  #isPaused = false
  #sequential: boolean

  constructor(options: PiecesOptions, transferred: TransferredPieces) {
    super()
    this.#options = options
    this.#transferred = transferred
    this.#sequential = options.content.sequential ?? false
    this.#memory = new MemoryShare(options.memory)
    this.#memory.on('change', bytes => {
      if (this.#current) this.#current.pipeline.memory = bytes
    })
  }

  /** The transfer, if there is one now. */
  get current(): PieceTransfer | undefined {
    return this.#current
  }

  /** Returns the transfer, and begins one if there is none. */
  begin(): PieceTransfer {
    return this.#current ?? this.#begin()
  }

  /** Changes the order: the lowest piece first, or the rarest. */
  set sequential(sequential: boolean) {
    this.#sequential = sequential
    if (this.#current) this.#current.pipeline.sequential = sequential
  }

  /** The peers that gave verified bytes of a file, and how many each. */
  contributionsTo(fileIndex: number): Contribution[] {
    return (this.#current?.pipeline.contributions ?? this.#contributions)?.listFor(fileIndex) ?? []
  }

  /** Gives up the transfer if nothing is under way, and lets the storage rest. @returns true if there is none any more */
  rest(): boolean {
    if (!this.#current) {
      this.#options.content.storage.rest?.()
      return true
    }
    if (!this.#current.isIdle) return false
    const { pipeline } = this.#current
    if (!pipeline.contributions.isEmpty) this.#contributions = pipeline.contributions
    this.#current = undefined
    this.#reads?.rest()
    this.#memory.release()
    void pipeline.close().then(() => this.rest())
    return true
  }

  /** Takes all requests back, and sends none until `resume`. @param keepMemory true to keep the memory for readers */
  pause(keepMemory: boolean): void {
    this.#isPaused = true
    this.#current?.pipeline.pause()
    if (!keepMemory) this.#memory.release()
  }

  /** Continues after `pause`. */
  resume(): void {
    this.#isPaused = false
    if (!this.#current) return
    this.#memory.take()
    this.#current.pipeline.resume()
  }

  /** Closes the chain of the current transfer, and gives its memory back. */
  async close(): Promise<void> {
    this.#memory.release()
    this.#reads?.rest()
    await this.#current?.pipeline.close()
  }

  #begin(): PieceTransfer {
    const { layout, pieces, recheck, selection, verified } = this.#transferred
    const { clock, content, hashPool, metainfo, network, random, readChunks, superSeed } = this.#options
    const { funnel, hashes: requests, reputation } = network
    const { storage } = content
    const { priorities } = selection
    const reads = new TrustedReads(layout, storage, recheck, clock, readChunks)
    this.#reads = reads
    const transfer = new PieceTransfer({
      ...{ metainfo, reads, storage, random, verified, superSeed, layout, pieces, clock, hashPool },
      ...{ memory: this.#memory.take(), funnel, reputation, wanted: selection.pieces },
      leaves: new LeafRequests({ metainfo, requests, now: () => clock.now() }),
      ...pick(content, 'onDemand', 'sharedMemory'),
      sequential: this.#sequential,
      ...(priorities ? { priority: (index: number) => priorities[index] as PiecePriority } : {}),
    })
    const { pipeline, upload } = transfer
    pipeline.on('verified', index => this.emit('verified', index))
    pipeline.on('blocks', index => this.emit('blocks', index))
    pipeline.on('banned', (name, reason) => this.emit('banned', name, reason))
    upload.on('failed', error => this.emit('failed', error))
    closed(pipeline.writer).catch(error => {
      if (this.#current === transfer) this.emit('failed', error)
    })
    this.#current = transfer
    if (this.#isPaused) pipeline.pause()
    this.emit('active')
    return transfer
  }
}
