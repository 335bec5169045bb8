/** Milliseconds that requesters have waited, by what they waited for: the sums of all peers of a torrent. */
export interface RequestWaits {
  /** The peer chokes us. */
  unchoke: number
  /** The window is in use: the peer, or the line to it, sends no faster. */
  blocks: number
  /** There is room in the window and no block to request. */
  work: number
}

/** Adds the waits of one requester to those of all peers of its torrent. */
export class RequestWait {
  readonly #sums: RequestWaits | undefined
  readonly #now: () => number
  readonly #find: () => keyof RequestWaits | undefined
  /** What the requester waits for; undefined while it wants nothing of the peer. */
  #kind: keyof RequestWaits | undefined
  #since = 0

  /**
   * @param sums undefined to measure nothing
   * @param find returns what the requester waits for now
   */
  constructor(sums: RequestWaits | undefined, now: () => number, find: () => keyof RequestWaits | undefined) {
    this.#sums = sums
    this.#now = now
    this.#find = find
  }

  /** Reads the clock if the requester waits for something else than before. */
  update(): void {
    if (this.#sums && this.#find() !== this.#kind) this.settle(this.#now())
  }

  /** Adds the time until now to the sums. */
  settle(now: number): void {
    if (!this.#sums) return
    if (this.#kind) this.#sums[this.#kind] += now - this.#since
    this.#kind = this.#find()
    this.#since = now
  }
}
