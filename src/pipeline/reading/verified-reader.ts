import { StorageError } from '../../errors.ts'
import type { Metainfo } from '../../metainfo/metainfo.ts'
import type { Storage } from '../../storage/storage.ts'
import type { ByteSource, Lent } from '../../streams/read/file-reader.ts'

/** What says which pieces are verified and at rest. */
export interface Verified {
  readonly metainfo: Pick<Metainfo, 'pieceLength'>
  /** True if this piece is, and is not in doubt. */
  trusts(index: number): boolean
  /** Resolves once this piece is; rejects with what ended it. */
  whenVerified(index: number): Promise<void>
}

/** A torrent's bytes as its storage has them, for one reader: each waits until its piece is verified. */
export class VerifiedReader implements ByteSource {
  readonly #torrent: Verified
  readonly #storage: Pick<Storage, 'read'>

  readonly #moved: (position: number, waiting: boolean) => void

  /** @param moved told where the reader is, and whether it waits */
  constructor(
    torrent: Verified,
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
      this.#moved(position, !this.#torrent.trusts(index))
      await this.#torrent.whenVerified(index)
      this.#moved(position, false)
      const there = await this.#storage.read(position, bytes)
      if (there === bytes.length) return { bytes, release() {} }
      // In doubt since: it is read again, or fetched again.
      if (this.#torrent.trusts(index))
        throw new StorageError('ERR_STORAGE', `piece ${index} was verified, but is no longer there whole`)
    }
  }
}
