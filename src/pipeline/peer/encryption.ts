import { HandshakeRunner } from '../../codec/handshake-runner.ts'
import { type Ciphers, CRYPTO_METHODS, type Encryption } from '../../codec/mse.ts'
import { initiate } from '../../codec/mse-handshake.ts'
import { Decipher } from '../../streams/peer/decipher.ts'
import { Encipher } from '../../streams/peer/encipher.ts'

/** The two stages between an encrypted socket and the stages of messages. */
export interface CipherStages {
  readonly decipher: Decipher
  readonly encipher: Encipher
}

/** Returns the methods that may follow the encryption handshake: with `require`, not plaintext. */
export function cryptoOf(encryption: Encryption): number {
  return encryption === 'require' ? CRYPTO_METHODS.rc4 : CRYPTO_METHODS.rc4 | CRYPTO_METHODS.plaintext
}

/** Creates the stages of an accepted connection after its encryption handshake. @param head the decrypted bytes */
export function acceptedStages({ incoming, outgoing }: Ciphers, head: Uint8Array): CipherStages {
  return { decipher: new Decipher({ rc4: incoming, head }), encipher: new Encipher(outgoing) }
}

/** Creates the stages of a dialled connection. @param onConsumed called with each chunk once its memory can be reused */
export function diallingStages(
  infoHash: Uint8Array,
  encryption: Encryption,
  onConsumed: (chunk: Uint8Array) => void,
): CipherStages {
  const encipher = new Encipher()
  const conversation = initiate({
    infoHash,
    provide: cryptoOf(encryption),
    payload: () => encipher.takeHeld(),
    send: bytes => encipher.sendPlain(bytes),
  })
  const handshake = new HandshakeRunner(conversation)
  const onSettled = (ciphers: Ciphers | undefined) => encipher.start(ciphers?.outgoing)
  return { decipher: new Decipher({ handshake, onSettled, onConsumed }), encipher }
}
