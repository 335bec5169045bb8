import type { DiscoveryError } from '../errors.ts'
import type { Announcer } from './announcer.ts'

/** Forwards the warnings of an announcer. A warning that a retried tracker repeats is forwarded once. */
export function forwardDistinctWarnings(
  announcer: Announcer,
  forward: (error: DiscoveryError) => void,
): void {
  const last = new Map<string, string>()
  announcer.on('warning', error => {
    const [tracker = ''] = error.message.split(': ')
    if (last.get(tracker) === error.message) return
    last.set(tracker, error.message)
    forward(error)
  })
}
