import { checkArgument } from '../../codec/check-arguments.ts'
import { formatAddress } from '../../codec/compact.ts'
import type { Magnet } from '../../metainfo/magnet.ts'
import type { Metainfo } from '../../metainfo/metainfo.ts'

/** Writes the magnet link of a torrent or of a parsed link (BEP 9, BEP 53). */
export function magnetLinkOf(source: Metainfo | Magnet): string {
  checkArgument('source', source, 'object')
  checkArgument('source.trackers', source.trackers, 'array')
  const parameters: [name: string, value: string][] = []
  const isV2Alone = 'format' in source && source.format === 'v2'
  if (source.infoHash && !isV2Alone) parameters.push(['xt', `urn:btih:${source.infoHash.toString('hex')}`])
  if ('infoHashV2' in source && source.infoHashV2)
    parameters.push(['xt', `urn:btmh:1220${source.infoHashV2.toString('hex')}`])
  if (source.name) parameters.push(['dn', encodeURIComponent(source.name)])
  for (const url of source.trackers.flat()) parameters.push(['tr', encodeURIComponent(url)])
  for (const url of source.webSeeds) parameters.push(['ws', encodeURIComponent(url)])
  if ('peers' in source) {
    for (const peer of source.peers) parameters.push(['x.pe', formatAddress(peer)])
    for (const url of source.sources) parameters.push(['xs', encodeURIComponent(url)])
    if (source.selectOnly) parameters.push(['so', source.selectOnly.join(',')])
  }
  return `magnet:?${parameters.map(([name, value]) => `${name}=${value}`).join('&')}`
}
