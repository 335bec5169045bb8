import type { Clock } from '../../ports/clock.ts'
import type { Session } from '../../session/session.ts'
import type { SessionTorrent } from '../../session/session-torrent.ts'

/** Milliseconds after which a change is not recent any more. Clients ask every few seconds. */
const RECENT_MS = 60_000
/** Maximum number of removed torrents that are remembered. */
const MAX_REMOVED = 10_000

/** Remembers which torrents changed or were removed within the last minute. */
export class RecentChanges {
  readonly #clock: Clock
  readonly #session: Session
  readonly #changed = new WeakMap<SessionTorrent, number>()
  /** The times of removals, by number, in their order. */
  readonly #removed = new Map<number, number>()
  readonly #onChange = (torrent: SessionTorrent) => void this.#changed.set(torrent, this.#clock.now())
  readonly #onRemove = ({ id }: SessionTorrent) => {
    this.#removed.set(id, this.#clock.now())
    this.#forgetRemoved()
  }

  constructor(session: Session, clock: Clock) {
    this.#session = session
    this.#clock = clock
    session.on('added', this.#onChange)
    session.on('changed', this.#onChange)
    session.on('metadata', this.#onChange)
    session.on('removed', this.#onRemove)
  }

  /** True if a torrent moves bytes, checks files, or changed within the last minute. */
  isActive(torrent: SessionTorrent): boolean {
    const changedAt = this.#changed.get(torrent)
    if (changedAt !== undefined && this.#clock.now() - changedAt < RECENT_MS) return true
    if (torrent.status === 'checking' || torrent.status === 'metadata') return true
    if (!torrent.isRunning) return false
    const { downSpeed, peers, upSpeed } = torrent.progress
    return peers > 0 || downSpeed > 0 || upSpeed > 0
  }

  /** The numbers of the torrents that were removed within the last minute. */
  get removed(): number[] {
    this.#forgetRemoved()
    return [...this.#removed.keys()]
  }

  /** Stops listening. */
  close(): void {
    for (const event of ['added', 'changed', 'metadata'] as const) this.#session.off(event, this.#onChange)
    this.#session.off('removed', this.#onRemove)
  }

  #forgetRemoved(): void {
    const oldest = this.#clock.now() - RECENT_MS
    for (const [id, at] of this.#removed) {
      if (at > oldest && this.#removed.size <= MAX_REMOVED) return
      this.#removed.delete(id)
    }
  }
}
