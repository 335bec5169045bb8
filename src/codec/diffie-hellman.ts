/**
 * Diffie-Hellman as MSE has it: 768 bits, generator 2.
 *
 * Not `crypto.createDiffieHellman`: that proves the prime again for each object, forty milliseconds, and OpenSSL may be
 * configured to refuse a prime so short. It hides what is said from who only listens along, and protects no secret.
 */
export const PRIME = BigInt(
  '0xFFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD' +
    'EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A63A36210000000000090563',
)
/** Bytes of a public key, and of the secret. */
export const KEY_LENGTH = 96
/** Bytes of a private key. */
export const PRIVATE_LENGTH = 20

/** What the other side is to be told: 96 bytes. @param own 20 bytes by chance */
export function publicKey(own: Uint8Array): Buffer {
  return bytesOf(power(2n, own))
}

/** The secret that both sides come to, 96 bytes; nothing if the other's key would let anybody guess it. */
export function sharedSecret(own: Uint8Array, theirs: Uint8Array): Buffer | undefined {
  const base = BigInt(`0x${Buffer.from(theirs).toString('hex')}`)
  return base < 2n || base > PRIME - 2n ? undefined : bytesOf(power(base, own))
}

/** `base` to the power of `exponent`, four bits of it at a time, modulo the prime. */
function power(base: bigint, exponent: Uint8Array): bigint {
  const powers = [1n]
  for (let n = 1; n < 16; n++) powers.push((powers[n - 1]! * base) % PRIME)
  let result = 1n
  for (const byte of exponent) {
    for (const digit of [byte >> 4, byte & 15]) {
      for (let doubling = 0; doubling < 4; doubling++) result = (result * result) % PRIME
      if (digit > 0) result = (result * powers[digit]!) % PRIME
    }
  }
  return result
}

function bytesOf(value: bigint): Buffer {
  return Buffer.from(value.toString(16).padStart(2 * KEY_LENGTH, '0'), 'hex')
}
