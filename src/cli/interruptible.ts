import type { Torrent } from '../pipeline/torrent.ts'
import { type Clock, systemClock } from '../ports/clock.ts'
import { withTimeout } from '../ports/with-timeout.ts'
import { EXIT, Exit } from './exit.ts'

/** Milliseconds for goodbyes after a signal, less than the two seconds that are promised. */
const GOODBYE = 1800

/** Runs `work`; a signal ends it with a goodbye to trackers and peers, a second one at once. */
export async function interruptible<T>(
  torrent: Pick<Torrent, 'close'>,
  work: () => Promise<T>,
  clock: Clock = systemClock,
): Promise<T> {
  let interrupt: (exit: Exit) => void = () => {}
  const interrupted = new Promise<never>((_, reject) => {
    interrupt = reject
  })
  const listeners = (['SIGINT', 'SIGTERM'] as const).map(signal => {
    const exit = signal === 'SIGINT' ? EXIT.interrupted : EXIT.terminated
    let again = false
    const listener = () => {
      if (again) process.exit(exit)
      again = true
      interrupt(new Exit(exit))
    }
    process.on(signal, listener)
    return () => process.off(signal, listener)
  })
  const working = work()
  try {
    return await Promise.race([working, interrupted])
  } finally {
    working.catch(() => {})
    await withTimeout(clock, torrent.close(), GOODBYE)
    for (const off of listeners) off()
  }
}
