import { percentEncode } from '../codec/url.ts'

/** The event of an announce (BEP 3). Regular announces have none, or `paused` from a partial seed (BEP 21). */
export type AnnounceEvent = 'started' | 'completed' | 'stopped' | 'paused'

/** The content of an announce (BEP 3), for every transport. */
export interface AnnounceRequest {
  /** 20 bytes. */
  readonly infoHash: Uint8Array
  /** 20 bytes. */
  readonly peerId: Uint8Array
  /** The port on which we accept peers. */
  readonly port: number
  /** Payload bytes since `started`. */
  readonly uploaded: number
  /** Payload bytes since `started`. */
  readonly downloaded: number
  /** Missing bytes of the whole torrent. Not 0 while the size is unknown, because 0 means a seed. */
  readonly left: number
  readonly event?: AnnounceEvent
  /** Number of peers to ask for. */
  readonly numwant: number
  /** 32 random bits, the same for a whole run (BEP 7, 15). */
  readonly key: number
  /** The tracker id of the last reply, which is sent back. */
  readonly trackerId?: Uint8Array
}

/** Returns the query of an HTTP announce, without `?` (BEP 3, 7, 23). */
export function announceQuery(request: AnnounceRequest): string {
  const { event, trackerId } = request
  const fields = [
    `info_hash=${percentEncode(request.infoHash)}`,
    `peer_id=${percentEncode(request.peerId)}`,
    `port=${request.port}`,
    `uploaded=${request.uploaded}`,
    `downloaded=${request.downloaded}`,
    `left=${request.left}`,
    'compact=1',
    `numwant=${request.numwant}`,
    `key=${(request.key >>> 0).toString(16).padStart(8, '0').toUpperCase()}`,
  ]
  if (event) fields.push(`event=${event}`)
  if (trackerId) fields.push(`trackerid=${percentEncode(trackerId)}`)
  return fields.join('&')
}
