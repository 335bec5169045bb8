/** Who says when so many bytes may go on. */
export interface ByteLimit {
  /** Calls `go` when it is time, at once if it can: then there is nothing to cancel. */
  take(bytes: number, go: () => void): object | undefined
  cancel(ticket: object): void
}
