import {
  encodeMetadataMessage,
  METADATA_PIECE,
  metadataPieces,
  parseMetadataMessage,
} from '../../codec/metadata.ts'

/** Sends the answers. */
export interface MetadataTarget {
  /** Sends the payload of a ut_metadata message. @returns true if there is room for more; if not, `resume` is called later */
  sendMetadata(payload: Uint8Array): boolean
}

/** Maximum requests of one peer that wait until it has read the earlier answers. */
const MAX_WAITING = 64
/** Maximum copies of the metadata for one connection. */
const MAX_COPIES = 4

/**
 * Sends the metadata of a torrent to one peer (BEP 9). Rejects requests that are too many, or for pieces that do not exist.
 * While the peer does not read, nothing is sent to it.
 */
export class MetadataResponder {
  readonly #info: Uint8Array
  readonly #target: MetadataTarget
  readonly #pieces: number
  readonly #waiting: number[] = []
  /** Pieces that may still be sent. */
  #left: number
  #room = true

  /** @param info the raw info dictionary */
  constructor(info: Uint8Array, target: MetadataTarget) {
    this.#info = info
    this.#target = target
    this.#pieces = metadataPieces(info.length)
    this.#left = MAX_COPIES * this.#pieces
  }

  /** Answers a ut_metadata message, if it is a request. */
  handle(payload: Uint8Array): void {
    const message = parseMetadataMessage(payload)
    if (message?.type !== 'request') return
    const { piece } = message
    if (piece < this.#pieces && this.#waiting.length < MAX_WAITING && this.#left > 0) {
      this.#left--
      this.#waiting.push(piece)
      this.#serve()
    } else if (this.#room) this.#send(encodeMetadataMessage({ type: 'reject', piece }))
  }

  /** Continues to send, after the connection has drained. */
  resume(): void {
    this.#room = true
    this.#serve()
  }

  #serve(): void {
    const info = this.#info
    while (this.#room && this.#waiting.length > 0) {
      const piece = this.#waiting.shift()!
      const data = info.subarray(piece * METADATA_PIECE, (piece + 1) * METADATA_PIECE)
      this.#send(encodeMetadataMessage({ type: 'data', piece, totalSize: info.length, data }))
    }
  }

  #send(payload: Uint8Array): void {
    this.#room = this.#target.sendMetadata(payload)
  }
}
