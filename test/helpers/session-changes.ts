/** Random changes of the torrents of a session, and the states that may be found after a kill. */

import type { TorrentRecord } from '../../src/session/records/torrent-record.ts'
import type { Session } from '../../src/session/session.ts'
import type { SessionTorrent } from '../../src/session/session-torrent.ts'
import type { MadeTorrent } from './metainfo.ts'

/** The expected state of a torrent: a text that differs after each change, or undefined if it is removed. */
export type Expected = string | undefined

/** Called before and after each change of a torrent, with its info-hash, its state before and its state after. */
export interface ChangeListener {
  begin(hash: string, before: Expected, after: Expected): void
  end(hash: string, after: Expected): void
}

export interface ChangesOptions {
  readonly directories: readonly string[]
  /** A source of random numbers from 0 to below 1. */
  readonly random: () => number
  /** Creates a torrent, with its file in the first directory. */
  readonly make: (number: number) => Promise<MadeTorrent>
}

/** Describes a torrent for comparisons. */
export function expectedOf({ directory, labels, name }: TorrentRecord): string {
  return JSON.stringify({ directory, name, labels })
}

/** Changes a session until a change fails, and rejects with that error. */
export async function changeForEver(
  session: Session,
  { directories, make, random }: ChangesOptions,
  listener: ChangeListener,
): Promise<never> {
  const choose = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)]!
  for (let step = 0; ; step++) {
    // a job that a kill interrupted continues after a restart, and would change the torrent concurrently
    const torrents = session.torrents.filter(({ record }) => !record.pending)
    const torrent = choose([...torrents, undefined])
    const labels = [`${step}`]
    if (!torrent) {
      const { metainfo } = await make(step)
      const hash = metainfo.infoHash.toString('hex')
      const after = JSON.stringify({ directory: directories[0], name: metainfo.name, labels })
      listener.begin(hash, undefined, after)
      await session.add(metainfo, { labels })
      listener.end(hash, after)
      continue
    }
    const { after, apply } = chooseChange(torrent)
    listener.begin(torrent.infoHash, expectedOf(torrent.record), after)
    await apply()
    listener.end(torrent.infoHash, after)

    function chooseChange({ record }: SessionTorrent): { after: Expected; apply: () => Promise<unknown> } {
      const next = (changes: Partial<TorrentRecord>) => expectedOf({ ...record, ...changes })
      const to = choose(directories.filter(path => path !== record.directory))
      const name = `${record.name}-${step}`
      return choose([
        { after: next({ labels }), apply: () => torrent!.set({ labels }) },
        { after: next({ directory: to }), apply: () => torrent!.move(to) },
        { after: next({ name }), apply: () => torrent!.rename(record.name, name) },
        { after: next({}), apply: () => torrent!.stop().then(() => torrent!.start()) },
        { after: next({}), apply: () => session.queue.move([torrent!], choose(['top', 'up', 'bottom'])) },
        { after: undefined, apply: () => session.remove(torrent!, { withData: random() < 0.5 }) },
      ])
    }
  }
}
