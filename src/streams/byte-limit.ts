/** Who says when so many bytes may go on. */
export interface ByteLimit {
  /** Calls `go` when it is time, at once if it can: then there is nothing to cancel. Each `who` has an equal share. */
  take(bytes: number, go: () => void, who: object): object | undefined
  cancel(ticket: object): void
}
