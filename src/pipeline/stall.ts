import type { PeerSources } from './peer-sources.ts'
import type { Swarm } from './swarm.ts'

/** Why a download does not go on, in words, as precisely as its peers and whoever names them let us know. */
export function whyStalled(
  { candidates, connected }: Pick<Swarm, 'candidates' | 'connected'>,
  { announcer, others }: Pick<PeerSources, 'announcer' | 'others'>,
): string {
  const many = connected.length
  if (candidates.size === 0) {
    const asked = others.join(' and ')
    if (!announcer && asked) return `no peers are known, neither to us nor to ${asked}`
    if (!announcer) return 'no peers are known, and no tracker is asked'
    const failure = announcer.trackers.find(({ error }) => error)?.error
    const why = failure ? ` (${failure.message})` : ''
    return `no tracker gave us any peer${why}${asked && `, nor did ${asked}`}`
  }
  if (many === 0) return `none of ${candidates.size} peers can be used`
  if (!connected.some(({ requester }) => requester.amInterested))
    return `none of ${many} peers has what we lack`
  if (connected.every(({ requester }) => requester.peerChoking)) return `all of ${many} peers choke us`
  return `${many} peers are connected, but send nothing that is right`
}
