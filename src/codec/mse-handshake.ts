/**
 * Both sides of the Message Stream Encryption handshake. Vuze specifies it; there is no BEP.
 *
 *     A -> B  Ya, PadA
 *     B -> A  Yb, PadB
 *     A -> B  HASH('req1', S), HASH('req2', SKEY) xor HASH('req3', S),
 *             encrypted: VC, crypto_provide, len(PadC), PadC, len(IA), IA
 *     B -> A  encrypted: VC, crypto_select, len(PadD), PadD
 *
 * B selects if the stream after the handshake is encrypted. Neither side waits for more bytes than the longest part
 * has. An invalid handshake throws a PeerError.
 */
import { randomBytes } from 'node:crypto'
import { PeerError } from '../errors.ts'
import { KEY_LENGTH, PRIVATE_LENGTH, publicKey, sharedSecret } from './diffie-hellman.ts'
import { PROTOCOL_PREFIX } from './handshake.ts'
import type { HandshakeSteps } from './handshake-runner.ts'
import {
  type Ciphers,
  CRYPTO_METHODS,
  ciphersOf,
  MAX_PAD,
  masked,
  syncMark,
  torrentMark,
  VERIFICATION_CONSTANT,
} from './mse.ts'

interface CommonOptions {
  /** Sends bytes to the peer, unchanged. */
  readonly send: (bytes: Uint8Array) => void
  /** Returns `length` random bytes. @default crypto.randomBytes */
  readonly random?: (length: number) => Uint8Array
}

/** Options of the side that dials. */
export interface InitiateOptions extends CommonOptions {
  /** 20 bytes. */
  readonly infoHash: Uint8Array
  /** The methods that we offer: bits of `CRYPTO_METHODS`. */
  readonly provide: number
  /** Returns the start of the stream (IA), at most 64 KiB. Sending it in the handshake saves a round trip. */
  readonly payload: () => Uint8Array
}

/** Options of the side that accepts. */
export interface ReceiveOptions extends CommonOptions {
  /** The methods that we accept: bits of `CRYPTO_METHODS`. Plaintext is preferred to RC4, since it costs no CPU time. */
  readonly allow: number
  /** Returns the info-hash with this mark if we share that torrent. */
  readonly find: (mark: Buffer) => Uint8Array | undefined
}

/** The result of a handshake on the side that accepts. */
export interface Received {
  readonly infoHash: Uint8Array
  /** The start of the peer's stream (IA), decrypted. */
  readonly payload: Buffer
  /** Undefined if the stream after the handshake is not encrypted. */
  readonly ciphers: Ciphers | undefined
}

/** Maximum length of the initial payload (IA) that we accept, in bytes. A handshake has 68; some clients send more. */
export const MAX_PAYLOAD = 8192

/** Runs the side that dials. @returns the ciphers, or undefined if the stream is not encrypted */
export function* initiate(options: InitiateOptions): HandshakeSteps<Ciphers | undefined> {
  const { infoHash, provide, payload, send, random = randomBytes } = options
  const own = random(PRIVATE_LENGTH)
  send(Buffer.concat([publicKey(own), padding(random)]))
  const start = yield PROTOCOL_PREFIX.length
  if (PROTOCOL_PREFIX.equals(start)) throw wrong('answered without encryption')
  const theirs = Buffer.concat([start, yield KEY_LENGTH - PROTOCOL_PREFIX.length])
  const secret = secretOf(own, theirs)
  const ciphers = ciphersOf(secret, infoHash, 'initiator')
  const first = payload()
  const offer = Buffer.alloc(VERIFICATION_CONSTANT.length + 8)
  offer.writeUInt32BE(provide, VERIFICATION_CONSTANT.length)
  offer.writeUInt16BE(first.length, VERIFICATION_CONSTANT.length + 6) // follows the length of PadC, which stays 0
  send(
    Buffer.concat([
      syncMark(secret),
      masked(torrentMark(infoHash), secret),
      ciphers.outgoing.apply(Buffer.concat([offer, first])),
    ]),
  )
  yield* skipPast(ciphers.incoming.apply(Buffer.from(VERIFICATION_CONSTANT)), 'its answer')
  const answer = ciphers.incoming.apply(yield 6)
  const select = answer.readUInt32BE(0)
  if ((select !== CRYPTO_METHODS.plaintext && select !== CRYPTO_METHODS.rc4) || (select & provide) === 0)
    throw wrong(`the peer selected method ${select}, we offered ${provide}`)
  ciphers.incoming.apply(yield padLength(answer.readUInt16BE(4)))
  return select === CRYPTO_METHODS.rc4 ? ciphers : undefined
}

