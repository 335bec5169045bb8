import type { Evidence, PeerOutcome } from './bottleneck.ts'

/** The inputs of `findBottleneck`. */
export interface Situation {
  /** Why nothing is to be downloaded, in words; undefined while something is. */
  readonly idle: string | undefined
  /** True while the metadata of a magnet link is missing. */
  readonly lacksMetadata: boolean
  readonly evidence: Evidence
  /** The number of open readers. */
  readonly readers: number
  /** Our limit of the download rate in bytes per second; Infinity for none. */
  readonly downLimit: number
  /** Web seeds, useful or not. */
  readonly knownWebSeeds: number
  /** Pieces that may be in flight, and the bytes of each. */
  readonly admittedPieces: number
  readonly pieceLength: number
  /** Returns a sentence on why nothing arrives: from the peers, or from the sources of peers. */
  explain(): string
  /** Returns the outcome of each peer, at most 20. */
  listOutcomes(): readonly PeerOutcome[]
}
