import type { AddressRanges } from '../../codec/address-ranges.ts'

/** The addresses to which no torrent of a client connects, and from which it accepts no connection. */
export interface Blocklist {
  /** Replaced as a whole. Swarms end connections to addresses in new ranges at their next tick. */
  readonly ranges: AddressRanges | undefined
}
