import { createHash, randomBytes } from 'node:crypto'
import { systemClock, type Timer } from '../clock.ts'
import type { PeerAddress } from '../codec/compact.ts'
import { makePeerId } from '../codec/peer-id.ts'
import { InputError, messageOf, StalledError, type TsdlError } from '../errors.ts'
import { type Magnet, metainfoOf } from '../metainfo/magnet.ts'
import type { Metainfo } from '../metainfo/metainfo.ts'
import type { NameOptions } from '../metainfo/name.ts'
import { MAX_TORRENT_SIZE } from '../metainfo/parse.ts'
import { pick } from '../pick.ts'
import { VERSION } from '../version.ts'
import { MetadataSwarm } from './metadata-swarm.ts'
import { PeerSources } from './peer-sources.ts'
import { whyStalled } from './stall.ts'
import type { TorrentOptions } from './torrent-options.ts'

type Shared =
  | 'allowLocal'
  | 'bind'
  | 'clock'
  | 'connect'
  | 'dht'
  | 'encryption'
  | 'listener'
  | 'lsd'
  | 'peerId'
  | 'peers'
  | 'random'
  | 'trackers'

export interface FetchMetadataOptions extends Pick<TorrentOptions, Shared>, NameOptions {
  /** Connections at most. @default 30 */
  readonly maxPeers?: number
  /** Milliseconds without a piece of metadata after which it is given up; 0 for never. @default 0 */
  readonly timeout?: number
  /** Gives it up. */
  readonly signal?: AbortSignal
  /** Called now and then, and when something has changed. */
  readonly progress?: (progress: MetadataProgress) => void
  /** A peer or a tracker failed; it goes on. */
  readonly warning?: (error: TsdlError) => void
}

/** How it goes. */
export interface MetadataProgress {
  /** Peers that are connected or being dialled, and those of them that offer metadata. */
  readonly peers: number
  readonly offering: number
  /** Pieces of metadata, of 16 KiB. */
  readonly have: number
  readonly of: number
  /** Why there is no metadata yet, in words. */
  readonly reason: string
}

/** A torrent by its link. */
export interface FetchedMetadata {
  readonly metainfo: Metainfo
  /** Peers to begin with: those first that gave metadata. Of a private torrent, no others than may be (BEP 27). */
  readonly peers: readonly PeerAddress[]
}

/** Milliseconds between looks at what is late. */
const TICK = 250
/** Milliseconds that goodbyes to peers may take. */
const GOODBYE = 1_000

/**
 * Fetches from peers what a magnet link only names (BEP 9).
 * Rejects with ERR_USAGE for a link without a v1 info-hash, ERR_STALLED after `timeout`, ERR_ABORTED, and with what is
 * wrong with the metadata, where it is right by its hash and is no torrent that can be used.
 */
export async function fetchMetadata(
  magnet: Magnet,
  options: FetchMetadataOptions = {},
): Promise<FetchedMetadata> {
  const { infoHash, infoHashV2 } = magnet
  if (!infoHash) {
    const hash = infoHashV2?.toString('hex')
    throw new InputError(
      'ERR_USAGE',
      `${hash}: an info-hash of BitTorrent v2 alone, which is not supported yet`,
    )
  }
  const { clock = systemClock, dht, encryption = 'prefer', listener, lsd, random = Math.random } = options
  const { peerId = makePeerId(VERSION, randomBytes(12)), progress, signal, timeout = 0, warning } = options
  if (signal?.aborted) throw aborted(signal)
  const swarm = new MetadataSwarm({
    maxSize: MAX_TORRENT_SIZE,
    right: info => createHash('sha1').update(info).digest().equals(infoHash),
    context: {
      infoHash,
      peerId,
      clock,
      encryption,
      load: { waiting: 0 },
      client: `tsdl ${VERSION}`,
      port: () => listener?.port,
      ...pick(options, 'bind', 'connect'),
    },
    ...pick(options, 'maxPeers'),
  })
  const sources = new PeerSources({
    infoHash,
    peerId,
    tiers: options.trackers === false ? [] : magnet.trackers,
    allowLocal: options.allowLocal,
    peers: [...magnet.peers, ...(options.peers ?? [])],
    dht,
    lsd,
    port: () => listener?.port,
    clock,
    random,
    // not to look like a seed: how much it is nobody knows
    stats: () => ({ uploaded: 0, downloaded: 0, left: 16_384 }),
  })
  const why = () =>
    swarm.candidates.size === 0
      ? whyStalled({ candidates: swarm.candidates, peers: new Map() }, sources)
      : swarm.outcome
  const tell = () => {
    const { offering, size: peers } = swarm
    progress?.({ peers, offering, ...swarm.progress, reason: why() })
  }
  sources.on('peers', (peers, source) => swarm.add(peers, source))
  for (const part of [sources, swarm]) part.on('warning', (error: TsdlError) => warning?.(error))
  let timer: Timer | undefined
  let abort = () => {}
  let fetched = false
  try {
    const info = await new Promise<Buffer>((resolve, reject) => {
      let last = clock.now()
      let had = 0
      const tick = () => {
        const now = clock.now()
        if (swarm.progress.have !== had) last = now
        had = swarm.progress.have
        if (timeout > 0 && now - last > timeout) {
          const hash = infoHash.toString('hex')
          reject(
            new StalledError(
              'ERR_STALLED',
              `no metadata for ${hash}: ${why()}; nothing for ${timeout / 1000} s`,
            ),
          )
          return
        }
        swarm.tick(now)
        tell()
        timer = clock.setTimeout(tick, TICK)
      }
      swarm.on('complete', resolve)
      abort = () => reject(aborted(signal!))
      signal?.addEventListener('abort', abort)
      listener?.add(infoHash, accepted => swarm.accept(accepted))
      tick()
      sources.start()
    })
    const metainfo = await metainfoOf(info, magnet, pick(options, 'portableNames', 'platform'))
    clock.clearTimeout(timer)
    await Promise.race([
      swarm.end(),
      new Promise<void>(resolve => {
        timer = clock.setTimeout(resolve, GOODBYE)
      }),
    ])
    fetched = true
    return { metainfo, peers: known(swarm, metainfo.private) }
  } finally {
    clock.clearTimeout(timer)
    signal?.removeEventListener('abort', abort)
    listener?.remove(infoHash)
    swarm.close()
    // Who has it goes on at once, and does not wait for trackers to take note.
    const stopped = sources.stop()
    if (!fetched) await stopped
  }
}

/** Sources of peers that a private torrent must not have. */
const PUBLIC = new Set(['DHT', 'LSD', 'PEX'])

function known({ donors }: MetadataSwarm, isPrivate: boolean): PeerAddress[] {
  return donors.filter(({ source }) => !isPrivate || !PUBLIC.has(source)).map(({ address }) => address)
}

function aborted({ reason }: AbortSignal): Error {
  return new StalledError('ERR_ABORTED', `fetching metadata was given up: ${messageOf(reason)}`, reason)
}
