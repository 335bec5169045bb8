import { createHmac, timingSafeEqual } from 'node:crypto'

/** Time for which a secret creates tokens, milliseconds. Its tokens are valid for another such period. */
const SECRET_LIFETIME_MS = 300_000
/** Length of a token in bytes. */
const TOKEN_LENGTH = 8

/**
 * Creates and checks announce tokens (BEP 5). A token proves that a node received our reply at its address within the
 * last ten minutes.
 *
 * Inputs: the address, the info-hash, the time, and random secrets.
 */
export class Tokens {
  readonly #randomBytes: (size: number) => Uint8Array
  #period = Number.NEGATIVE_INFINITY
  #secrets: Uint8Array[] = []

  /** @param randomBytes returns unpredictable bytes */
  constructor(randomBytes: (size: number) => Uint8Array) {
    this.#randomBytes = randomBytes
  }

  /** Returns the token for a node at `host`, at `now` ms. */
  make(host: string, infoHash: Uint8Array, now: number): Buffer {
    this.#turn(now)
    return tokenOf(this.#secrets[0]!, host, infoHash)
  }

  /** Returns true if we gave this token to `host` for this info-hash. It is valid for five to ten minutes. */
  accepts(token: Uint8Array, host: string, infoHash: Uint8Array, now: number): boolean {
    this.#turn(now)
    if (token.length !== TOKEN_LENGTH) return false
    return this.#secrets.some(secret => timingSafeEqual(tokenOf(secret, host, infoHash), token))
  }

  #turn(now: number): void {
    const period = Math.floor(now / SECRET_LIFETIME_MS)
    if (period === this.#period) return
    // the last secret stays valid only if it is from the previous period
    const before = period === this.#period + 1 ? this.#secrets.slice(0, 1) : []
    this.#secrets = [Uint8Array.from(this.#randomBytes(20)), ...before]
    this.#period = period
  }
}

function tokenOf(secret: Uint8Array, host: string, infoHash: Uint8Array): Buffer {
  return createHmac('sha1', secret).update(infoHash).update(host).digest().subarray(0, TOKEN_LENGTH)
}
