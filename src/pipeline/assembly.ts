import { randomBytes } from 'node:crypto'
import { systemClock } from '../clock.ts'
import { Bitfield } from '../codec/bitfield.ts'
import { addressBytes, formatAddress } from '../codec/compact.ts'
import { makePeerId } from '../codec/peer-id.ts'
import { InputError, type TsdlError } from '../errors.ts'
import type { Metainfo } from '../metainfo/metainfo.ts'
import { pick } from '../pick.ts'
import { WindowStorage } from '../storage/window-storage.ts'
import { RUN_LENGTH } from '../streams/run.ts'
import { VERSION } from '../version.ts'
import { Intake } from './intake.ts'
import { limitsOf } from './limits.ts'
import { PeerSources } from './peer-sources.ts'
import { PiecePool } from './piece-pool.ts'
import { Recheck } from './recheck.ts'
import { Reputation } from './reputation.ts'
import { Suggestions } from './suggestions.ts'
import { SuperSeed } from './super-seed.ts'
import { Swarm } from './swarm.ts'
import type { TorrentOptions } from './torrent-options.ts'
import { TrustedReads } from './trusted-reads.ts'
import { Unchoker } from './unchoker.ts'
import { missingBytes, wantedPieces } from './wanted.ts'
import { WebSeeds } from './web-seeds.ts'

/** The parts of one torrent, joined. */
export interface Assembly {
  /** What goes on between the peers and the storage. */
  readonly intake: Intake
  readonly swarm: Swarm
  readonly webSeeds: WebSeeds
  readonly unchoker: Unchoker
  readonly sources: PeerSources
  /** What reads pieces again when another program changed their files. */
  readonly recheck: Recheck
  /** Reads verified pieces, for peers and readers. */
  readonly reads: TrustedReads
}

export interface AssemblyOptions {
  readonly metainfo: Metainfo
  readonly options: TorrentOptions
  /** What is verified and at rest. */
  readonly verified: Bitfield
  /** A piece is verified and at rest. */
  readonly flushed: (index: number) => void
  /** A piece was in doubt, and is right. */
  readonly kept: (index: number) => void
  /** A piece was changed by another program, and is not there any more. */
  readonly lost: (index: number) => void
  /** True once all that was asked for was verified and at its paths. */
  readonly done: () => boolean
  /** Aborted when the torrent ends. */
  readonly signal: AbortSignal
  readonly warning: (error: TsdlError) => void
  /** Our storage failed. */
  readonly failed: (error: Error) => void
}

const MiB = 1 << 20
/** Runs of blocks for peers that are kept for the next one: a few are served at a time. */
const RUNS_KEPT = 32

