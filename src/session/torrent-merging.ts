import type { EventEmitter } from 'node:events'
import { DuplicateTorrentError, type SessionEvents } from './session-options.ts'
import type { SessionTorrent } from './session-torrent.ts'
import { failureOf } from './torrent/failure-of.ts'
import type { ContextEvents } from './torrent/session-context.ts'
import type { TorrentRegistry } from './torrent-registry.ts'

/** The members of a session that merging uses. */
interface MergingSession extends EventEmitter<SessionEvents> {
  remove(torrent: SessionTorrent): Promise<void>
}

/**
 * Merges torrents of a session that turn out to be one: links to a hybrid torrent may have either info-hash (BEP 52). One of
 * them takes the trackers and peers of the other one, which is removed with a `warning`.
 */
export class TorrentMerging {
  readonly #session: MergingSession
  readonly #torrents: TorrentRegistry
  /** Torrents that are being removed. */
  readonly #merged = new WeakSet<SessionTorrent>()

  constructor(session: MergingSession, torrents: TorrentRegistry) {
    this.#session = session
    this.#torrents = torrents
  }

  /** Merges at events of torrents. */
  listen(events: EventEmitter<ContextEvents>): void {
    events.on('merged', (id, error) => {
      const torrent = this.#torrents.get(id)
      const kept = this.#torrents.findRunning(error.torrent)
      if (torrent && kept) void this.#merge(torrent, kept)
      else if (torrent) this.#session.emit('failed', torrent, error)
    })
    // the client finds only torrents that run
    events.on('metadata', (id, metainfo) => {
      const torrent = this.#torrents.get(id)
      const kept = torrent && this.#torrents.find(metainfo, torrent)
      if (kept && kept.id < torrent.id && !kept.isRunning && !this.#merged.has(kept))
        void this.#merge(torrent, kept)
    })
  }

  async #merge(torrent: SessionTorrent, kept: SessionTorrent): Promise<void> {
    this.#merged.add(torrent)
    this.#session.emit('warning', new DuplicateTorrentError(kept), torrent)
    try {
      await kept.merge(torrent)
      await this.#session.remove(torrent)
    } catch (error) {
      this.#session.emit('warning', failureOf(error), torrent)
    }
  }
}
