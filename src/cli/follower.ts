import { formatAddress } from '../codec/compact.ts'
import type { Torrent } from '../pipeline/torrent.ts'
import { type Clock, systemClock, type Timer } from '../ports/clock.ts'
import type { Outcome, Reporter } from './reporter.ts'

/** Milliseconds between reports of progress. */
const REPORT_INTERVAL_MS = 1000
/** Milliseconds without a byte, while the download waits for peers, until the reason is reported. */
const STALL_MS = 10_000

/** Reports how a torrent goes, once a second, until it is stopped. */
export class Follower {
  readonly #torrent: Torrent
  readonly #reporter: Reporter
  readonly #clock: Clock
  readonly #start: number
  /** When everything that was asked for was verified. */
  #completed: number | undefined
  #timer: Timer | undefined
  /** Bytes received or verified when last looked at. */
  #came = -1
  /** Since when no byte came, in so far as the download waits for peers. */
  #idleSince: number
  /** The reason was reported; another byte clears it. */
  #reported = false

  /** @param start when the run began @default now */
  constructor(torrent: Torrent, reporter: Reporter, clock: Clock = systemClock, start = clock.now()) {
    this.#torrent = torrent
    this.#reporter = reporter
    this.#clock = clock
    this.#start = start
    this.#idleSince = start
    this.#listen()
    this.#reportLater()
  }

  stop(): void {
    this.#clock.clearTimeout(this.#timer)
    this.#timer = undefined
  }

  /** How the run stands now. @param digests the SHA-256 of each file, in hex, by path */
  outcome(digests: ReadonlyMap<string, string> = new Map()): Outcome {
    const { files, progress } = this.#torrent
    const { verified, downloaded, uploaded, wasted, ratio } = progress
    const now = this.#clock.now()
    const sources = files.map(({ path, index }) => ({ path, from: this.#torrent.givenOf(index) }))
    return {
      verified,
      elapsed: secondsBetween(this.#start, now),
      downloadTime: secondsBetween(this.#start, this.#completed ?? now),
      downloaded,
      uploaded,
      ratio: Math.round(ratio * 1000) / 1000,
      wasted,
      digests: Object.fromEntries(digests),
      sources: sources.filter(({ from }) => from.length > 0),
    }
  }

  #listen(): void {
    const torrent = this.#torrent
    const reporter = this.#reporter
    const { pieceCount } = torrent.metainfo
    torrent.on('checked', pieces => reporter.checking(pieces, pieceCount))
    torrent.on('warning', ({ code, message }) => reporter.warning(code, message))
    torrent.on('connected', ({ address, client }) => {
      reporter.peer(formatAddress(address), client, 'connected')
    })
    torrent.on('disconnected', ({ address, client }, reason) => {
      reporter.peer(formatAddress(address), client, 'disconnected', reason)
    })
    torrent.on('webSeed', (url, state, reason) => reporter.peer(url, 'web seed', state, reason))
    torrent.once('done', () => {
      this.#completed = this.#clock.now()
    })
  }

  #reportLater(): void {
    this.#timer = this.#clock.setTimeout(() => {
      this.#report()
      this.#reportLater()
    }, REPORT_INTERVAL_MS)
  }

  #report(): void {
    const { progress, started, waiting } = this.#torrent
    const now = this.#clock.now()
    if (started) this.#reporter.progress(progress)
    const came = progress.downloaded + progress.verified
    if (!waiting || came !== this.#came) {
      this.#came = came
      this.#idleSince = now
      this.#reported = false
    } else if (!this.#reported && now - this.#idleSince > STALL_MS) {
      this.#reported = true
      this.#reporter.stalled('ERR_STALLED', this.#torrent.reason)
    }
  }
}

function secondsBetween(start: number, end: number): number {
  return Math.round(end - start) / 1000
}
