import type { ByteLimit } from '../byte-limit.ts'
import type { HashSource } from './hash-responder.ts'

/** The values that are known once the metadata is. */
export interface ResponderTorrent {
  /** Bytes of each piece but the last, and of all. */
  readonly pieceLength: number
  readonly length: number
  /**
   * Returns the bytes of a piece that the peer may request, or 0 if there is no such piece.
   * @default `pieceLength`, and what is left of `length` for the last piece
   */
  readonly sizeOf?: (index: number) => number
  /** Reads the bytes. Resolves with the number of bytes that were available. */
  readonly storage: { read(position: number, target: Uint8Array): Promise<number> }
  /** Returns true if we have a piece. */
  readonly has: (index: number) => boolean
  /** The hashes of a v2 or hybrid torrent. @default none: requests for hashes are rejected */
  readonly hashes?: HashSource | undefined
}

/** Decides how a peer is served: a policy. */
export interface UploadPolicy {
  /** Blocks to read and send at once, up to 16. */
  readonly maxBlocks: number
  /** Returns true if requests for this piece wait behind all others. */
  defers(index: number): boolean
}

/** Options of `Responder`. */
export interface ResponderOptions extends Partial<ResponderTorrent> {
  /** Maximum requests that wait; more are rejected. @default 500 */
  readonly maxQueued?: number
  readonly limit?: ByteLimit
  readonly policy?: UploadPolicy
  /** Memory of at least this many bytes for runs of up to 16 blocks with their headers. @default new memory for each */
  readonly pool?: { take(length: number): Uint8Array; give(bytes: Uint8Array): void }
  /** Called with the error of a read of a piece, after its requests were rejected. */
  readonly onReadError?: (error: Error, index: number) => void
}

/** Returns the bytes of a piece that the peer may request. */
export function sizeOf({ length, pieceLength, sizeOf }: ResponderTorrent, index: number): number {
  return sizeOf?.(index) ?? Math.min(pieceLength, length - index * pieceLength)
}
