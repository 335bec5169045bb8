import { truncatedV2 } from '../../metainfo/info-hashes.ts'
import type { Magnet } from '../../metainfo/magnet.ts'
import type { Metainfo } from '../../metainfo/metainfo.ts'
import type { AcceptedConnection } from '../peer/accepted-connection.ts'
import type { PeerContext } from '../peer/peer-context.ts'
import type { Listener } from '../swarm/listener.ts'

/** The info-hashes under which a torrent has peers, 20 bytes each. A hybrid torrent has two, and so two swarms (BEP 52). */
export class TorrentHashes {
  v1: Buffer | undefined
  v2: Buffer | undefined

  constructor(source: Metainfo | Magnet) {
    const isV2 = 'format' in source && source.format === 'v2'
    this.v1 = isV2 ? undefined : source.infoHash
    this.v2 = truncatedV2(source)
  }

  /** The values for `PeerContext`: peers are dialled under the v1 info-hash, if there is one, with an offer of v2. */
  get forPeers(): Pick<PeerContext, 'infoHash' | 'infoHashV2'> {
    return { infoHash: this.all[0]!, infoHashV2: this.v2 }
  }

  /** Returns true for the info-hash of the v2 swarm. */
  isV2(infoHash: Uint8Array | undefined): boolean {
    return infoHash !== undefined && this.v2?.equals(infoHash) === true
  }

  get all(): Buffer[] {
    return [this.v1, this.v2].filter(infoHash => infoHash !== undefined)
  }

  /** Takes the other info-hash of a hybrid torrent from the metadata of its link. */
  learn(metainfo: Metainfo): void {
    if (metainfo.format !== 'hybrid') return
    this.v1 = metainfo.infoHash
    this.v2 = truncatedV2(metainfo)
  }

  /** Accepts peers under each info-hash. */
  listen(listener: Pick<Listener, 'add'> | undefined, accept: (accepted: AcceptedConnection) => void): void {
    for (const infoHash of this.all) listener?.add(infoHash, accept)
  }

  /** Accepts no more peers. */
  leave(listener: Pick<Listener, 'remove'> | undefined): void {
    for (const infoHash of this.all) listener?.remove(infoHash)
  }
}
