/** Writes a .torrent from parsed metainfo or from metadata of peers. */

import { encode } from '../codec/bencode.ts'
import { checkArgument } from '../codec/check-arguments.ts'
import type { Metainfo } from './metainfo.ts'
import { encodePieceLayers, type LayersSource } from './piece-layers.ts'

/** The fields that are written. */
type Written = Pick<
  Metainfo,
  'comment' | 'createdBy' | 'creationDate' | 'httpSeeds' | 'info' | 'nodes' | 'trackers' | 'webSeeds'
> &
  Partial<LayersSource>

/** Encodes a .torrent. `info` is copied byte for byte, so the info-hash stays the same. */
export function torrentOf(metainfo: Written): Buffer {
  checkArgument('metainfo', metainfo, 'object')
  checkArgument('metainfo.trackers', metainfo.trackers, 'array')
  const { comment, createdBy, creationDate, httpSeeds, info, nodes, trackers, webSeeds } = metainfo
  const several = trackers.length > 1 || (trackers[0]?.length ?? 0) > 1
  const before = encode({
    announce: trackers[0]?.[0],
    'announce-list': several ? trackers : undefined,
    comment,
    'created by': createdBy,
    'creation date': creationDate,
    httpseeds: httpSeeds,
  })
  const nodesEntry = encode({ nodes: nodes?.map(({ host, port }) => [host, port]) })
  const last = encode({ 'url-list': webSeeds.length > 0 ? webSeeds : undefined })
  const { files = [], pieceLength = 1, pieceNodes } = metainfo
  const layers = pieceNodes ? encodePieceLayers({ files, pieceLength, pieceNodes }) : Buffer.alloc(0)
  // `info` is inserted unchanged, which an encoder would not guarantee. The keys of layers are bytes, not text.
  return Buffer.concat([
    before.subarray(0, -1),
    Buffer.from('4:info'),
    info,
    nodesEntry.subarray(1, -1),
    layers,
    last.subarray(1),
  ])
}