/** Runs the side that accepts. */
export function* receive(options: ReceiveOptions): HandshakeSteps<Received> {
  const { allow, find: known, send, random = randomBytes } = options
  const theirs = yield KEY_LENGTH
  const own = random(PRIVATE_LENGTH)
  const secret = secretOf(own, theirs)
  send(Buffer.concat([publicKey(own), padding(random)]))
  yield* skipPast(syncMark(secret), 'the mark after its padding')
  const infoHash = known(masked(yield 20, secret))
  if (!infoHash) throw wrong('asks for a torrent that we do not share')
  const ciphers = ciphersOf(secret, infoHash, 'receiver')
  const { incoming, outgoing } = ciphers
  const offer = incoming.apply(yield VERIFICATION_CONSTANT.length + 6)
  if (!VERIFICATION_CONSTANT.equals(offer.subarray(0, VERIFICATION_CONSTANT.length)))
    throw wrong('wrong verification constant')
  const provide = offer.readUInt32BE(VERIFICATION_CONSTANT.length)
  incoming.apply(yield padLength(offer.readUInt16BE(VERIFICATION_CONSTANT.length + 4)))
  const length = incoming.apply(yield 2).readUInt16BE(0)
  if (length > MAX_PAYLOAD) throw wrong(`an initial payload of ${length} bytes, the limit is ${MAX_PAYLOAD}`)
  const payload = incoming.apply(Buffer.from(yield length))
  const common = provide & allow
  const select = common & CRYPTO_METHODS.plaintext || common & CRYPTO_METHODS.rc4
  if (select === 0) throw wrong(`no common method: the peer offers ${provide}, we accept ${allow}`)
  const answer = Buffer.alloc(VERIFICATION_CONSTANT.length + 6) // PadD is empty
  answer.writeUInt32BE(select, VERIFICATION_CONSTANT.length)
  send(outgoing.apply(answer))
  return { infoHash, payload, ciphers: select === CRYPTO_METHODS.rc4 ? ciphers : undefined }
}

/** Reads up to and including a mark. */
function* skipPast(mark: Buffer, what: string): HandshakeSteps<void> {
  let seen = yield mark.length
  for (let skipped = 0; !mark.equals(seen); skipped++) {
    if (skipped === MAX_PAD) throw wrong(`${what} is not within ${MAX_PAD} bytes`)
    seen = Buffer.concat([seen.subarray(1), yield 1])
  }
}

function secretOf(own: Uint8Array, theirs: Uint8Array): Buffer {
  const secret = sharedSecret(own, theirs)
  if (!secret) throw wrong('a public key that makes the secret predictable')
  return secret
}

function padLength(length: number): number {
  if (length > MAX_PAD) throw wrong(`${length} bytes of padding, the limit is ${MAX_PAD}`)
  return length
}

function padding(random: (length: number) => Uint8Array): Uint8Array {
  const [high = 0, low = 0] = random(2)
  return random(((high << 8) | low) % (MAX_PAD + 1))
}

function wrong(what: string): PeerError {
  return new PeerError('ERR_HANDSHAKE', `encryption: ${what}`)
}
