import type { Metainfo } from '../metainfo/metainfo.ts'
import type { Given } from '../pipeline/pieces/contributions.ts'
import type { MetadataProgress, Progress } from '../pipeline/progress.ts'
import { exitOf, explain } from './exit.ts'

/** What a run ends with. */
export interface Outcome extends Pick<Progress, 'verified' | 'downloaded' | 'uploaded' | 'wasted' | 'ratio'> {
  /** Seconds of the whole run. */
  readonly elapsed: number
  /** Seconds until everything was verified: without those in which it was only shared. */
  readonly downloadTime: number
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
  /** A download has ended well. */
  done(outcome: Outcome): void
  /** Sharing has ended, also by a signal. */
  shared(outcome: Outcome): void
  error(code: string, message: string, exit: number): void
  /** Leaves the terminal as it was. */
  close(): void
}

/** Tells of what ended a run; returns the exit code that it stands for. */
export function reportFailure(error: unknown, reporter: Reporter): number {
  const exit = exitOf(error)
  const message = explain(error)
  reporter.close()
  if (message !== undefined) reporter.error((error as { code?: string }).code ?? 'ERR_FAULT', message, exit)
  return exit
}
