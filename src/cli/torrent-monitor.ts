import { type Clock, formatAddress, systemClock, type Timer, type Torrent } from '../index.ts'
import type { Reporter, RunOutcome } from './reporter.ts'

/** Milliseconds between reports of progress. */
const REPORT_INTERVAL_MS = 1000
/** Milliseconds without a byte, while the download waits for peers, until a stall is reported. */
const STALL_MS = 10_000

/** Options of `TorrentMonitor`. */
export interface TorrentMonitorOptions {
  /** The time at which the run began. @default now */
  readonly start?: number
  /** True if only what is read is downloaded: then no time is left. @default false */
  readonly onDemand?: boolean
}

/** Reports the events of a torrent, its progress once a second, and stalls, until it is stopped. */
export class TorrentMonitor {
  readonly #torrent: Torrent
  readonly #reporter: Reporter
  readonly #clock: Clock
  readonly #start: number
  readonly #onDemand: boolean
  /** The time at which the selected files were complete. */
  #completedAt: number | undefined
  #timer: Timer | undefined
  /** Bytes received and bytes verified, added, at the last report. */
  #lastBytes = -1
  /** The time since which no byte came and the download waited for peers. */
  #idleSince: number
  /** True if this stall was reported. Cleared by the next byte. */
  #stallReported = false

  constructor(
    torrent: Torrent,
    reporter: Reporter,
    clock: Clock = systemClock,
    { onDemand = false, start = clock.now() }: TorrentMonitorOptions = {},
  ) {
    this.#onDemand = onDemand
    this.#torrent = torrent
    this.#reporter = reporter
    this.#clock = clock
    this.#start = start
    this.#idleSince = start
    this.#listen()
    this.#scheduleReport()
  }

  /** Stops the reports. */
  stop(): void {
    this.#clock.clearTimeout(this.#timer)
    this.#timer = undefined
  }

  /** Returns the result of the run so far. @param digests the SHA-256 of each file, in hex, by path */
  outcome(digests: ReadonlyMap<string, string> = new Map()): RunOutcome {
    const torrent = this.#torrent
    const { progress } = torrent
    const { verified, downloaded, uploaded, wasted, ratio, reused } = progress
    const now = this.#clock.now()
    return {
      verified,
      elapsed: secondsBetween(this.#start, now),
      downloadTime: secondsBetween(this.#start, this.#completedAt ?? now),
      downloaded,
      uploaded,
      ratio: Math.round(ratio * 1000) / 1000,
      wasted,
      reused,
      digests: Object.fromEntries(digests),
      // For many files the sources take much memory, and only the JSON output contains them.
      get sources() {
        const sources = torrent.files.map(({ path, index }) => ({
          path,
          from: torrent.contributionsTo(index),
        }))
        return sources.filter(({ from }) => from.length > 0)
      },
    }
  }

  #listen(): void {
    const torrent = this.#torrent
    const reporter = this.#reporter
    const { pieceCount } = torrent.metainfo
    torrent.on('checked', pieces => reporter.reportChecking(pieces, pieceCount))
    torrent.on('warning', ({ code, message }) => reporter.reportWarning(code, message))
    const reportConnected = ({ address, client }: Torrent['peers'][number]) =>
      reporter.reportPeer(formatAddress(address), client, 'connected')
    // The first peers of a magnet link connect before this monitor exists: they gave the metadata.
    for (const peer of torrent.peers) reportConnected(peer)
    torrent.on('connected', reportConnected)
    torrent.on('disconnected', ({ address, client }, reason) => {
      reporter.reportPeer(formatAddress(address), client, 'disconnected', reason)
    })
    torrent.on('webSeed', (url, state, reason) => reporter.reportPeer(url, 'web seed', state, reason))
    torrent.once('done', () => {
      this.#completedAt = this.#clock.now()
    })
  }

  #scheduleReport(): void {
    this.#timer = this.#clock.setTimeout(() => {
      this.#report()
      this.#scheduleReport()
    }, REPORT_INTERVAL_MS)
  }

  #report(): void {
    const { progress, started, waiting } = this.#torrent
    const now = this.#clock.now()
    if (started) this.#reporter.reportProgress(this.#onDemand ? { ...progress, eta: null } : progress)
    const bytes = progress.downloaded + progress.verified
    if (!waiting || bytes !== this.#lastBytes) {
      this.#lastBytes = bytes
      this.#idleSince = now
      this.#stallReported = false
    } else if (!this.#stallReported && now - this.#idleSince > STALL_MS) {
      this.#stallReported = true
      const { outcomes } = progress.bottleneck
      this.#reporter.reportStall('ERR_STALLED', this.#torrent.reason, outcomes)
    }
  }
}

function secondsBetween(start: number, end: number): number {
  return Math.round(end - start) / 1000
}
