import { percentEncode } from '../codec/url.ts'

/** What an announce reports besides numbers; none for the regular ones (BEP 3), but for those of a partial seed: `paused` (BEP 21). */
export type AnnounceEvent = 'started' | 'completed' | 'stopped' | 'paused'

/** What we tell a tracker (BEP 3), whatever the transport. */
export interface AnnounceRequest {
  /** 20 bytes. */
  readonly infoHash: Uint8Array
  /** 20 bytes. */
  readonly peerId: Uint8Array
  /** Where we accept peers. */
  readonly port: number
  /** Payload bytes since `started`. */
  readonly uploaded: number
  /** Payload bytes since `started`. */
  readonly downloaded: number
  /** Bytes of the whole torrent that are missing; never 0 while that isn't known, or we'd look like a seed. */
  readonly left: number
  readonly event?: AnnounceEvent
  /** How many peers we'd like. */
  readonly numwant: number
  /** 32 bits of chance, the same all through a run (BEP 7, 15). */
  readonly key: number
  /** What the tracker called itself in its last reply, to be given back. */
  readonly trackerId?: Uint8Array
}

/** The query of an HTTP announce, without `?` (BEP 3, 7, 23). */
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
