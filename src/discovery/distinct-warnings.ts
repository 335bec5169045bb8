import type { DiscoveryError } from '../errors.ts'
import type { Announcer } from './announcer.ts'

/** Passes on what trackers complain about, each complaint once: a tracker is retried, and says the same again. */
export function forwardDistinctWarnings(announcer: Announcer, tell: (error: DiscoveryError) => void): void {
  const last = new Map<string, string>()
  announcer.on('warning', error => {
    const [tracker = ''] = error.message.split(': ')
    if (last.get(tracker) === error.message) return
    last.set(tracker, error.message)
    tell(error)
  })
}
