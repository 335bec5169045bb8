import type { Announcer } from '../discovery/announcer.ts'
import type { Peer } from './peer.ts'
import type { Swarm } from './swarm.ts'

/**
 * Why a download does not go on, in words, as precisely as its peers and its trackers let us know.
 * @param lacks whether a piece is wanted and never came
 */
export function whyStalled(
  { candidates, connected }: Swarm,
  announcer: Announcer | undefined,
  lacks: (index: number) => boolean,
): string {
  const many = connected.length
  if (candidates.size === 0) {
    if (!announcer) return 'no peers are known, and no tracker is asked'
    const failure = announcer.trackers.find(({ error }) => error)?.error
    return `no tracker gave us any peer${failure ? ` (${failure.message})` : ''}`
  }
  if (many === 0) return `none of ${candidates.size} peers can be used`
  const useful = ({ requester }: Peer) => {
    for (const index of requester.bits) if (lacks(index)) return true
    return false
  }
  if (!connected.some(useful)) return `none of ${many} peers has what we lack`
  if (connected.every(({ requester }) => requester.peerChoking)) return `all of ${many} peers choke us`
  return `${many} peers are connected, but send nothing that is right`
}
