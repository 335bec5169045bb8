import { PeerSources, type PeerSourcesOptions } from '../../discovery/peer-sources.ts'
import type { Magnet } from '../../metainfo/magnet.ts'
import type { Metainfo } from '../../metainfo/metainfo.ts'
import { pick } from '../../ports/pick.ts'
import type { TorrentOptions } from './torrent-options.ts'

/** Creates the sources of peers of a torrent. */
export function createSources(
  source: Metainfo | Magnet,
  options: TorrentOptions,
  more: Pick<PeerSourcesOptions, 'clock' | 'infoHash' | 'peerId' | 'random' | 'stats'>,
): PeerSources {
  return new PeerSources({
    ...more,
    tiers: options.trackers === false ? [] : source.trackers,
    peers: [...('peers' in source ? source.peers : []), ...(options.peers ?? [])],
    ...('hashes' in source ? { private: source.private, ...pick(source, 'nodes') } : {}),
    ...pick({ key: options.trackerKey }, 'key'),
    ...pick(options, 'allowLocal', 'announcePacer', 'dht', 'family', 'lsd'),
    port: () => options.listener?.port,
  })
}
