import { pick } from '../ports/pick.ts'
import type { TrackerAnnounce, TrackerStatus } from './announcer-options.ts'
import type { TrackerEntry } from './tracker-list.ts'

/** Describes a tracker. */
function statusOf({ error, name, started }: TrackerEntry): TrackerStatus {
  return error ? { name, state: 'failing', error } : { name, state: started ? 'working' : 'untried' }
}

/** Describes a tracker and what it last answered. @param nextAt clock time of the next round, Infinity for none */
export function announceOf(entry: TrackerEntry, now: number, nextAt: number): TrackerAnnounce {
  const { answeredAt, askedAt, asking: isAsking, reply, url } = entry
  return {
    ...statusOf(entry),
    ...{ isAsking, url },
    ...(askedAt === undefined ? {} : { sinceAnnounce: now - askedAt }),
    ...(answeredAt === undefined ? {} : { sinceAnswer: now - answeredAt }),
    ...(reply ? pick(reply, 'peers', 'seeders', 'leechers') : {}),
    ...(Number.isFinite(nextAt) ? { nextIn: Math.max(0, nextAt - now) } : {}),
  }
}
