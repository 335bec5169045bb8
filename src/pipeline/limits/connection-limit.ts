/**
 * Limits the number of connections of all torrents of a client.
 *
 * Inputs: the limit, the torrents, how many connections each has.
 *
 * Each torrent may have its equal share. Beyond that it may have what the others leave. The last quarter of all
 * connections is kept for torrents below their share, so that a torrent that is added to a busy client finds peers at once.
 */
export class ConnectionLimit {
  readonly #max: number
  /** The connections of each torrent. */
  readonly #counts = new Map<object, number>()
  #total = 0

  /** @param max connections of all torrents */
  constructor(max: number) {
    this.#max = max
  }

  /** Adds a torrent, which has no connection. */
  add(torrent: object): void {
    if (!this.#counts.has(torrent)) this.#counts.set(torrent, 0)
  }

  /** Removes a torrent. Its connections, which are about to close, do not count any more. */
  delete(torrent: object): void {
    this.#total -= this.#counts.get(torrent) ?? 0
    this.#counts.delete(torrent)
  }

  /** Notes that a torrent has one more connection. */
  open(torrent: object): void {
    this.#change(torrent, 1)
  }

  /** Notes that a torrent has one connection less. */
  close(torrent: object): void {
    this.#change(torrent, -1)
  }

  /** True if a torrent may have one more connection. */
  hasRoom(torrent: object): boolean {
    if (this.#total >= this.#max) return false
    const share = Math.ceil(this.#max / Math.max(1, this.#counts.size))
    const own = this.#counts.get(torrent) ?? 0
    return own < share || this.#total < this.#max * (3 / 4)
  }

  #change(torrent: object, by: number): void {
    const count = this.#counts.get(torrent)
    if (count === undefined || count + by < 0) return // it was removed
    this.#counts.set(torrent, count + by)
    this.#total += by
  }
}
