import type { Rc4 } from '../../codec/rc4.ts'
import { type Done, Transform } from '../stage.ts'

/**
 * Encrypts what goes to a peer, in place: the writer must not use that memory until it is sent.
 *
 * in            bytes for the peer
 * out           the same, encrypted
 * backpressure  takes nothing before `settle`, then nothing while 64 KiB wait
 * fails with    nothing of its own
 * BEP           none; Message Stream Encryption
 */
export class Encipher extends Transform<Uint8Array, Uint8Array> {
  #rc4: Rc4 | undefined
  #settled: boolean
  /** What came first, while it is not known what becomes of it. */
  #held: { bytes: Uint8Array; readonly done: Done<Uint8Array> } | undefined

  /** @param rc4 what to encrypt with; if it is not given, `settle` says it */
  constructor(rc4?: Rc4) {
    super({ highWaterMark: 65536, byteLength: bytes => bytes.length || 1 })
    this.#rc4 = rc4
    this.#settled = rc4 !== undefined
  }

  /** Sends these bytes as they are, ahead of what is held. */
  say(bytes: Uint8Array): void {
    if (!this.destroying) this.push(bytes)
  }

  /** Returns the bytes that are held and forgets them: the caller sends them. */
  takeHeld(): Uint8Array {
    const bytes = this.#held?.bytes ?? new Uint8Array(0)
    if (this.#held) this.#held.bytes = new Uint8Array(0)
    return bytes
  }

  /** Lets everything go, encrypted with this, or plain. */
  settle(rc4: Rc4 | undefined): void {
    this.#rc4 = rc4
    this.#settled = true
    const held = this.#held
    this.#held = undefined
    if (!held) return
    if (held.bytes.length > 0) held.done(null, this.#rc4?.apply(held.bytes) ?? held.bytes)
    else held.done()
  }

  override _transform(bytes: Uint8Array, done: Done<Uint8Array>): void {
    if (this.#settled) done(null, this.#rc4?.apply(bytes) ?? bytes)
    else this.#held = { bytes, done }
  }

  override _predestroy(): void {
    const held = this.#held
    this.#held = undefined
    held?.done()
  }
}
