import { systemClock } from '../clock.ts'
import { formatAddress } from '../codec/compact.ts'
import type { Metainfo } from '../metainfo/metainfo.ts'
import type { MetadataProgress } from '../pipeline/fetch-metadata.ts'
import type { Progress } from '../pipeline/progress.ts'
import type { Given } from '../pipeline/provenance.ts'
import type { Torrent } from '../pipeline/torrent.ts'
import { exitOf, explain } from './exit.ts'

/** What a download ends with. */
export interface Outcome extends Pick<Progress, 'verified' | 'downloaded' | 'uploaded' | 'wasted'> {
  /** Seconds. */
  readonly elapsed: number
  /** The SHA-256 of each file, in hex, by path. */
  readonly digests: Readonly<Record<string, string>>
  /** Who gave how much of each file. */
  readonly sources: readonly FileSources[]
}

/** Where the bytes of a file came from, the most first. */
export interface FileSources {
  readonly path: string
  readonly from: readonly Given[]
}

/** Tells somebody how a download goes; each way of telling is a class of its own. Nothing goes to stdout. */
export interface Reporter {
  metadata(metainfo: Metainfo, selected: (index: number) => boolean): void
  /** A link's metadata is being fetched. */
  fetching(progress: MetadataProgress): void
  /** So much of all that is to be hashed before the job itself was. @param what in words @default what is there */
  checking(done: number, all: number, what?: string): void
  progress(progress: Progress): void
  peer(address: string, client: string, state: 'connected' | 'disconnected', reason?: string): void
  /** What `file` has is right so far: it goes on from there. */
  resumed(file: string, offset: number): void
  /** Others can reach us here. */
  listening(address: string): void
  /** Files are at this URL. */
  serving(url: string): void
  warning(code: string, message: string): void
  stalled(code: string, reason: string): void
  done(outcome: Outcome): void
  error(code: string, message: string, exit: number): void
  /** Leaves the terminal as it was. */
  close(): void
}

/** Milliseconds between reports of progress. */
const EVERY = 1000
/** Milliseconds without a block after which it is said why. */
const STALLED = 10_000

/** How a run that began at `start`, in ms of `systemClock.now()`, stands now. */
export function outcomeOf(
  torrent: Torrent,
  start: number,
  digests: ReadonlyMap<string, string> = new Map(),
): Outcome {
  const { verified, downloaded, uploaded, wasted } = torrent.progress
  const elapsed = Math.round(systemClock.now() - start) / 1000
  const sources = torrent.files.map(({ path, index }) => ({ path, from: torrent.givenOf(index) }))
  return {
    verified,
    elapsed,
    downloaded,
    uploaded,
    wasted,
    digests: Object.fromEntries(digests),
    sources: sources.filter(({ from }) => from.length > 0),
  }
}

/** Tells of what ended a run; returns the exit code that it stands for. */
export function reportFailure(error: unknown, reporter: Reporter): number {
  const exit = exitOf(error)
  const message = explain(error)
  reporter.close()
  if (message !== undefined) reporter.error((error as { code?: string }).code ?? 'ERR_FAULT', message, exit)
  return exit
}

/** Follows a download and tells `reporter`; returns what stops it. */
export function follow(torrent: Torrent, reporter: Reporter): () => void {
  const { pieceCount } = torrent.metainfo
  let came = -1
  let since = systemClock.now()
  let said = false
  torrent.on('checked', pieces => reporter.checking(pieces, pieceCount))
  torrent.on('warning', ({ code, message }) => reporter.warning(code, message))
  torrent.on('connected', ({ address, client }) => {
    reporter.peer(formatAddress(address), client, 'connected')
  })
  torrent.on('disconnected', ({ address, client }, reason) => {
    reporter.peer(formatAddress(address), client, 'disconnected', reason)
  })
  torrent.on('webSeed', (url, state, reason) => reporter.peer(url, 'web seed', state, reason))
  const tell = () => {
    if (!torrent.started) {
      since = systemClock.now()
      return
    }
    const { progress } = torrent
    reporter.progress(progress)
    const { downloaded, verified } = progress
    if (downloaded + verified !== came) {
      came = downloaded + verified
      since = systemClock.now()
      said = false
    } else if (!said && systemClock.now() - since > STALLED && progress.limit !== 'reader') {
      said = true
      reporter.stalled('ERR_STALLED', torrent.reason)
    }
  }
  const timer = setInterval(tell, EVERY)
  timer.unref()
  return () => clearInterval(timer)
}
