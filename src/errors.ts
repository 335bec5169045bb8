/** The errors of tsdl. The class says which side is at fault; the code says what happened. */

/** The stable codes of errors, documented in docs/errors.md. */
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
  // other
  | 'ERR_STALLED'
  | 'ERR_ABORTED'

/** The base of all errors: has a stable `code`, and a system error as `cause` if there is one. */
export abstract class TsdlError extends Error {
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
    this.name = new.target.name
  }
}

/** The caller passed an invalid value. Thrown at once; the message names the value. */
export class InputError extends TsdlError {}

/** A remote peer failed or broke the protocol. Ends its connection only. */
export class PeerError extends TsdlError {}

/** A tracker or the DHT failed. Retried with backoff; ends nothing. */
export class DiscoveryError extends TsdlError {}

/** The disk or the sink failed. Stops the torrent; verified data is kept. */
export class StorageError extends TsdlError {}

/** The download was given up, for the reason in the message. */
export class StalledError extends TsdlError {}

/** Returns the message of any thrown value, on one line. */
export function messageOf(error: unknown): string {
  const text =
    error instanceof Error
      ? error.message || (error as NodeJS.ErrnoException).code || error.name
      : String(error)
  return text.replace(/\s+/g, ' ').trim()
}
