/** A .torrent written from what was parsed, or fetched from peers. */
import { encode } from '../codec/bencode.ts'
import type { Metainfo } from './metainfo.ts'

/** What of a torrent is written. */
type Written = Pick<
  Metainfo,
  'comment' | 'createdBy' | 'creationDate' | 'httpSeeds' | 'info' | 'nodes' | 'trackers' | 'webSeeds'
>

/** The .torrent of a torrent: its `info` byte for byte, so that it keeps its info-hash. */
export function torrentOf(metainfo: Written): Buffer {
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
  const after = encode({
    nodes: nodes?.map(({ host, port }) => [host, port]),
    'url-list': webSeeds.length > 0 ? webSeeds : undefined,
  })
  // `info` sorts between these; it goes in as it is, which no encoder would promise.
  return Buffer.concat([before.subarray(0, -1), Buffer.from('4:info'), info, after.subarray(1)])
}
