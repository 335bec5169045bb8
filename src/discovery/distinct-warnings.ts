import type { DiscoveryError } from '../errors.ts'
import type { Announcer } from './announcer.ts'

/** Forwards the warnings of an announcer. A warning that a retried tracker repeats is forwarded once. */
export function forwardDistinctWarnings(
  announcer: Announcer,
  forward: (error: DiscoveryError) => void,
): void {
  // made when needed, as most trackers of thousands of torrents never warn
  let last: Map<string, string> | undefined
  announcer.on('warning', error => {
    const [tracker = ''] = error.message.split(': ')
    last ??= new Map()
    if (last.get(tracker) === error.message) return
    last.set(tracker, error.message)
    forward(error)
  })
}
