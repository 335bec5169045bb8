import { pick } from '../ports/pick.ts'
import type { TrackerStatus } from './announcer-options.ts'
import type { TrackerEntry } from './tracker-list.ts'

/** Describes a tracker. @param now clock time @param nextAt clock time of the next round of announces, Infinity for none */
export function statusOf(entry: TrackerEntry, now: number, nextAt: number): TrackerStatus {
  const { answeredAt, askedAt, asking: isAsking, error, name, reply, started, url } = entry
  return {
    ...{ name, url, isAsking },
    ...(error ? { state: 'failing', error } : { state: started ? 'working' : 'untried' }),
    ...(askedAt === undefined ? {} : { sinceAnnounce: now - askedAt }),
    ...(answeredAt === undefined ? {} : { sinceAnswer: now - answeredAt }),
    ...(reply ? { peers: reply.peers.length, ...pick(reply, 'seeders', 'leechers') } : {}),
    ...(Number.isFinite(nextAt) ? { nextIn: Math.max(0, nextAt - now) } : {}),
  }
}
