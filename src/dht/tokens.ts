import { createHmac, timingSafeEqual } from 'node:crypto'

/** Milliseconds that a secret is given out; what it made is taken for as long again. */
const SECRET_LIFE = 300_000
/** Bytes of a token. */
const LENGTH = 8

/**
 * What a node must show to announce a peer: that it got our answer at that address, not longer than ten minutes ago (BEP 5).
 *
 * Depends on: the address, the info-hash, the time, and secrets made of chance.
 */
export class Tokens {
  readonly #randomBytes: (size: number) => Uint8Array
  #period = Number.NEGATIVE_INFINITY
  #secrets: Uint8Array[] = []

  /** @param randomBytes so many bytes that nobody can guess */
  constructor(randomBytes: (size: number) => Uint8Array) {
    this.#randomBytes = randomBytes
  }

  /** The token for whoever asks from `host`, at `now` ms. */
  make(host: string, infoHash: Uint8Array, now: number): Buffer {
    this.#turn(now)
    return tokenOf(this.#secrets[0]!, host, infoHash)
  }

  /** Whether we gave this token to `host` for this info-hash, five to ten minutes ago at most. */
  accepts(token: Uint8Array, host: string, infoHash: Uint8Array, now: number): boolean {
    this.#turn(now)
    if (token.length !== LENGTH) return false
    return this.#secrets.some(secret => timingSafeEqual(tokenOf(secret, host, infoHash), token))
  }

  #turn(now: number): void {
    const period = Math.floor(now / SECRET_LIFE)
    if (period === this.#period) return
    // the one before is still good if it is that of the period before
    const before = period === this.#period + 1 ? this.#secrets.slice(0, 1) : []
    this.#secrets = [Uint8Array.from(this.#randomBytes(20)), ...before]
    this.#period = period
  }
}

function tokenOf(secret: Uint8Array, host: string, infoHash: Uint8Array): Buffer {
  return createHmac('sha1', secret).update(infoHash).update(host).digest().subarray(0, LENGTH)
}
