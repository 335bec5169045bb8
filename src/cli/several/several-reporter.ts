import type { Reporter } from '../reporter.ts'

/** Numbers of all torrents of a run together. */
export interface SeveralTotals {
  /** The number of sources, and of those that are complete or failed. */
  readonly torrents: number
  readonly complete: number
  readonly failed: number
  /** Bytes of the torrents with known metadata. */
  readonly verified: number
  readonly total: number
  readonly uploaded: number
  /** Bytes per second. */
  readonly downSpeed: number
  readonly upSpeed: number
  readonly peers: number
  /** Seconds until all are complete, or null. */
  readonly eta: number | null
}

/** A source of a run, as its reports name it. */
export interface NamedSource {
  /** The source as it was given. */
  readonly source: string
  /** In hex, once it is known. */
  readonly infoHash?: string | undefined
  readonly name?: string | undefined
}

/** Reports the events of a run with several sources. */
export interface SeveralReporter {
  /** Creates the reporter of one source. @param describe returns what is known of it now */
  createReporter(describe: () => NamedSource): Reporter
  reportListening(address: string): void
  reportServing(url: string): void
  reportWarning(code: string, message: string): void
  /** The run failed, and not only one of its sources. It is the last event. */
  reportError(code: string, message: string, exit: number): void
  reportTotals(totals: SeveralTotals): void
  /** A signal ends the run. @param advice says how to continue */
  reportInterruption(advice: string): void
  /** The end of the run. It is the last event. */
  reportEnd(totals: SeveralTotals, exit: number): void
  close(): void
}
