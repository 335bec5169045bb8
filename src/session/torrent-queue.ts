import { checkArgument } from '../codec/check-arguments.ts'
import type { SessionSettings } from './records/session-record.ts'
import { chooseRunning, compareOrder } from './rules/queue.ts'
import type { SessionTorrent } from './session-torrent.ts'
import type { TorrentRegistry } from './torrent-registry.ts'

/** The target of a move in the queue. */
export type QueueMove = 'top' | 'up' | 'down' | 'bottom'

/** The torrents of a session in the order in which they start. */
export class TorrentQueue {
  readonly #torrents: Pick<TorrentRegistry, 'all'>

  /** @internal */
  constructor(torrents: Pick<TorrentRegistry, 'all'>) {
    this.#torrents = torrents
  }

  /** The order of a torrent behind all others. */
  get nextOrder(): number {
    let last = -1
    for (const { order } of this.#torrents.all) last = Math.max(last, order)
    return Math.floor(last) + 1
  }

  /** Returns the torrents, the next to start first. */
  list(): SessionTorrent[] {
    return [...this.#torrents.all].sort(compareOrder)
  }

  /** Starts and stops torrents as the places allow. */
  settle({ downloadQueue, seedQueue }: SessionSettings): void {
    const placesOf = (queue: { enabled: boolean; value: number }) =>
      queue.enabled ? queue.value : Number.POSITIVE_INFINITY
    const running = chooseRunning(this.#torrents.all, {
      downloads: placesOf(downloadQueue),
      seeds: placesOf(seedQueue),
    })
    for (const torrent of this.#torrents.all) torrent.schedule(running.has(torrent))
  }

  /** Moves torrents in the queue; among themselves they keep their order. Rejects with a StorageError. */
  async move(torrents: Iterable<SessionTorrent>, move: QueueMove): Promise<void> {
    checkArgument('torrents', torrents, 'iterable')
    const moved = new Set(torrents)
    const all = this.list()
    const chosen = all.filter(torrent => moved.has(torrent))
    if (move === 'top') {
      const first = (all[0]?.order ?? 0) - chosen.length
      for (const [at, torrent] of chosen.entries()) await torrent.setOrder(first + at)
    } else if (move === 'bottom') {
      const last = this.nextOrder
      for (const [at, torrent] of chosen.entries()) await torrent.setOrder(last + at)
    } else {
      await this.#step(move === 'up' ? all : all.reverse(), moved)
    }
  }

  /** Moves a torrent to a position, from 0. Rejects with a StorageError. */
  async place(torrent: SessionTorrent, position: number): Promise<void> {
    checkArgument('torrent', torrent, 'object')
    const rest = this.list().filter(other => other !== torrent)
    const before = rest[position - 1]?.order
    const after = rest[Math.max(0, position)]?.order
    if (after === undefined) return this.move([torrent], 'bottom')
    if (before === undefined) return this.move([torrent], 'top')
    const between = (before + after) / 2
    if (between > before && between < after) return torrent.setOrder(between)
    // no number is left between the two: all get new ones
    rest.splice(position, 0, torrent)
    for (const [at, own] of rest.entries()) await own.setOrder(at)
  }

  /** Swaps each moved torrent with the one before it. */
  async #step(torrents: SessionTorrent[], moved: ReadonlySet<SessionTorrent>): Promise<void> {
    for (let at = 1; at < torrents.length; at++) {
      const [before, torrent] = [torrents[at - 1]!, torrents[at]!]
      if (!moved.has(torrent) || moved.has(before)) continue
      const [first, second] = [before.order, torrent.order]
      await torrent.setOrder(first)
      await before.setOrder(second)
      torrents[at - 1] = torrent
      torrents[at] = before
    }
  }
}
