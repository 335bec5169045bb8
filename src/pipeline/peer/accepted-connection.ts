import type net from 'node:net'
import type { Ciphers } from '../../codec/mse.ts'

/** An incoming connection with a known torrent. */
export interface AcceptedConnection {
  readonly socket: net.Socket
  /**
   * The decrypted bytes that were read already: a plain handshake up to its info-hash. After an encrypted handshake it
   * may be empty.
   */
  readonly head: Uint8Array
  /** The ciphers of the bytes that follow, if the connection is encrypted. */
  readonly ciphers?: Ciphers
}
