/** Where the bytes go, of a torrent that has begun to send them there. */
export interface Destination {
  /** Resolves once every byte is where it belongs. */
  transfer(): Promise<void>
  /** The SHA-256 of each file that went there whole, in hex, by path; filled once it is there. */
  readonly digests: Map<string, string>
}
