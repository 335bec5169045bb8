import type { Clock } from '../../ports/clock.ts'
import type { FreeSpace } from '../../ports/file-system.ts'
import { freeSpaceFor } from '../api/free-space-for.ts'
import type { ListDocument, ListedClient } from './documents.ts'

/** Milliseconds between two looks at the free space. */
const SPACE_INTERVAL_MS = 15_000
/** The free space is rounded to this many bytes, so that it changes seldom. */
const SPACE_UNIT_BYTES = 1e7

/** Sums up the present rates and states of torrents. */
export function sumOf(torrents: ListDocument['torrents']): Pick<ListedClient, 'down' | 'peers' | 'up'> {
  const sums = { down: 0, peers: 0, up: 0 }
  for (const key in torrents) {
    const torrent = torrents[key]!
    sums.down += torrent.down
    sums.up += torrent.up
    sums.peers += torrent.peers
  }
  return sums
}

/** Reads how much space is free, now and then. */
export class FreeSpaceGauge {
  readonly #freeSpaceAt: (path: string) => Promise<FreeSpace>
  readonly #clock: Clock
  #directory = ''
  #free: number | undefined
  #readAt = Number.NEGATIVE_INFINITY

  constructor(freeSpaceAt: (path: string) => Promise<FreeSpace>, clock: Clock) {
    this.#freeSpaceAt = freeSpaceAt
    this.#clock = clock
  }

  /** Returns the bytes that were free at the last look; undefined while that is not known. */
  read(directory: string): number | undefined {
    const now = this.#clock.now()
    if (directory !== this.#directory || now - this.#readAt >= SPACE_INTERVAL_MS) {
      if (directory !== this.#directory) this.#free = undefined
      this.#directory = directory
      this.#readAt = now
      void this.#look(directory)
    }
    return this.#free
  }

  async #look(directory: string): Promise<void> {
    const space = await freeSpaceFor(directory, this.#freeSpaceAt).catch(() => undefined)
    if (directory === this.#directory)
      this.#free = space && Math.round(space.free / SPACE_UNIT_BYTES) * SPACE_UNIT_BYTES
  }
}
