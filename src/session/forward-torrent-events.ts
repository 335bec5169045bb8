import type { EventEmitter } from 'node:events'
import type { SessionEvents } from './session-options.ts'
import type { SessionTorrent } from './session-torrent.ts'
import type { ContextEvents } from './torrent/session-context.ts'

const TORRENT_EVENTS = ['metadata', 'completed', 'finished', 'failed', 'bottleneck', 'changed'] as const

/** Emits the events of torrents on their session, with the torrent in place of its number. */
export function forwardTorrentEvents(
  events: EventEmitter<ContextEvents>,
  session: EventEmitter<SessionEvents>,
  find: (id: number) => SessionTorrent | undefined,
): void {
  const [from, to] = [events as EventEmitter, session as EventEmitter]
  for (const name of TORRENT_EVENTS) {
    from.on(name, (id: number, ...rest: unknown[]) => {
      const torrent = find(id)
      if (torrent) to.emit(name, torrent, ...rest)
    })
  }
  events.on('warning', (id, error) => session.emit('warning', error, find(id)))
}
