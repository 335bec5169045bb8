/** The destination of a torrent that has begun. */
export interface DownloadDestination {
  /** Resolves when every byte is written. */
  transfer(): Promise<void>
  /** Shares what was written until the options end it. Called after `transfer`. */
  share?(): Promise<void>
  /** The SHA-256 of each complete file, in hex, by path. Filled by `transfer`. */
  readonly digests: Map<string, string>
}
