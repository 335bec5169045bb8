import { createHash } from 'node:crypto'
import { Rc4 } from './rc4.ts'

/**
 * What we do about Message Stream Encryption: `prefer` accepts both and dials both ways, `require` has no connection
 * without, `off` none with it.
 */
export type Encryption = 'prefer' | 'require' | 'off'

/** The bits of `crypto_provide` and `crypto_select`: what follows the handshake. */
export const CRYPTO = { plaintext: 1, rc4: 2 } as const

/** Bytes of the longest padding. */
export const MAX_PAD = 512

/** Eight zero bytes: whoever encrypted them knows the secret and the torrent. */
export const VC: Buffer = Buffer.alloc(8)

/** The two directions of an encrypted connection. */
export interface Ciphers {
  readonly incoming: Rc4
  readonly outgoing: Rc4
}

/** Bytes of the keystream that are skipped: the first of RC4 tell of its key. */
const DROPPED = 1024

/** The ciphers of one side. */
export function ciphersOf(secret: Uint8Array, infoHash: Uint8Array, side: 'initiator' | 'receiver'): Ciphers {
  const a = new Rc4(hash('keyA', secret, infoHash), DROPPED)
  const b = new Rc4(hash('keyB', secret, infoHash), DROPPED)
  return side === 'initiator' ? { incoming: b, outgoing: a } : { incoming: a, outgoing: b }
}

/** Behind which the initiator's encrypted part begins; 20 bytes. */
export function syncMark(secret: Uint8Array): Buffer {
  return hash('req1', secret)
}

/** By which a receiver knows a torrent without its info-hash being said; 20 bytes. */
export function torrentMark(infoHash: Uint8Array): Buffer {
  return hash('req2', infoHash)
}

/** A torrent's mark as it goes over the wire, or back: the secret hides it. */
export function masked(mark: Uint8Array, secret: Uint8Array): Buffer {
  return hash('req3', secret).map((byte, at) => byte ^ mark[at]!) as Buffer
}

function hash(name: string, ...parts: readonly Uint8Array[]): Buffer {
  const sha1 = createHash('sha1').update(name)
  for (const part of parts) sha1.update(part)
  return sha1.digest()
}
