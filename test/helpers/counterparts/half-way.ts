import type { Test } from 'tap'
import type { JsonEvent } from './client.ts'
import type { Content } from './content.ts'
import { seedWithLibtorrent } from './libtorrent.ts'
import { scratch } from './process.ts'
import { getWithTsdl, type ListeningTsdl } from './tsdl.ts'

/** Seconds of its download, in which most clients can start. */
const RUN_SECONDS = 8

/**
 * Starts a tsdl that downloads `content` from a slow seed that no other client knows, and dials `peers` as well. It
 * continues to share when it is complete.
 */
export async function slowGet(
  t: Test,
  content: Content,
  peers: readonly string[] = [],
  seconds = RUN_SECONDS,
) {
  const slow = await seedWithLibtorrent(t, content, Math.floor(content.length / seconds))
  return getWithTsdl(t, content, scratch(t), [slow, ...peers], ['--seed-time', '60s'])
}

/** The same, resolved when it has a third of the content. */
export async function halfWay(t: Test, content: Content) {
  const tsdl = await slowGet(t, content)
  await tsdl.event(({ event, verified = 0 }) => event === 'progress' && verified > content.length / 3)
  return tsdl
}

/** Returns a progress event with uploaded bytes and missing bytes. */
export function gaveHalfWay(tsdl: ListeningTsdl, content: Content): JsonEvent | undefined {
  return tsdl
    .events()
    .find(
      ({ event, verified = 0, uploaded = 0 }) =>
        event === 'progress' && uploaded > 0 && verified < content.length,
    )
}
