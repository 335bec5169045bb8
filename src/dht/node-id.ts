/** The names of DHT nodes: twenty bytes, near or far by exclusive or (BEP 5), tied to an address (BEP 42). */
import { addressBytes } from '../codec/compact.ts'
import { crc32c } from '../codec/crc32c.ts'
import { isLocal } from './scope.ts'

/** Bytes of a node id, as of an info-hash. */
export const ID_LENGTH = 20

/** How many leading bits two ids share: 160 when they are the same. */
export function commonBits(a: Uint8Array, b: Uint8Array): number {
  for (let at = 0; at < ID_LENGTH; at++) {
    const difference = a[at]! ^ b[at]!
    if (difference !== 0) return at * 8 + Math.clz32(difference) - 24
  }
  return ID_LENGTH * 8
}

/** Below 0 when `a` is nearer to `target` than `b`, as `sort` wants it. */
export function compareDistance(target: Uint8Array, a: Uint8Array, b: Uint8Array): number {
  for (let at = 0; at < ID_LENGTH; at++) {
    const difference = (a[at]! ^ target[at]!) - (b[at]! ^ target[at]!)
    if (difference !== 0) return difference
  }
  return 0
}

/**
 * An id that a node at `host` may have (BEP 42).
 * @param random 20 bytes of chance
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

/** Whether a node at `host` may have this id (BEP 42); on a local network every id is right. */
export function fits(id: Uint8Array, host: string): boolean {
  if (isLocal(host)) return true
  const hash = hashOf(host, id[19]! & 7)
  if (hash === undefined) return false
  const head = ((id[0]! << 24) | (id[1]! << 16) | (id[2]! << 8)) >>> 0
  return (head ^ hash) >>> 11 === 0 // the first 21 bits
}

/** An id that shares exactly `bits` leading bits with `id`. @param random 20 bytes of chance */
export function idNear(id: Uint8Array, bits: number, random: Uint8Array): Buffer {
  const near = Buffer.from(random)
  for (let bit = 0; bit < Math.min(bits + 1, ID_LENGTH * 8); bit++) {
    const mask = 0x80 >> (bit & 7)
    const at = bit >> 3
    // the first bit after those shared is the other one
    const from = bit < bits ? id[at]! : ~id[at]!
    near[at] = (near[at]! & ~mask) | (from & mask)
  }
  return near
}

const MASK4 = [0x03, 0x0f, 0x3f, 0xff]
const MASK6 = [0x01, 0x03, 0x07, 0x0f, 0x1f, 0x3f, 0x7f, 0xff]

function hashOf(host: string, chance: number): number | undefined {
  const bytes = addressBytes(host)
  if (!bytes) return undefined
  const mask = bytes.length === 4 ? MASK4 : MASK6
  const masked = mask.map((byte, at) => byte & bytes[at]!)
  masked[0] = masked[0]! | (chance << 5)
  return crc32c(Uint8Array.from(masked))
}
