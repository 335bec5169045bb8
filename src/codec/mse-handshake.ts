/**
 * The handshake of Message Stream Encryption, both sides of it (the specification is Vuze's; no BEP has it):
 *
 *     A -> B  Ya, PadA
 *     B -> A  Yb, PadB
 *     A -> B  HASH('req1', S), HASH('req2', SKEY) xor HASH('req3', S),
 *             encrypted: VC, crypto_provide, len(PadC), PadC, len(IA), IA
 *     B -> A  encrypted: VC, crypto_select, len(PadD), PadD
 *
 * What follows is encrypted or not, as B has selected. Neither asks for more bytes than the longest part has, and what
 * is wrong is a PeerError.
 */
import { randomBytes } from 'node:crypto'
import { PeerError } from '../errors.ts'
import { KEY_LENGTH, PRIVATE_LENGTH, publicKey, sharedSecret } from './diffie-hellman.ts'
import type { Conversation } from './exchange.ts'
import { PROTOCOL } from './handshake.ts'
import { type Ciphers, CRYPTO, ciphersOf, MAX_PAD, masked, syncMark, torrentMark, VC } from './mse.ts'

interface Sides {
  /** Sends these bytes as they are. */
  readonly send: (bytes: Uint8Array) => void
  /** So many bytes by chance. @default crypto.randomBytes */
  readonly random?: (length: number) => Uint8Array
}

export interface InitiateOptions extends Sides {
  readonly infoHash: Uint8Array
  /** What may follow the handshake: bits of `CRYPTO`. */
  readonly provide: number
  /** The first that there is to say (IA), at most 64 KiB: it saves a round trip. */
  readonly payload: () => Uint8Array
}

export interface ReceiveOptions extends Sides {
  /** What may follow the handshake: bits of `CRYPTO`. Of both, plaintext is selected: it costs nothing. */
  readonly allow: number
  /** The info-hash that has this mark, if we share it. */
  readonly find: (mark: Buffer) => Uint8Array | undefined
}

/** What a receiver knows in the end. */
export interface Received {
  readonly infoHash: Uint8Array
  /** The first that was said (IA). */
  readonly payload: Buffer
  /** None when what follows is not encrypted. */
  readonly ciphers: Ciphers | undefined
}

/** Bytes of the longest first word (IA) that is taken: a handshake has 68, and some say more. */
export const MAX_PAYLOAD = 8192

/** The side that dialled. @returns the ciphers; none when what follows is not encrypted */
export function* initiate(options: InitiateOptions): Conversation<Ciphers | undefined> {
  const { infoHash, provide, payload, send, random = randomBytes } = options
  const own = random(PRIVATE_LENGTH)
  send(Buffer.concat([publicKey(own), padding(random)]))
  const start = yield PROTOCOL.length
  if (PROTOCOL.equals(start)) throw wrong('answered without encryption')
  const theirs = Buffer.concat([start, yield KEY_LENGTH - PROTOCOL.length])
  const secret = secretOf(own, theirs)
  const ciphers = ciphersOf(secret, infoHash, 'initiator')
  const first = payload()
  const offer = Buffer.alloc(VC.length + 8)
  offer.writeUInt32BE(provide, VC.length)
  offer.writeUInt16BE(first.length, VC.length + 6) // behind the length of PadC: there is none
  send(
    Buffer.concat([
      syncMark(secret),
      masked(torrentMark(infoHash), secret),
      ciphers.outgoing.apply(Buffer.concat([offer, first])),
    ]),
  )
  yield* find(ciphers.incoming.apply(Buffer.from(VC)), 'its answer')
  const answer = ciphers.incoming.apply(yield 6)
  const select = answer.readUInt32BE(0)
  if ((select !== CRYPTO.plaintext && select !== CRYPTO.rc4) || (select & provide) === 0)
    throw wrong(`selected ${select} of ${provide}`)
  ciphers.incoming.apply(yield padLength(answer.readUInt16BE(4)))
  return select === CRYPTO.rc4 ? ciphers : undefined
}

/** The side that was dialled. */
export function* receive(options: ReceiveOptions): Conversation<Received> {
  const { allow, find: known, send, random = randomBytes } = options
  const theirs = yield KEY_LENGTH
  const own = random(PRIVATE_LENGTH)
  const secret = secretOf(own, theirs)
  send(Buffer.concat([publicKey(own), padding(random)]))
  yield* find(syncMark(secret), 'the mark behind its padding')
  const infoHash = known(masked(yield 20, secret))
  if (!infoHash) throw wrong('asks for a torrent that we do not share')
  const ciphers = ciphersOf(secret, infoHash, 'receiver')
  const { incoming, outgoing } = ciphers
  const offer = incoming.apply(yield VC.length + 6)
  if (!VC.equals(offer.subarray(0, VC.length))) throw wrong('wrong verification constant')
  const provide = offer.readUInt32BE(VC.length)
  incoming.apply(yield padLength(offer.readUInt16BE(VC.length + 4)))
  const length = incoming.apply(yield 2).readUInt16BE(0)
  if (length > MAX_PAYLOAD) throw wrong(`a first word of ${length} bytes, the limit is ${MAX_PAYLOAD}`)
  const payload = incoming.apply(Buffer.from(yield length))
  const both = provide & allow
  const select = both & CRYPTO.plaintext || both & CRYPTO.rc4
  if (select === 0) throw wrong(`offers ${provide}, and we want ${allow}`)
  const answer = Buffer.alloc(VC.length + 6) // PadD has no bytes
  answer.writeUInt32BE(select, VC.length)
  send(outgoing.apply(answer))
  return { infoHash, payload, ciphers: select === CRYPTO.rc4 ? ciphers : undefined }
}

/** Skips what comes before a mark, and the mark. */
function* find(mark: Buffer, what: string): Conversation<void> {
  let seen = yield mark.length
  for (let skipped = 0; !mark.equals(seen); skipped++) {
    if (skipped === MAX_PAD) throw wrong(`${what} is not within ${MAX_PAD} bytes`)
    seen = Buffer.concat([seen.subarray(1), yield 1])
  }
}

function secretOf(own: Uint8Array, theirs: Uint8Array): Buffer {
  const secret = sharedSecret(own, theirs)
  if (!secret) throw wrong('a public key that hides nothing')
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
