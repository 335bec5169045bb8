/** A torrent with its info-hashes, 20 bytes each. */
interface NamedTorrent {
  readonly infoHashes: readonly Buffer[]
}

/** The torrents of a client, by each of their info-hashes. */
export class TorrentTable<Torrent extends NamedTorrent> {
  readonly #all = new Set<Torrent>()
  readonly #byHash = new Map<string, Torrent>()

  get all(): readonly Torrent[] {
    return [...this.#all]
  }

  /** Returns the torrent with an info-hash, in hex; of a v2 info-hash the first 40 digits count. */
  get(infoHash: string): Torrent | undefined {
    return this.#byHash.get(infoHash.slice(0, 40))
  }

  /** Returns a torrent with one of these info-hashes. */
  find(infoHashes: readonly Buffer[]): Torrent | undefined {
    for (const infoHash of infoHashes) {
      const known = this.#byHash.get(infoHash.toString('hex'))
      if (known) return known
    }
    return undefined
  }

  /** Adds a torrent, or the info-hashes that it has learned. @returns another torrent with one of them, if there is one */
  add(torrent: Torrent): Torrent | undefined {
    this.#all.add(torrent)
    let other: Torrent | undefined
    for (const infoHash of torrent.infoHashes) {
      const name = infoHash.toString('hex')
      const known = this.#byHash.get(name)
      if (known && known !== torrent) other = known
      else this.#byHash.set(name, torrent)
    }
    return other
  }

  /**
   * Merges two torrents that turned out to be the same one: the one that was added first gets all info-hashes.
   * @returns both, that one first
   */
  merge(torrent: Torrent, other: Torrent): readonly [kept: Torrent, merged: Torrent] {
    const isFirst = this.all.indexOf(torrent) < this.all.indexOf(other)
    const [kept, merged] = isFirst ? [torrent, other] : [other, torrent]
    this.delete(merged)
    const learned = [...torrent.infoHashes, ...other.infoHashes]
    for (const infoHash of learned) this.#byHash.set(infoHash.toString('hex'), kept)
    return [kept, merged]
  }

  delete(torrent: Torrent): void {
    this.#all.delete(torrent)
    for (const infoHash of torrent.infoHashes) {
      const name = infoHash.toString('hex')
      if (this.#byHash.get(name) === torrent) this.#byHash.delete(name)
    }
  }
}
