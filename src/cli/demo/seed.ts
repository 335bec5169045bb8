import { Bitfield, Listener, type Metainfo, type PeerAddress, type Storage, Torrent } from '../../index.ts'
import type { Content } from './content.ts'

/** A seed on loopback: a regular `Torrent` that has all pieces. */
export class Seed {
  readonly #listener = new Listener({ bind: '127.0.0.1' })
  readonly #torrent: Torrent

  constructor(metainfo: Metainfo, content: Content) {
    this.#torrent = new Torrent(metainfo, {
      storage: storageOf(content, metainfo),
      trusted: Bitfield.full(metainfo.pieceCount),
      listener: this.#listener,
      trackers: false,
      share: true,
    })
  }

  /** Starts the seed. Resolves with its address. */
  async listen(): Promise<PeerAddress> {
    await this.#listener.listen()
    this.#torrent.start()
    return { host: '127.0.0.1', port: this.#listener.port! }
  }

  /** Closes the listener and the torrent. */
  close(): void {
    this.#listener.close()
    void this.#torrent.close()
  }
}

/** A read-only storage that computes its bytes. */
function storageOf(content: Content, { pieceLength }: Metainfo): Storage {
  return {
    async read(position, target) {
      const index = Math.floor(position / pieceLength)
      const begin = position - index * pieceLength
      const bytes = content.piece(index).subarray(begin, begin + target.length)
      target.set(bytes)
      return bytes.length
    },
    async write() {},
    async complete() {},
    async close() {},
  }
}
