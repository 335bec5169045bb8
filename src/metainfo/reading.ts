/** The settings for reading a torrent. */
import type { ScanLimits } from '../codec/bencode-scan.ts'
import type { Warn } from './warnings.ts'

/** The limits of a torrent. */
export interface Limits extends ScanLimits {
  readonly maxFiles: number
  /** The end of error messages about these limits: what to do. */
  readonly advice: string
}

/** The limits, the rule for file names, and the receiver of warnings. */
export interface Reading {
  readonly limits: Limits
  /** True to replace what is invalid on Windows. */
  readonly portable: boolean
  readonly warn: Warn
}
