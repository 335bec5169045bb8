/** Bytes of one run of a torrent. */
export interface Transferred {
  readonly downloaded: number
  readonly uploaded: number
  readonly wasted: number
}

/** What a torrent does, as times are counted. */
export type TransferActivity = 'downloading' | 'seeding' | 'other'

const NOTHING_TRANSFERRED: Transferred = { downloaded: 0, uploaded: 0, wasted: 0 }

/**
 * Counts the times of one run of a torrent, and since when it has moved no bytes.
 *
 * Inputs: the bytes of the run so far, what the torrent does, and the time. All times are in milliseconds.
 */
export class TransferMeter {
  downloadingTime = 0
  seedingTime = 0
  /** Bytes of the run so far. */
  transferred = NOTHING_TRANSFERRED
  #measuredAt: number
  #movedAt: number
  #sentAt: number
  #activity: TransferActivity = 'other'

  constructor(now: number) {
    this.#measuredAt = now
    this.#movedAt = now
    this.#sentAt = now
  }

  /** Measures. @returns the bytes since the last call */
  update(transferred: Transferred, activity: TransferActivity, now: number): Transferred {
    const before = this.transferred
    const elapsedMs = Math.max(0, now - this.#measuredAt)
    this.#measuredAt = now
    if (activity === 'downloading') this.downloadingTime += elapsedMs
    if (activity === 'seeding') this.seedingTime += elapsedMs
    const hasSent = transferred.uploaded > before.uploaded
    if (activity !== this.#activity || hasSent || transferred.downloaded > before.downloaded)
      this.#movedAt = now
    if (activity !== this.#activity || hasSent) this.#sentAt = now
    this.#activity = activity
    this.transferred = transferred
    return {
      downloaded: transferred.downloaded - before.downloaded,
      uploaded: transferred.uploaded - before.uploaded,
      wasted: transferred.wasted - before.wasted,
    }
  }

  /** Milliseconds since the last byte was sent or received. */
  idleTime(now: number): number {
    return now - this.#movedAt
  }

  /** Milliseconds since the last byte was sent, or since sharing began. */
  unsentTime(now: number): number {
    return now - this.#sentAt
  }
}
