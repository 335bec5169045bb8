import type { Announcer } from '../discovery/announcer.ts'
import type { Swarm } from './swarm.ts'
import type { WebSeeds } from './web-seeds.ts'

/** Why a download does not go on, in words, as precisely as its peers, trackers and web seeds let us know. */
export function whyStalled(
  swarm: Swarm,
  announcer: Announcer | undefined,
  webSeeds?: Pick<WebSeeds, 'active' | 'reason'>,
): string {
  if (webSeeds && webSeeds.active > 0 && swarm.connected.length === 0)
    return 'web seeds answer, but send nothing that is right'
  return [whyPeersStall(swarm, announcer), webSeeds?.reason].filter(why => why !== undefined).join('; ')
}

function whyPeersStall({ candidates, connected }: Swarm, announcer: Announcer | undefined): string {
  const many = connected.length
  if (candidates.size === 0) {
    if (!announcer) return 'no peers are known, and no tracker is asked'
    const failure = announcer.trackers.find(({ error }) => error)?.error
    return `no tracker gave us any peer${failure ? ` (${failure.message})` : ''}`
  }
  if (many === 0) return `none of ${candidates.size} peers can be used`
  if (!connected.some(({ requester }) => requester.amInterested))
    return `none of ${many} peers has what we lack`
  if (connected.every(({ requester }) => requester.peerChoking)) return `all of ${many} peers choke us`
  return `${many} peers are connected, but send nothing that is right`
}
