import { formatAddress } from '../../codec/compact.ts'
import type { Evidence, FastestPeer, PeerOutcome } from '../diagnosis/bottleneck.ts'
import type { Situation } from '../diagnosis/situation.ts'
import type { Peer } from '../peer/peer.ts'
import type { Pieces } from '../pieces/pieces.ts'
import type { AvailabilityGauge } from './availability-gauge.ts'
import type { Counters } from './counters.ts'
import { reportPeers, stallReason } from './diagnosis.ts'
import type { TorrentParts } from './progress.ts'

/** Maximum number of peers of which the outcome is listed. */
const MAX_OUTCOMES = 20

/** The measurements of a torrent. */
export interface Measured {
  /** The counters of its stages at two times; undefined if they were not read. */
  readonly first: Counters | undefined
  readonly last: Counters | undefined
  readonly availability: AvailabilityGauge
}

/** Describes a torrent, from its parts and what was measured. */
export function situationOf(parts: TorrentParts, measured: Measured): Situation {
  const { content, network } = parts
  const { metainfo, pipeline } = content?.pieces ?? {}
  return {
    idle: findIdleReason(parts),
    lacksMetadata: parts.state === 'metadata',
    evidence: evidenceOf(parts, measured),
    readers: pipeline?.cursors.size ?? 0,
    downLimit: network.activeContext?.limits.down?.rate ?? Number.POSITIVE_INFINITY,
    knownWebSeeds: content?.webSeeds?.size ?? 0,
    admittedPieces: pipeline?.scheduler.admitted ?? 0,
    pieceLength: metainfo?.pieceLength ?? 0,
    explain: () => stallReason(parts),
    listOutcomes: () => listOutcomes(parts),
  }
}

function findIdleReason({ content, metainfo, state }: TorrentParts): string | undefined {
  if (state === 'metadata') return metainfo ? 'there is no storage yet' : undefined
  if (state === 'checking') return 'existing files are being checked'
  if (state !== 'downloading') return state === 'seeding' ? 'nothing is missing' : state
  const { finished = false, retains = true, wanted } = content?.pieces ?? {}
  return finished || (retains && wanted?.left === 0) ? 'nothing is missing' : undefined
}

function listOutcomes(parts: TorrentParts): PeerOutcome[] {
  const outcomes: PeerOutcome[] = []
  for (const { address, what } of reportPeers(parts)) {
    if (outcomes.length === MAX_OUTCOMES) break
    outcomes.push({ address: formatAddress(address), outcome: what })
  }
  return outcomes
}

function evidenceOf(
  { content, network, now }: TorrentParts,
  { availability, first, last }: Measured,
): Evidence {
  const { pieces, webSeeds } = content ?? {}
  const { activeSwarm } = network
  const connected = activeSwarm?.connected ?? []
  const useful = connected.filter(({ requester }) => isUseful(requester, pieces))
  const ms = first && last ? last.at - first.at : 0
  /** The growth of a counter. One begins again at 0 when its stage is replaced. */
  const grown = (name: Exclude<keyof Counters, 'loop'>) =>
    first && last ? Math.max(0, last[name] - first[name]) : 0
  const share = (name: Exclude<keyof Counters, 'loop'>, of = ms) => (of > 0 ? round(grown(name) / of) : 0)
  const waits = grown('unchoke') + grown('blocks') + grown('work')
  const loop = loopOf(first, last)
  return {
    seconds: ms / 1000,
    rate: ms > 0 ? Math.round((grown('downloaded') * 1000) / ms) : 0,
    peers: {
      known: (activeSwarm?.candidates.idleCount ?? 0) + (activeSwarm?.peers.size ?? 0),
      connected: connected.length,
      useful: useful.length,
      choking: useful.filter(({ requester }) => requester.peerChoking).length,
    },
    webSeeds: webSeeds?.active ?? 0,
    availability: pieces ? round(availability.read(pieces, connected, now)) : 0,
    shares: {
      choked: share('unchoke', waits),
      blocks: share('blocks', waits),
      work: share('work', waits),
      downLimit: share('downLimit'),
      disk: pieces?.windowed ? 0 : share('writeWait'),
      reader: pieces ? readerShareOf(pieces, ms, grown('readerWait'), grown('writeWait')) : null,
      memory: share('memoryWait'),
      hash: share('hash'),
      hashThreads: share('threadWait'),
      loop: loop && round(loop.share),
    },
    writeMs: grown('writes') > 0 && !pieces?.windowed ? round(grown('writeTime') / grown('writes')) : null,
    loopDelayMs: loop && round(loop.delayMs),
    fastest: fastestOf(useful, network.activeContext?.limits.window() ?? 0),
  }
}

/** Returns true if a peer has pieces that we lack. Interest does not end with pieces that are passed on and not kept. */
function isUseful({ amInterested, bits }: Peer['requester'], pieces: Pieces | undefined): boolean {
  if (!amInterested || !pieces || pieces.retains) return amInterested
  const { verified, wanted } = pieces
  return wanted.bits.bytes.some((byte, at) => (byte & ~verified.bytes[at]! & bits.bytes[at]!) !== 0)
}

/**
 * The share of the time in which no reader waits for bytes, or the pieces that readers have not released fill the memory; null
 * if no reader paces the download.
 */
function readerShareOf(pieces: Pieces, ms: number, readerWait: number, writeWait: number): number | null {
  if (!pieces.isPacedByReaders) return null
  if (ms === 0) return pieces.pipeline?.cursors.isAwaited ? 0 : 1
  return round(Math.max(0, 1 - readerWait / ms, pieces.windowed ? writeWait / ms : 0))
}

function loopOf(first: Counters | undefined, last: Counters | undefined) {
  if (!first?.loop || !last?.loop) return null
  const busy = last.loop.busyMs - first.loop.busyMs
  const all = busy + last.loop.idleMs - first.loop.idleMs
  const timers = last.loop.timers - first.loop.timers
  const delay = last.loop.delayMs - first.loop.delayMs
  return { share: all > 0 ? busy / all : 0, delayMs: timers > 0 ? Math.max(0, delay / timers) : 0 }
}

/** @param maxCount requests to one peer that our memory allows */
function fastestOf(peers: readonly Peer[], maxCount: number): FastestPeer | null {
  let fastest: Peer | undefined
  for (const peer of peers) if (peer.down.rate > (fastest?.down.rate ?? 1)) fastest = peer
  if (!fastest || fastest.window.meanWaitMs === undefined) return null
  const { address, down, window } = fastest
  const requestLimit = !window.isCapped ? null : window.size < maxCount ? 'peer' : 'memory'
  return {
    address: formatAddress(address),
    rate: Math.round(down.rate),
    requests: window.size,
    requestLimit,
    roundTripMs: round(window.roundTrip),
    waitMs: round(window.meanWaitMs!),
  }
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000
}
