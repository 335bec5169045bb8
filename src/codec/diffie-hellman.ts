/**
 * The Diffie-Hellman key exchange of MSE: a prime of 768 bits, generator 2.
 *
 * It does not use `crypto.createDiffieHellman`, which tests the prime for each object (40 ms). OpenSSL can also be
 * configured to reject a prime this short. The exchange hides traffic from a passive observer. It does not authenticate
 * the peer.
 */
export const DH_PRIME = BigInt(
  '0xFFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD' +
    'EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A63A36210000000000090563',
)
/** Length of a public key and of the shared secret, in bytes. */
export const KEY_LENGTH = 96
/** Length of a private key, in bytes. */
export const PRIVATE_LENGTH = 20

/** Computes the public key, 96 bytes. @param own the private key, 20 random bytes */
export function publicKey(own: Uint8Array): Buffer {
  return encodeKey(power(2n, own))
}

/** Computes the shared secret, 96 bytes. Returns undefined if the other side's public key makes it predictable. */
export function sharedSecret(own: Uint8Array, theirs: Uint8Array): Buffer | undefined {
  const base = BigInt(`0x${Buffer.from(theirs).toString('hex')}`)
  return base < 2n || base > DH_PRIME - 2n ? undefined : encodeKey(power(base, own))
}

/** Computes `base` to the power of `exponent` modulo the prime, four bits of the exponent at a time. */
function power(base: bigint, exponent: Uint8Array): bigint {
  const powers = [1n]
  for (let n = 1; n < 16; n++) powers.push((powers[n - 1]! * base) % DH_PRIME)
  let result = 1n
  for (const byte of exponent) {
    for (const digit of [byte >> 4, byte & 15]) {
      for (let doubling = 0; doubling < 4; doubling++) result = (result * result) % DH_PRIME
      if (digit > 0) result = (result * powers[digit]!) % DH_PRIME
    }
  }
  return result
}

function encodeKey(value: bigint): Buffer {
  return Buffer.from(value.toString(16).padStart(2 * KEY_LENGTH, '0'), 'hex')
}
