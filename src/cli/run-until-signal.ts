import { type Clock, systemClock } from '../index.ts'
import { withTimeout } from '../ports/with-timeout.ts'
import { EXIT_CODES, ExitError } from './exit.ts'

/** Milliseconds to close after a signal. docs/cli.md promises two seconds. */
const GOODBYE_TIMEOUT_MS = 1800

/**
 * Runs `work` and closes `closable` after it. SIGINT or SIGTERM stops waiting for `work`, and closes; a second signal exits
 * at once.
 * @throws ExitError after a signal
 */
export async function runUntilSignal<T>(
  closable: { close(): Promise<void> },
  work: () => Promise<T>,
  clock: Clock = systemClock,
  goodbyeTimeoutMs: number = GOODBYE_TIMEOUT_MS,
): Promise<T> {
  let interrupt: (error: ExitError) => void = () => {}
  const interrupted = new Promise<never>((_, reject) => {
    interrupt = reject
  })
  const listeners = (['SIGINT', 'SIGTERM'] as const).map(signal => {
    const exitCode = signal === 'SIGINT' ? EXIT_CODES.interrupted : EXIT_CODES.terminated
    let received = false
    const listener = () => {
      if (received) process.exit(exitCode)
      received = true
      interrupt(new ExitError(exitCode))
    }
    process.on(signal, listener)
    return () => process.off(signal, listener)
  })
  const working = work()
  try {
    return await Promise.race([working, interrupted])
  } finally {
    working.catch(() => {})
    await withTimeout(clock, closable.close(), goodbyeTimeoutMs)
    for (const removeListener of listeners) removeListener()
  }
}
