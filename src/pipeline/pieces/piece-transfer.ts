import { HashAnswers } from '../hashes/hash-answers.ts'
import type { LeafSource } from './block-verification.ts'
import { PiecePipeline } from './piece-pipeline.ts'
import type { PiecePipelineOptions } from './piece-pipeline-options.ts'
import { PieceReaders, type PieceReadersOptions } from './piece-readers.ts'
import { PieceUpload, type PieceUploadOptions } from './piece-upload.ts'

export interface PieceTransferOptions extends PiecePipelineOptions {
  readonly pieces: PieceReadersOptions['pieces'] & PieceUploadOptions['pieces']
  /** Reads verified pieces. */
  readonly reads: PieceUploadOptions['reads']
  readonly superSeed: boolean
  /** Fetches the hashes of blocks, for a v2 or hybrid torrent. */
  readonly leaves: LeafSource
}

/**
 * The transfer of the pieces of a torrent, in both directions. It exists while there is a peer, a reader or something
 * to download.
 */
export class PieceTransfer {
  readonly pipeline: PiecePipeline
  readonly upload: PieceUpload
  readonly readers: PieceReaders
  /** The hashes of blocks from peers. */
  readonly leaves: LeafSource
  /** The hashes for peers, if the torrent is v2 or hybrid. */
  readonly hashes: HashAnswers | undefined

  constructor(options: PieceTransferOptions) {
    const { leaves, metainfo, pieces, reads, random, superSeed, verified } = options
    const { pieceLength } = metainfo
    const { window } = options.storage
    this.leaves = leaves
    this.pipeline = new PiecePipeline(options)
    for (const index of verified) this.pipeline.addFound(index)
    const { cursors, scheduler } = this.pipeline
    this.upload = new PieceUpload({ pieces, pieceLength, scheduler, reads, superSeed, random })
    this.hashes = HashAnswers.of({ ...options, upload: this.upload })
    this.readers = new PieceReaders({ metainfo, pieces, cursors, reads, window })
  }

  /** True if no piece is under way and there is no reader. */
  get isIdle(): boolean {
    const { cursors, scheduler } = this.pipeline
    return scheduler.activePieces === 0 && cursors.size === 0
  }
}
