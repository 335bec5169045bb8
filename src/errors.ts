/** Every error that tsdl raises: whose fault it is decides the class, what happened decides the code. */

/** What went wrong, for programs: stable names, documented in docs/errors.md. */
export type ErrorCode =
  // the caller
  | 'ERR_USAGE'
  | 'ERR_BENCODE'
  | 'ERR_METAINFO'
  | 'ERR_PATH'
  | 'ERR_LISTEN'
  | 'ERR_BUSY'
  // a remote peer
  | 'ERR_HANDSHAKE'
  | 'ERR_MESSAGE'
  | 'ERR_MESSAGE_TOO_LONG'
  | 'ERR_CONNECTION'
  | 'ERR_TIMEOUT'
  | 'ERR_BANNED'
  | 'ERR_CORRUPT'
  // a source of peers
  | 'ERR_TRACKER'
  | 'ERR_TRACKER_FAILURE'
  | 'ERR_TRACKER_WARNING'
  | 'ERR_DHT'
  // our disk or sink
  | 'ERR_STORAGE'
  | 'ERR_DISK_FULL'
  | 'ERR_PERMISSION'
  | 'ERR_LOCKED'
  | 'ERR_CHANGED'
  | 'ERR_RECORD'
  | 'ERR_MISMATCH'
  // nobody's
  | 'ERR_STALLED'
  | 'ERR_ABORTED'

/** What every error of ours carries: a stable `code`, and the system's own error as `cause`. */
export abstract class TsdlError extends Error {
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
    this.name = new.target.name
  }
}

/** The caller's fault: a value that cannot be what was asked for. Thrown at once, names the value. */
export class InputError extends TsdlError {}

/** A remote peer's fault: ends that peer's chain and nothing else. */
export class PeerError extends TsdlError {}

/** A tracker's fault: retried with backoff, ends nothing. */
export class DiscoveryError extends TsdlError {}

/** Our disk's or sink's fault: stops the torrent; what was verified is kept. */
export class StorageError extends TsdlError {}

/** The download was given up: nobody's fault that we can name better than the message does. */
export class StalledError extends TsdlError {}

/** The message of anything thrown, on one line. */
export function messageOf(error: unknown): string {
  const text =
    error instanceof Error
      ? error.message || (error as NodeJS.ErrnoException).code || error.name
      : String(error)
  return text.replace(/\s+/g, ' ').trim()
}
