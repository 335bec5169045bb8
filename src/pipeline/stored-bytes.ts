import { StorageError } from '../errors.ts'
import type { Storage } from '../storage/storage.ts'
import type { ByteSource, Lent } from '../streams/file-reader.ts'
import type { Torrent } from './torrent.ts'

/** A torrent's bytes as its storage has them: each waits until its piece is verified. */
export class StoredBytes implements ByteSource {
  readonly #torrent: Torrent
  readonly #storage: Pick<Storage, 'read'>

  constructor(torrent: Torrent, storage: Pick<Storage, 'read'>) {
    this.#torrent = torrent
    this.#storage = storage
  }

  async take(position: number, length: number): Promise<Lent> {
    const { pieceLength } = this.#torrent.metainfo
    const index = Math.floor(position / pieceLength)
    await this.#torrent.whenVerified(index)
    const bytes = Buffer.allocUnsafeSlow(Math.min(length, (index + 1) * pieceLength - position))
    const there = await this.#storage.read(position, bytes)
    if (there < bytes.length) {
      throw new StorageError('ERR_STORAGE', `piece ${index} was verified, but is no longer there whole`)
    }
    return { bytes, release() {} }
  }
}
