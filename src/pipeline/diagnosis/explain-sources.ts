import type { PeerSources } from '../../discovery/peer-sources.ts'

/** The sources of peers of a torrent, as they are described. */
export type DescribedSources = Pick<PeerSources, 'announcer' | 'others'> &
  Partial<Pick<PeerSources, 'dht' | 'trackers'>>
type DescribedTracker = Pick<
  PeerSources['trackers'][number],
  'error' | 'isAsking' | 'name' | 'peers' | 'state'
>

/** Number of trackers that are named. */
const MAX_NAMED_TRACKERS = 3

/** Explains why no peers are known: what each tracker answered, and how many nodes of the DHT are known. */
export function explainNoPeers({ announcer, dht, others, trackers }: DescribedSources): string {
  const nodes = dht?.size
  const asked = others
    .map(name => (name === 'the DHT' && nodes !== undefined ? `${name} (${countNodes(nodes)})` : name))
    .join(' and ')
  if (!announcer && asked) return `no peers are known, neither to us nor to ${asked}`
  if (!announcer) return 'no peers are known, and no tracker is asked'
  const why = describeTrackers(trackers ?? announcer.announces)
  return `no tracker gave us any peer${why && ` (${why})`}${asked && `, nor did ${asked}`}`
}

function countNodes(count: number): string {
  return count === 1 ? '1 node' : `${count === 0 ? 'no' : count} nodes`
}

function describeTrackers(trackers: readonly DescribedTracker[]): string {
  const named = trackers.slice(0, MAX_NAMED_TRACKERS).map(describeTracker)
  const more = trackers.length - named.length
  return [...named, ...(more > 0 ? [`and ${more} more`] : [])].join('; ')
}

function describeTracker({ error, isAsking, name, peers = 0, state }: DescribedTracker): string {
  // a tracker may end its message with a period, and the sentence goes on
  if (error) return error.message.replace(/\.$/, '')
  if (state === 'untried') return `tracker ${name} ${isAsking ? 'has not answered yet' : 'was not asked yet'}`
  return `tracker ${name} named ${peers === 0 ? 'none' : peers === 1 ? '1 peer' : `${peers} peers`}`
}
