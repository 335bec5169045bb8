import type { Metainfo } from '../../metainfo/metainfo.ts'
import type { PeerTorrent } from '../peer/peer-context.ts'
import type { PieceTransfer } from './piece-transfer.ts'

/** The pieces of a torrent, with the transfer that begins at its first use. */
export interface SharedPieces {
  readonly metainfo: Metainfo
  readonly isUploadOnly: boolean
  readonly transfer: PieceTransfer
}

/** The pieces of a torrent as its peers see them. The transfer begins when a peer needs it. */
export class ExchangedPieces implements PeerTorrent {
  readonly #pieces: SharedPieces

  constructor(pieces: SharedPieces) {
    this.#pieces = pieces
  }

  get info(): Uint8Array {
    return this.#pieces.metainfo.info
  }

  get pieceCount(): number {
    return this.#pieces.metainfo.pieceCount
  }

  get pieceLength(): number {
    return this.#pieces.metainfo.pieceLength
  }

  get length(): number {
    return this.#pieces.metainfo.length
  }

  requestableBytes(index: number): number {
    if (index >= this.pieceCount) return 0
    // libtorrent requests the padding after a file of a v2 torrent as well.
    if (this.#pieces.metainfo.format === 'v2') return this.pieceLength
    return Math.min(this.pieceLength, this.length - index * this.pieceLength)
  }

  get isUploadOnly(): boolean {
    return this.#pieces.isUploadOnly
  }

  get hashes(): PeerTorrent['hashes'] {
    return this.#pieces.transfer.hashes
  }

  get source(): PeerTorrent['source'] {
    return this.#pieces.transfer.upload.source
  }

  get upload(): PeerTorrent['upload'] {
    return this.#pieces.transfer.upload
  }
}
