/** Ids of DHT nodes: 20 bytes with an XOR distance (BEP 5), derived from the node's address (BEP 42). */
import { addressBytes } from '../codec/address-bytes.ts'
import { crc32c } from '../codec/crc32c.ts'
import { isLocal } from './scope.ts'

/** Length of a node id in bytes, the same as of an info-hash. */
export const ID_LENGTH = 20

/** Returns the number of leading bits that two ids share, 160 if they are equal. */
export function commonBits(a: Uint8Array, b: Uint8Array): number {
  for (let at = 0; at < ID_LENGTH; at++) {
    const difference = a[at]! ^ b[at]!
    if (difference !== 0) return at * 8 + Math.clz32(difference) - 24
  }
  return ID_LENGTH * 8
}

/** Compares distances for `sort`: returns a negative number if `a` is nearer to `target` than `b`. */
export function compareDistance(target: Uint8Array, a: Uint8Array, b: Uint8Array): number {
  for (let at = 0; at < ID_LENGTH; at++) {
    const difference = (a[at]! ^ target[at]!) - (b[at]! ^ target[at]!)
    if (difference !== 0) return difference
  }
  return 0
}

/**
 * Creates an id that is valid for a node at `host` (BEP 42).
 * @param random 20 random bytes
 */
export function idFor(host: string, random: Uint8Array): Buffer {
  const id = Buffer.from(random)
  const hash = hashOf(host, id[19]! & 7)
  if (hash === undefined) return id
  id[0] = hash >>> 24
  id[1] = hash >>> 16
  id[2] = ((hash >>> 8) & 0xf8) | (id[2]! & 7)
  return id
}

/** Returns true if an id is valid for a node at `host` (BEP 42). On a local network every id is valid. */
export function fits(id: Uint8Array, host: string): boolean {
  if (isLocal(host)) return true
  const hash = hashOf(host, id[19]! & 7)
  if (hash === undefined) return false
  const head = ((id[0]! << 24) | (id[1]! << 16) | (id[2]! << 8)) >>> 0
  return (head ^ hash) >>> 11 === 0 // the first 21 bits
}

/** Creates an id that shares exactly `bits` leading bits with `id`. @param random 20 random bytes */
export function idNear(id: Uint8Array, bits: number, random: Uint8Array): Buffer {
  const near = Buffer.from(random)
  for (let bit = 0; bit < Math.min(bits + 1, ID_LENGTH * 8); bit++) {
    const mask = 0x80 >> (bit & 7)
    const at = bit >> 3
    // the first bit after the shared ones is inverted
    const from = bit < bits ? id[at]! : ~id[at]!
    near[at] = (near[at]! & ~mask) | (from & mask)
  }
  return near
}

/** The bits of an address that determine the id (BEP 42). */
const IPV4_ID_MASK = [0x03, 0x0f, 0x3f, 0xff]
const IPV6_ID_MASK = [0x01, 0x03, 0x07, 0x0f, 0x1f, 0x3f, 0x7f, 0xff]

function hashOf(host: string, chance: number): number | undefined {
  const bytes = addressBytes(host)
  if (!bytes) return undefined
  const mask = bytes.length === 4 ? IPV4_ID_MASK : IPV6_ID_MASK
  const masked = mask.map((byte, at) => byte & bytes[at]!)
  masked[0] = masked[0]! | (chance << 5)
  return crc32c(Uint8Array.from(masked))
}
