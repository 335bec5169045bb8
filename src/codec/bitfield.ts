import { PeerError } from '../errors.ts'
import { checkArgument } from './check-arguments.ts'

/** A set of pieces, one bit per piece. The high bit of the first byte is piece 0 (BEP 3). */
export class Bitfield {
  readonly size: number
  readonly bytes: Uint8Array
  #count = 0

  /** @param size number of pieces in the torrent */
  constructor(size: number) {
    if (!Number.isSafeInteger(size) || size < 0) checkArgument('size', size, 'whole')
    this.size = size
    this.bytes = new Uint8Array(Math.ceil(size / 8))
  }

  /** Number of pieces in the set. */
  get count(): number {
    return this.#count
  }

  /** True if the set contains every piece. */
  get full(): boolean {
    return this.#count === this.size
  }

  /** Returns true if the set contains the piece. */
  has(index: number): boolean {
    return ((this.bytes[index >> 3] ?? 0) & (0x80 >> (index & 7))) !== 0
  }

  /** Adds a piece. @returns false if it was present or is out of range */
  add(index: number): boolean {
    if (index < 0 || index >= this.size || this.has(index)) return false
    this.bytes[index >> 3]! |= 0x80 >> (index & 7)
    this.#count++
    return true
  }

  /** Removes a piece. @returns false if it was not present */
  delete(index: number): boolean {
    if (!this.has(index)) return false
    this.bytes[index >> 3]! &= ~(0x80 >> (index & 7))
    this.#count--
    return true
  }

  /** Counts the pieces from `start` to before `end`. */
  countBetween(start: number, end: number): number {
    let count = 0
    let index = Math.max(0, start)
    const after = Math.min(end, this.size)
    for (; index < after && index % 8 !== 0; index++) if (this.has(index)) count++
    for (; index + 8 <= after; index += 8) count += BIT_COUNTS[this.bytes[index >> 3]!]!
    for (; index < after; index++) if (this.has(index)) count++
    return count
  }

  /** Returns a copy that shares no memory with the original. */
  clone(): Bitfield {
    const bits = new Bitfield(this.size)
    bits.bytes.set(this.bytes)
    bits.#count = this.#count
    return bits
  }

  /** Yields the pieces in ascending order. */
  *[Symbol.iterator](): Generator<number> {
    for (let at = 0; at < this.bytes.length; at++) {
      const byte = this.bytes[at]!
      if (byte === 0) continue
      for (let bit = 0; bit < 8; bit++) if (byte & (0x80 >> bit)) yield at * 8 + bit
    }
  }

  /** Creates a set of all pieces. */
  static full(size: number): Bitfield {
    const bits = new Bitfield(size)
    bits.bytes.fill(0xff)
    if (size % 8 !== 0) bits.bytes[bits.bytes.length - 1] = 0xff << (8 - (size % 8))
    bits.#count = size
    return bits
  }

  /**
   * Decodes the payload of a bitfield message. The bytes are copied.
   * @throws PeerError if the length is not `ceil(size / 8)` or a spare bit is set (BEP 3)
   */
  static from(bytes: Uint8Array, size: number): Bitfield {
    const bits = new Bitfield(size)
    if (bytes.length !== bits.bytes.length) {
      throw new PeerError(
        'ERR_MESSAGE',
        `bitfield of ${bytes.length} bytes, expected ${bits.bytes.length} for ${size} pieces`,
      )
    }
    const spare = bytes.length * 8 - size
    if (spare > 0 && (bytes[bytes.length - 1]! & ((1 << spare) - 1)) !== 0) {
      throw new PeerError('ERR_MESSAGE', `bitfield with spare bits set after piece ${size - 1}`)
    }
    bits.bytes.set(bytes)
    for (const byte of bytes) bits.#count += BIT_COUNTS[byte]!
    return bits
  }
}

/** Number of bits set in each byte value. */
const BIT_COUNTS = Uint8Array.from({ length: 256 }, (_, byte) => byte.toString(2).replaceAll('0', '').length)
