import { StorageError } from '../../errors.ts'
import type { Metainfo } from '../../metainfo/metainfo.ts'
import type { Storage } from '../../storage/storage.ts'
import type { ByteSource, Lent } from '../../streams/read/file-reader.ts'

/** The pieces of a torrent, as a reader sees them. */
export interface ReadablePieces {
  readonly metainfo: Pick<Metainfo, 'pieceLength'>
  /** True if this piece is verified and not in doubt. */
  trusts(index: number): boolean
  /** Resolves once more bytes of this piece can be read. Rejects with the error that ended the torrent. */
  whenReadable(index: number): Promise<void>
  /** Returns verified bytes from a position on of a piece that is not stored, without a gap. They change later. */
  peek(position: number): Uint8Array | undefined
}

/** Reads a torrent's bytes from its storage, for one reader. Each read waits until its piece, or its block, is verified. */
export class VerifiedReader implements ByteSource {
  readonly #torrent: ReadablePieces
  readonly #storage: Pick<Storage, 'read'>

  readonly #moved: (position: number, waiting: boolean) => void

  /** @param moved called with the next byte that the reader needs, and true while it waits for it */
  constructor(
    torrent: ReadablePieces,
    storage: Pick<Storage, 'read'>,
    moved: (position: number, waiting: boolean) => void = () => {},
  ) {
    this.#torrent = torrent
    this.#storage = storage
    this.#moved = moved
  }

  async take(position: number, length: number): Promise<Lent> {
    const { pieceLength } = this.#torrent.metainfo
    const index = Math.floor(position / pieceLength)
    const bytes = Buffer.allocUnsafeSlow(Math.min(length, (index + 1) * pieceLength - position))
    for (;;) {
      const isStored = this.#torrent.trusts(index)
      const blocks = isStored ? undefined : this.#torrent.peek(position)
      if (blocks) return this.#lendCopy(position, blocks.subarray(0, length))
      this.#moved(position, !isStored)
      await this.#torrent.whenReadable(index)
      if (!this.#torrent.trusts(index)) continue
      this.#moved(position, false)
      const readLength = await this.#storage.read(position, bytes)
      if (readLength === bytes.length) return { bytes, release() {} }
      // the piece is in doubt now, and is checked or downloaded again
      if (this.#torrent.trusts(index))
        throw new StorageError(
          'ERR_STORAGE',
          `piece ${index} was verified, but is no longer complete on disk`,
        )
    }
  }

  #lendCopy(position: number, bytes: Uint8Array): Lent {
    this.#moved(position, false)
    return { bytes: Uint8Array.from(bytes), release() {} }
  }
}
