/** How a torrent is read. */
import type { ScanLimits } from '../codec/bencode-scan.ts'
import type { Warn } from './warnings.ts'

/** How large a torrent may be. */
export interface Limits extends ScanLimits {
  readonly maxFiles: number
  /** What messages about these limits end in: what to do. */
  readonly advice: string
}

export interface Reading {
  readonly limits: Limits
  /** Whether names are replaced that only some systems take. */
  readonly portable: boolean
  readonly warn: Warn
}
