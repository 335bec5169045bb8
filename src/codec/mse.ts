import { createHash } from 'node:crypto'
import { Rc4 } from './rc4.ts'

/**
 * The policy for Message Stream Encryption:
 *
 * - `prefer`: accept encrypted and plain connections, and dial both ways
 * - `require`: use only encrypted connections
 * - `off`: use only plain connections
 */
export type Encryption = 'prefer' | 'require' | 'off'

/** The bits of `crypto_provide` and `crypto_select`: the method of the stream after the handshake. */
export const CRYPTO_METHODS = { plaintext: 1, rc4: 2 } as const

/** Maximum length of a padding, in bytes. */
export const MAX_PAD = 512

/** The verification constant, 8 zero bytes. Only a peer that knows the secret and the torrent can encrypt it. */
export const VERIFICATION_CONSTANT: Buffer = Buffer.alloc(8)

/** The ciphers of the two directions of an encrypted connection. */
export interface Ciphers {
  readonly incoming: Rc4
  readonly outgoing: Rc4
}

/** Bytes of the keystream to discard. The first bytes of an RC4 keystream reveal parts of its key. */
const DISCARDED_BYTES = 1024

/** Creates the ciphers of one side. */
export function ciphersOf(secret: Uint8Array, infoHash: Uint8Array, side: 'initiator' | 'receiver'): Ciphers {
  const a = new Rc4(hash('keyA', secret, infoHash), DISCARDED_BYTES)
  const b = new Rc4(hash('keyB', secret, infoHash), DISCARDED_BYTES)
  return side === 'initiator' ? { incoming: b, outgoing: a } : { incoming: a, outgoing: b }
}

/** Returns the 20 bytes after which the initiator's encrypted part begins. */
export function syncMark(secret: Uint8Array): Buffer {
  return hash('req1', secret)
}

/** Returns the 20 bytes that identify a torrent to the receiver without revealing its info-hash. */
export function torrentMark(infoHash: Uint8Array): Buffer {
  return hash('req2', infoHash)
}

/** Masks a torrent's mark with the secret, as it is sent. The same call removes the mask. */
export function masked(mark: Uint8Array, secret: Uint8Array): Buffer {
  return hash('req3', secret).map((byte, at) => byte ^ mark[at]!) as Buffer
}

function hash(name: string, ...parts: readonly Uint8Array[]): Buffer {
  const sha1 = createHash('sha1').update(name)
  for (const part of parts) sha1.update(part)
  return sha1.digest()
}