/** Makes the parts of a torrent and joins them; nothing of it runs yet. */
export function assemble(given: AssemblyOptions): Assembly {
  const { metainfo, options, verified, done, flushed, kept, lost, signal, warning, failed } = given
  const { infoHash, length, pieceCount, pieceLength } = metainfo
  const { clock = systemClock, memory = 64 * MiB, maxPeers = 100, random = Math.random } = options
  const { connect, down, listener, encryption = 'prefer', onDemand = false, storage, up } = options
  const windowed = storage instanceof WindowStorage
  const bind = dialledFrom(options.bind)
  const peerId = options.peerId ?? makePeerId(VERSION, randomBytes(12))
  const reputation = new Reputation(() => clock.now())
  const recheck = new Recheck({
    metainfo,
    storage,
    verified,
    kept,
    lost: index => {
      intake.lost(index)
      for (const peer of swarm.peers.keys()) peer.lack(index)
      lost(index)
    },
    warning,
    failed,
    signal,
  })
  const reads = new TrustedReads(metainfo, storage, recheck, clock)
  const intake: Intake = new Intake({
    metainfo,
    storage,
    memory,
    random,
    wanted: options.wanted ?? wantedPieces(metainfo, options.select),
    verified,
    ...pick(options, 'onDemand', 'sequential', 'sharedMemory'),
    flushed,
    reputation,
    ban: (name, reason) => {
      swarm.ban(name, reason)
      webSeeds.ban(name, reason)
    },
  })
  const complete = () => done() && intake.left === 0
  const limits = limitsOf({ clock, memory, up, down, peers: () => swarm.peers.size })
  const webSeeds: WebSeeds = new WebSeeds({
    metainfo,
    intake,
    limits,
    clock,
    userAgent: `tsdl/${VERSION}`,
    named: options.webSeeds,
    allowLocal: options.allowLocal,
    urls: options.webSeedUrls,
    open: options.http,
  })
  webSeeds.on('warning', warning)
  const superSeed = options.superSeed
    ? new SuperSeed({ source: intake.scheduler, pieceCount, random })
    : undefined
  const swarm: Swarm = new Swarm({
    maxPeers,
    maxPerAddress: options.maxPeersPerAddress,
    reputation,
    context: {
      infoHash,
      peerId,
      info: metainfo.info,
      length,
      pieceCount,
      pieceLength,
      clock,
      client: `tsdl ${VERSION}`,
      encryption,
      port: () => listener?.port,
      dht: () => sources.dht,
      pex: options.pex !== false && !metainfo.private,
      load: { waiting: 0 },
      ...(connect ? { connect } : {}),
      ...(bind ? { bind } : {}),
      download: { source: superSeed ?? intake.scheduler, funnel: intake.funnel },
      upload: {
        storage: reads,
        // what a reader has taken is gone: nothing of it is promised to anybody
        has: index => !windowed && recheck.trusts(index),
        told: windowed || superSeed ? new Bitfield(pieceCount) : verified,
        hidden: superSeed !== undefined,
        only: complete,
        pool: new PiecePool(RUN_LENGTH, RUNS_KEPT),
        suggestions: new Suggestions({
          pieceCount,
          pieceLength,
          random,
          copies: index => intake.scheduler.copies(index),
        }),
        // What another program changed is no failure of ours: it is read again.
        failed: (error, index) => {
          if (recheck.trusts(index)) failed(error)
        },
      },
      limits,
    },
  })
  swarm.on('warning', warning)
  swarm.on('connected', ({ requester, address }) => intake.names.set(requester, formatAddress(address)))
  swarm.on('connected', peer => superSeed?.join(peer.requester, index => peer.have(index)))
  const unchoker = new Unchoker({
    peers: () => swarm.peers.keys(),
    seeding: complete,
    uploaded: () => swarm.uploaded,
    limit: up,
    random,
  })
  swarm.on('interest', () => unchoker.changed(clock.now()))
  const sources: PeerSources = new PeerSources({
    infoHash,
    peerId,
    private: metainfo.private,
    tiers: options.trackers === false ? [] : metainfo.trackers,
    ...pick(metainfo, 'nodes'),
    ...pick(options, 'allowLocal', 'dht', 'lsd', 'peers'),
    port: () => listener?.port,
    clock,
    random,
    stats: () => {
      // A window keeps nothing for readers on demand.
      const left = windowed && onDemand ? length : missingBytes(metainfo, verified)
      return {
        uploaded: swarm.uploaded,
        downloaded: swarm.downloaded + webSeeds.downloaded,
        left,
        // What a reader has taken is gone: a window is no seed, not even a partial one.
        partial: left > 0 && complete() && !windowed,
      }
    },
  })
  sources.on('peers', (peers, source) => swarm.add(peers, source))
  sources.on('warning', warning)
  return { intake, swarm, webSeeds, unchoker, sources, recheck, reads }
}

/** The address to dial from; none where all will do. @throws InputError when it is no IP address */
function dialledFrom(bind: string | undefined): string | undefined {
  if (bind === undefined) return undefined
  const bytes = addressBytes(bind.replace(/%.*$/, '')) // without the zone of a link-local one
  if (bytes) return bytes.some(byte => byte > 0) ? bind : undefined
  throw new InputError('ERR_USAGE', `bind: expected an IP address of this machine, got ${bind}`)
}
