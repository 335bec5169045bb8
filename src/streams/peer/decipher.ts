import { checkOptions } from '../../codec/check-arguments.ts'
import type { HandshakeRunner } from '../../codec/handshake-runner.ts'
import type { Ciphers } from '../../codec/mse.ts'
import type { Rc4 } from '../../codec/rc4.ts'
import { type Done, Transform } from '../stage.ts'

/** Options of `Decipher`. */
export interface DecipherOptions {
  /** The cipher of the bytes, if the handshake is complete. */
  readonly rc4?: Rc4
  /** Decrypted bytes that were read before. */
  readonly head?: Uint8Array
  /** The handshake before the encrypted bytes. */
  readonly handshake?: HandshakeRunner<Ciphers | undefined>
  /** Called when the handshake is complete. */
  readonly onSettled?: (ciphers: Ciphers | undefined) => void
  /** Called with each chunk of the handshake after its last byte was used. */
  readonly onConsumed?: (chunk: Uint8Array) => void
}

/**
 * Decrypts the bytes of a peer, in place.
 *
 * in            chunks of the socket, the MSE handshake first unless it is complete
 * out           the same chunks, decrypted
 * backpressure  takes no chunk while one waits
 * fails with    PeerError ERR_HANDSHAKE: an invalid handshake
 * BEP           none; Message Stream Encryption
 */
export class Decipher extends Transform<Uint8Array, Uint8Array> {
  #rc4: Rc4 | undefined
  #handshake: HandshakeRunner<Ciphers | undefined> | undefined
  readonly #options: DecipherOptions

  constructor(options: DecipherOptions) {
    checkOptions(options, { rc4: 'object', head: 'bytes', handshake: 'object' })
    super({ highWaterMark: 65536, byteLength: bytes => bytes.length || 1 })
    this.#options = options
    this.#rc4 = options.rc4
    this.#handshake = options.handshake
    if (options.head && options.head.length > 0) this.push(options.head)
  }

  override _transform(chunk: Uint8Array, done: Done<Uint8Array>): void {
    if (this.#handshake) this.#takeHandshake(this.#handshake, chunk, done)
    else done(null, this.#rc4?.apply(chunk) ?? chunk)
  }

  #takeHandshake(
    handshake: HandshakeRunner<Ciphers | undefined>,
    chunk: Uint8Array,
    done: Done<Uint8Array>,
  ): void {
    const { onConsumed, onSettled } = this.#options
    try {
      const end = handshake.take(chunk)
      onConsumed?.(chunk)
      if (end) {
        this.#handshake = undefined
        this.#rc4 = end.result?.incoming
        onSettled?.(end.result)
        if (end.rest.length > 0) this.push(this.#rc4?.apply(end.rest) ?? end.rest)
      }
    } catch (error) {
      done(error as Error)
      return
    }
    done()
  }
}
