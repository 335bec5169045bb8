/**
 * Limits the number of connections of all torrents of a client.
 *
 * Inputs: the limit, the torrents, how many connections each has.
 *
 * Each torrent may have its equal share. Beyond that it may have what the others leave, but the last quarter of all
 * connections is kept for torrents below their share: so a torrent that is added to a busy client finds peers at once.
 */
export class ConnectionLimit {
  readonly #max: number
  readonly #counts = new Map<object, () => number>()

  /** @param max connections of all torrents */
  constructor(max: number) {
    this.#max = max
  }

  /** Adds a torrent. @param count returns the number of its connections */
  add(torrent: object, count: () => number): void {
    this.#counts.set(torrent, count)
  }

  delete(torrent: object): void {
    this.#counts.delete(torrent)
  }

  /** True if a torrent may have one more connection. */
  hasRoom(torrent: object): boolean {
    let total = 0
    for (const count of this.#counts.values()) total += count()
    if (total >= this.#max) return false
    const share = Math.ceil(this.#max / Math.max(1, this.#counts.size))
    const own = this.#counts.get(torrent)?.() ?? 0
    return own < share || total < this.#max * (3 / 4)
  }
}
