import type { Rc4 } from '../../codec/rc4.ts'
import { type Done, Transform } from '../stage.ts'

/**
 * Encrypts the bytes for a peer, in place: the writer must not use the memory until it is sent.
 *
 * in            bytes for the peer
 * out           the same, encrypted
 * backpressure  takes one chunk before `start`, then none while 64 KiB wait
 * fails with    nothing of its own
 * BEP           none; Message Stream Encryption
 */
export class Encipher extends Transform<Uint8Array, Uint8Array> {
  #rc4: Rc4 | undefined
  #isStarted: boolean
  /** The first chunk, before `start`. */
  #held: { bytes: Uint8Array; readonly done: Done<Uint8Array> } | undefined

  /** @param rc4 the cipher; without it, call `start` */
  constructor(rc4?: Rc4) {
    super({ highWaterMark: 65536, byteLength: bytes => bytes.length || 1 })
    this.#rc4 = rc4
    this.#isStarted = rc4 !== undefined
  }

  /** Sends these bytes unencrypted, before those that are held. */
  sendPlain(bytes: Uint8Array): void {
    if (!this.destroying) this.push(bytes)
  }

  /** Returns the bytes that are held and forgets them: the caller sends them. */
  takeHeld(): Uint8Array {
    const bytes = this.#held?.bytes ?? new Uint8Array(0)
    if (this.#held) this.#held.bytes = new Uint8Array(0)
    return bytes
  }

  /** Sends all bytes from now on, encrypted with this cipher, or plain without one. */
  start(rc4: Rc4 | undefined): void {
    this.#rc4 = rc4
    this.#isStarted = true
    const held = this.#held
    this.#held = undefined
    if (!held) return
    if (held.bytes.length > 0) held.done(null, this.#rc4?.apply(held.bytes) ?? held.bytes)
    else held.done()
  }

  override _transform(bytes: Uint8Array, done: Done<Uint8Array>): void {
    if (this.#isStarted) done(null, this.#rc4?.apply(bytes) ?? bytes)
    else this.#held = { bytes, done }
  }

  override _predestroy(): void {
    const held = this.#held
    this.#held = undefined
    held?.done()
  }
}
