/** Limits a rate of bytes. */
export interface ByteLimit {
  /** True while all bytes may pass at once. It may change. @default false */
  readonly isUnlimited?: boolean
  /** Bytes per second; Infinity while there is no limit. @default not known */
  readonly rate?: number
  /**
   * Calls `go` once when this many bytes may pass. Each owner gets an equal share.
   * @returns a ticket for `cancel`, or undefined if `go` was called at once
   */
  take(bytes: number, go: () => void, owner: object): object | undefined
  /** Cancels the call of `go`. */
  cancel(ticket: object): void
}
