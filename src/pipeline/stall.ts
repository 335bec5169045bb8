import type { Peer } from './peer.ts'
import type { PeerSources } from './peer-sources.ts'
import type { Swarm } from './swarm.ts'
import type { WebSeeds } from './web-seeds.ts'

/**
 * Why a download does not go on, in words, as precisely as its peers, whoever names them and web seeds let us know.
 * @param lacks whether a piece is wanted and never came @default every piece
 */
export function whyStalled(
  swarm: Pick<Swarm, 'candidates' | 'connected'>,
  sources: Pick<PeerSources, 'announcer' | 'others'>,
  webSeeds?: Pick<WebSeeds, 'active' | 'reason'>,
  lacks: (index: number) => boolean = () => true,
): string {
  if (webSeeds && webSeeds.active > 0 && swarm.connected.length === 0)
    return 'web seeds answer, but send nothing that is right'
  return [whyPeersStall(swarm, sources, lacks), webSeeds?.reason].filter(why => why !== undefined).join('; ')
}

function whyPeersStall(
  { candidates, connected }: Pick<Swarm, 'candidates' | 'connected'>,
  { announcer, others }: Pick<PeerSources, 'announcer' | 'others'>,
  lacks: (index: number) => boolean,
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
  const useful = ({ requester }: Peer) => {
    for (const index of requester.bits) if (lacks(index)) return true
    return false
  }
  if (!connected.some(useful)) return `none of ${many} peers has what we lack`
  if (connected.every(({ requester }) => requester.peerChoking)) return `all of ${many} peers choke us`
  return `${many} peers are connected, but send nothing that is right`
}
