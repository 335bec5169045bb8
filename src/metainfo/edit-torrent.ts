/** Changes a .torrent without touching its info dictionary (BEP 3). */
import { type Encodable, encode } from '../codec/bencode.ts'
import { END_TOKEN, stringSpan } from '../codec/bencode-grammar.ts'
import { Scan } from '../codec/bencode-scan.ts'
import { runInTurns } from '../codec/steps.ts'
import { InputError } from '../errors.ts'
import { MAX_TORRENT_SIZE, openMetainfo } from './parse.ts'
import { trackerFault, webSeedFault } from './trackers.ts'

/** The changes. A property that is undefined changes nothing. */
export interface TorrentChanges {
  /** Tiers of announce URLs (BEP 12); none removes them. */
  readonly trackers?: readonly (readonly string[])[] | undefined
  /** URLs of the content (BEP 19); none removes them. */
  readonly webSeeds?: readonly string[] | undefined
  /** A comment; an empty one removes it. */
  readonly comment?: string | undefined
}

/** Limits of one value. The torrent was parsed, so it is within all others. */
const DECODE_LIMITS = { maxDepth: 1_000, maxItems: MAX_TORRENT_SIZE }

/**
 * Returns a .torrent with changes. All other bytes stay as they are, so the info-hash is the same.
 * Rejects with an InputError for a .torrent that is invalid, and for an invalid URL.
 */
export async function editTorrent(torrent: Uint8Array, changes: TorrentChanges): Promise<Buffer> {
  await openMetainfo(torrent)
  const { comment, trackers, webSeeds } = changes
  for (const url of trackers?.flat() ?? []) checkUrl(url, trackerFault)
  for (const url of webSeeds ?? []) checkUrl(url, webSeedFault)
  const tiers = trackers?.filter(tier => tier.length > 0) ?? []
  const several = tiers.length > 1 || (tiers[0]?.length ?? 0) > 1
  const entries = await readEntries(torrent)
  const set = (key: string, value: Encodable | undefined) => {
    if (value === undefined) entries.delete(key)
    else entries.set(key, encode({ [key]: value }).subarray(1, -1))
  }
  if (trackers) {
    set('announce', tiers[0]?.[0])
    set('announce-list', several ? tiers : undefined)
  }
  if (webSeeds) set('url-list', webSeeds.length > 0 ? webSeeds : undefined)
  if (comment !== undefined) set('comment', comment === '' ? undefined : comment)
  // keys are sorted as bytes, of which these are one character each
  const sorted = [...entries].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, entry]) => entry)
  return Buffer.concat([Buffer.from('d'), ...sorted, Buffer.from('e')])
}

/** Returns the key and value of each entry of the outer dictionary, as they are, by key in latin1. */
async function readEntries(torrent: Uint8Array): Promise<Map<string, Buffer>> {
  const bytes = Buffer.from(torrent.buffer, torrent.byteOffset, torrent.byteLength)
  const entries = new Map<string, Buffer>()
  for (let at = 1; bytes[at] !== END_TOKEN; ) {
    const { start, end: keyEnd } = stringSpan(bytes, at)
    const end = await runInTurns(new Scan(bytes, DECODE_LIMITS).value(keyEnd))
    const key = bytes.toString('latin1', start, keyEnd)
    if (!entries.has(key)) entries.set(key, bytes.subarray(at, end))
    at = end
  }
  return entries
}

function checkUrl(url: string, faultOf: (url: string) => string | undefined): void {
  const fault = faultOf(url)
  if (fault !== undefined) throw new InputError('ERR_USAGE', `${url}: it ${fault}`)
}
