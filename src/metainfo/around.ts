/** The fields of a .torrent beside `info`. They are not part of the info-hash, so invalid ones are only ignored. */
import { asBytes, asList, type BencodeValue } from '../codec/bencode.ts'
import { formatAddress, type PeerAddress, parseAddress } from '../codec/compact.ts'
import { digits } from '../codec/digits.ts'
import { messageOf } from '../errors.ts'
import { describe, type Fields } from './fields.ts'
import type { Metainfo } from './metainfo.ts'
import { readHttpSeeds, readTrackers, readWebSeeds } from './trackers.ts'
import type { Warn } from './warnings.ts'

/** The keys beside `info` that are read. */
export const KEYS_AROUND = [
  'announce',
  'announce-list',
  'comment',
  'created by',
  'creation date',
  'httpseeds',
  'nodes',
  'url-list',
]

type Around = 'trackers' | 'webSeeds' | 'httpSeeds' | 'nodes' | 'comment' | 'createdBy' | 'creationDate'

/** Reads `KEYS_AROUND`. A value of another type is ignored with a warning. */
export function readAround(top: Fields, warn: Warn): Pick<Metainfo, Around> {
  const comment = top.text('comment')
  const createdBy = top.text('created by')
  const creationDate = top.integer('creation date')
  const httpSeeds = readHttpSeeds(top.get('httpseeds'), warn)
  const nodes = readNodes(top.get('nodes'), warn)
  // The greatest time that a Date can represent, in seconds.
  const dated = creationDate !== undefined && creationDate >= 0 && creationDate <= 8.64e12
  if (creationDate !== undefined && !dated)
    warn(`creation date: ${creationDate} is not a valid date, ignored`)
  return {
    trackers: readTrackers(top.get('announce'), top.get('announce-list'), warn),
    webSeeds: readWebSeeds(top.get('url-list'), warn),
    ...(httpSeeds.length > 0 ? { httpSeeds } : {}),
    ...(nodes.length > 0 ? { nodes } : {}),
    ...(comment === undefined ? {} : { comment }),
    ...(createdBy === undefined ? {} : { createdBy }),
    ...(dated ? { creationDate } : {}),
  }
}

/** Reads the DHT nodes of the torrent (BEP 5): pairs of host and port. */
function readNodes(value: BencodeValue | undefined, warn: Warn): PeerAddress[] {
  if (value === undefined) return []
  const list = asList(value)
  if (!list) warn(`nodes: expected a list, got ${describe(value)}, ignored`)
  const nodes: PeerAddress[] = []
  for (const item of list?.slice(0, 1000) ?? []) {
    const [host, port] = asList(item) ?? []
    const address = { host: asBytes(host)?.toString('utf8') ?? '', port: digits(port) ?? 0 }
    try {
      nodes.push(parseAddress(formatAddress(address)))
    } catch (error) {
      warn(`nodes: ${messageOf(error)}, ignored`)
    }
  }
  return nodes
}
