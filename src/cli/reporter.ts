import type { Contribution, MetadataProgress, Metainfo, PeerOutcome, Progress } from '../index.ts'
import { describeError, exitCodeOf } from './exit.ts'

/** The result of a run. */
export interface RunOutcome
  extends Pick<Progress, 'verified' | 'downloaded' | 'uploaded' | 'wasted' | 'ratio' | 'reused'> {
  /** Seconds of the whole run. */
  readonly elapsed: number
  /** Seconds until everything was verified. The time of sharing after that is left out. */
  readonly downloadTime: number
  /** The SHA-256 of each file, in hex, by path. */
  readonly digests: Readonly<Record<string, string>>
  /** The path of the saved file or directory; null for standard output. */
  readonly output?: string | null
  /** The bytes of each file from each peer and web seed. */
  readonly sources: readonly FileSources[]
}

/** The origins of a file's bytes, those that gave most first. */
export interface FileSources {
  readonly path: string
  readonly from: readonly Contribution[]
}

/** Reports the events of a run on standard error, as text or as JSON. Nothing goes to standard output. */
export interface Reporter {
  /** The metadata is known. */
  reportMetadata(metainfo: Metainfo, selected: (index: number) => boolean): void
  /** A link's metadata is being fetched. */
  reportFetching(progress: MetadataProgress): void
  /** `done` of `total` bytes or pieces are hashed. @param activity in words @default 'checking files' */
  reportChecking(done: number, total: number, activity?: string): void
  reportProgress(progress: Progress): void
  /** A peer or a web seed connected or disconnected. */
  reportPeer(address: string, client: string, state: 'connected' | 'disconnected', reason?: string): void
  /** `file` is correct up to `offset`; the download continues there. */
  reportResumption(file: string, offset: number): void
  /** The client accepts connections at this address. */
  reportListening(address: string): void
  /** The HTTP server serves files at this URL. */
  reportServing(url: string): void
  reportWarning(code: string, message: string): void
  /** No bytes were received for a while. @param reason a sentence */
  reportStall(code: string, reason: string, outcomes?: readonly PeerOutcome[]): void
  /** A download is complete. */
  reportDone(outcome: RunOutcome): void
  /** Sharing has ended, possibly by a signal. */
  reportShared(outcome: RunOutcome): void
  /** A signal ends the download. @param advice says what is kept and how to continue */
  reportInterruption(advice: string): void
  /** The run failed. It is the last event. */
  reportError(code: string, message: string, exit: number): void
  /** Ends the live line on a terminal. */
  close(): void
}

/** Reports the error that ended a run. Returns its exit code. */
export function reportFailure(error: unknown, reporter: Pick<Reporter, 'close' | 'reportError'>): number {
  const exit = exitCodeOf(error)
  const message = describeError(error)
  reporter.close()
  if (message !== undefined)
    reporter.reportError((error as { code?: string }).code ?? 'ERR_FAULT', message, exit)
  return exit
}
