import { StalledError } from '../../errors.ts'
import { type DescribedSources, explainNoPeers } from '../diagnosis/explain-sources.ts'
import type { Peer } from '../peer/peer.ts'
import type { WebSeeds } from '../pieces/web-seeds.ts'
import {
  ANSWERS_NO_REQUEST,
  CHOKES_US,
  HAS_NO_NEEDED_PIECES,
  NOT_ANSWERED_YET,
  NOT_DIALLED_YET,
  type PeerReport,
  REJECTS_REQUESTS,
  SENDS_BLOCKS,
  SENDS_NO_CORRECT_DATA,
  summarize,
} from '../swarm/peer-reports.ts'
import type { Swarm } from '../swarm/swarm.ts'
import type { TorrentParts } from './progress.ts'

/** Milliseconds after a block in which a peer counts as sending. */
const SENDING_MS = 2_000

/** The peers of a torrent, as they are described. */
interface DescribedSwarm extends Pick<Swarm, 'peers'> {
  readonly candidates: Pick<Swarm['candidates'], 'listIdle'>
}

const NO_PEERS: DescribedSwarm = { peers: new Map(), candidates: { listIdle: () => [].values() } }

/** Explains why a torrent receives nothing. */
export function stallReason({ content, lacksLayers, metadata, network, state }: TorrentParts): string {
  const { activeSwarm: swarm = NO_PEERS, sources } = network
  if (state === 'paused') return 'paused'
  if (!content && lacksLayers) return explainMissing(swarm, sources, 'gave them', describeHashes)
  if (!content && metadata) return explainMissing(swarm, sources, 'gave it', peer => metadata.describe(peer))
  return explainStall(swarm, sources, content?.webSeeds, index => content?.pieces.lacks(index) ?? true)
}

/** The error of a torrent that received nothing for `timeout` ms. */
export function stallError(parts: TorrentParts, timeout: number): StalledError {
  const reason = stallReason(parts)
  const missing = parts.lacksLayers ? 'piece layers' : 'metadata'
  const what = parts.content
    ? reason
    : `no ${missing} for ${parts.network.infoHash.toString('hex')}: ${reason}`
  return new StalledError('ERR_STALLED', `${what}; nothing received for ${timeout / 1000} s`)
}

/**
 * Explains why a download receives nothing, from its peers, the sources of peers and the web seeds.
 * @param lacks returns true for a piece that is wanted and missing @default every piece
 */
export function explainStall(
  swarm: DescribedSwarm,
  sources: DescribedSources,
  webSeeds?: Pick<WebSeeds, 'active' | 'reason'>,
  lacks: (index: number) => boolean = () => true,
): string {
  const connected = [...swarm.peers.keys()].some(({ ready }) => ready)
  if (webSeeds && webSeeds.active > 0 && !connected) return 'web seeds answer, but send no correct data'
  const reports = [...reportsOf(swarm, peer => describePeer(peer, lacks))]
  const peers = reports.length > 0 ? summarize(reports, 'gives us anything') : explainNoPeers(sources)
  return webSeeds?.reason === undefined ? peers : `${peers}; ${webSeeds.reason}`
}

/** Explains why the metadata of a magnet link, or the piece layers, have not arrived. */
function explainMissing(
  swarm: DescribedSwarm,
  sources: DescribedSources,
  nothing: string,
  describe: (peer: Peer) => string,
): string {
  const reports = [...reportsOf(swarm, describe)]
  return reports.length > 0 ? summarize(reports, nothing) : explainNoPeers(sources)
}

/** Describes each peer of a torrent: its state, or why it is not connected. */
export function* reportPeers({
  content,
  lacksLayers,
  metadata,
  network,
  now,
}: TorrentParts): Iterable<PeerReport> {
  const lacks = (index: number) => content?.pieces.lacks(index) ?? true
  const describe = (peer: Peer) => {
    if (!content && lacksLayers) return describeHashes(peer)
    if (!content && metadata) return metadata.describe(peer)
    const { lastBlockAt } = peer.window
    return lastBlockAt !== undefined && now - lastBlockAt < SENDING_MS
      ? SENDS_BLOCKS
      : describePeer(peer, lacks)
  }
  if (network.activeSwarm) yield* reportsOf(network.activeSwarm, describe)
}

/** Describes each peer: the connected ones first, then the others and why they are not connected. */
function* reportsOf(
  { candidates, peers }: DescribedSwarm,
  describe: (peer: Peer) => string,
): IterableIterator<PeerReport> {
  for (const [peer, candidate] of peers) {
    const address = candidate?.address ?? peer.address
    if (peer.ready) yield { address, what: describe(peer) }
    else yield { address, what: candidate?.failure ?? NOT_ANSWERED_YET }
  }
  for (const [address, failure] of candidates.listIdle()) yield { address, what: failure ?? NOT_DIALLED_YET }
}

/** Describes a peer while the piece layers are missing. */
function describeHashes({ hashes }: Peer): string {
  return hashes.isSupported ? 'sent no hashes of pieces' : 'does not speak BitTorrent v2'
}

function describePeer({ requester }: Peer, lacks: (index: number) => boolean): string {
  let useful = false
  for (const index of requester.bits) {
    useful = lacks(index)
    if (useful) break
  }
  if (!useful) return HAS_NO_NEEDED_PIECES
  if (requester.peerChoking) return CHOKES_US
  if (!requester.peerPieces.isUnrestricted(false)) return REJECTS_REQUESTS
  return requester.snubbed || requester.wasted === 0 ? ANSWERS_NO_REQUEST : SENDS_NO_CORRECT_DATA
}
