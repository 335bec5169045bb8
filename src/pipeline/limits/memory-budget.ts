/**
 * Memory that the torrents of a client have together, in equal shares.
 *
 * Inputs: the bytes, the torrents. A torrent that only seeds, or waits for its metadata, has no share.
 */
export class MemoryBudget {
  readonly bytes: number
  readonly #torrents = new Map<object, (share: number) => void>()

  constructor(bytes: number) {
    this.bytes = bytes
  }

  /** Bytes for each torrent. */
  get share(): number {
    return Math.floor(this.bytes / Math.max(1, this.#torrents.size))
  }

  /** Adds a torrent. @param changed called with its share, now and whenever it changes */
  add(torrent: object, changed: (share: number) => void): void {
    this.#torrents.set(torrent, changed)
    this.#notify()
  }

  delete(torrent: object): void {
    if (this.#torrents.delete(torrent)) this.#notify()
  }

  #notify(): void {
    const { share } = this
    for (const changed of this.#torrents.values()) changed(share)
  }
}
