import type { HandshakeRunner } from '../../codec/handshake-runner.ts'
import type { Ciphers } from '../../codec/mse.ts'
import type { Rc4 } from '../../codec/rc4.ts'
import { type Done, Transform } from '../stage.ts'

/** Options of `Decipher`. */
export interface DecipherOptions {
  /** What the bytes are encrypted with, if the handshake is over. */
  readonly rc4?: Rc4
  /** What was read already, and is plain. */
  readonly head?: Uint8Array
  /** The handshake that comes first. */
  readonly handshake?: HandshakeRunner<Ciphers | undefined>
  /** Called when it is over. */
  readonly settled?: (ciphers: Ciphers | undefined) => void
  /** Called with each chunk of the handshake once nothing of it is needed any more. */
  readonly consumed?: (chunk: Uint8Array) => void
}

/**
 * Makes a peer's bytes plain, in place.
 *
 * in            chunks as the socket gave them, the MSE handshake first if that is not over
 * out           the same chunks, plain
 * backpressure  takes no chunk while one waits
 * fails with    PeerError ERR_HANDSHAKE: what the handshake must not be
 * BEP           none; Message Stream Encryption
 */
export class Decipher extends Transform<Uint8Array, Uint8Array> {
  #rc4: Rc4 | undefined
  #handshake: HandshakeRunner<Ciphers | undefined> | undefined
  readonly #options: DecipherOptions

  constructor(options: DecipherOptions) {
    super({ highWaterMark: 65536, byteLength: bytes => bytes.length || 1 })
    this.#options = options
    this.#rc4 = options.rc4
    this.#handshake = options.handshake
    if (options.head && options.head.length > 0) this.push(options.head)
  }

  override _transform(chunk: Uint8Array, done: Done<Uint8Array>): void {
    if (this.#handshake) this.#shake(this.#handshake, chunk, done)
    else done(null, this.#rc4?.apply(chunk) ?? chunk)
  }

  #shake(handshake: HandshakeRunner<Ciphers | undefined>, chunk: Uint8Array, done: Done<Uint8Array>): void {
    const { consumed, settled } = this.#options
    try {
      const end = handshake.take(chunk)
      consumed?.(chunk)
      if (end) {
        this.#handshake = undefined
        this.#rc4 = end.result?.incoming
        settled?.(end.result)
        if (end.rest.length > 0) this.push(this.#rc4?.apply(end.rest) ?? end.rest)
      }
    } catch (error) {
      done(error as Error)
      return
    }
    done()
  }
}
