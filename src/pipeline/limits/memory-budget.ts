/** The owner of a share of a budget. */
export interface MemoryUser {
  /** Takes its share in bytes, now and whenever it changes. */
  onShare(bytes: number): void
}

/**
 * Memory that the torrents of a client have together, in equal shares.
 *
 * Inputs: the bytes, the torrents. A torrent that only seeds, or waits for its metadata, has no share.
 */
export class MemoryBudget {
  readonly bytes: number
  readonly #torrents = new Set<MemoryUser>()

  constructor(bytes: number) {
    this.bytes = bytes
  }

  /** Bytes for each torrent. */
  get share(): number {
    return Math.floor(this.bytes / Math.max(1, this.#torrents.size))
  }

  add(torrent: MemoryUser): void {
    this.#torrents.add(torrent)
    this.#notify()
  }

  delete(torrent: MemoryUser): void {
    if (this.#torrents.delete(torrent)) this.#notify()
  }

  #notify(): void {
    const { share } = this
    for (const torrent of this.#torrents) torrent.onShare(share)
  }
}
