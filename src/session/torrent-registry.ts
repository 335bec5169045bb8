import { checkArgument } from '../codec/check-arguments.ts'
import type { Magnet } from '../metainfo/magnet.ts'
import type { Metainfo } from '../metainfo/metainfo.ts'
import type { Client } from '../pipeline/client.ts'
import { TorrentHashes } from '../pipeline/torrent/torrent-hashes.ts'
import type { SessionTorrent } from './session-torrent.ts'

/** The torrents of a session, in the order in which they were added. */
export class TorrentRegistry {
  readonly #client: Pick<Client, 'get'>
  readonly #byHash = new Map<string, SessionTorrent>()
  readonly #byId = new Map<number, SessionTorrent>()

  /** @param client knows the other info-hashes of hybrid torrents that run */
  constructor(client: Pick<Client, 'get'>) {
    this.#client = client
  }

  get all(): readonly SessionTorrent[] {
    return [...this.#byHash.values()]
  }

  /** Returns a torrent by its number, or its info-hash in hex. */
  get(key: number | string): SessionTorrent | undefined {
    if (typeof key !== 'number') checkArgument('key', key, 'string')
    return typeof key === 'number' ? this.#byId.get(key) : this.#byHash.get(key.toLowerCase())
  }

  add(torrent: SessionTorrent): void {
    this.#byHash.set(torrent.infoHash, torrent)
    this.#byId.set(torrent.id, torrent)
  }

  delete(torrent: SessionTorrent): void {
    this.#byHash.delete(torrent.infoHash)
    this.#byId.delete(torrent.id)
  }

  /** Returns the torrent of a source, found by each of its info-hashes (BEP 52). @param except one that is not returned */
  find(source: Metainfo | Magnet, except?: SessionTorrent): SessionTorrent | undefined {
    for (const infoHash of new TorrentHashes(source).all) {
      const name = infoHash.toString('hex')
      const listed = this.#byHash.get(name)
      if (listed && listed !== except) return listed
      const running = this.#client.get(name)
      if (!running || running === except?.torrent) continue
      const found = this.findRunning(running)
      if (found) return found
    }
    return undefined
  }

  /** Returns the torrent that runs as a torrent of the client. */
  findRunning(torrent: SessionTorrent['torrent']): SessionTorrent | undefined {
    for (const known of this.#byHash.values()) if (known.torrent === torrent) return known
    return undefined
  }
}
