import { InputError } from '../errors.ts'
import { zonelessBytes } from './address-bytes.ts'
import type { AddressRange } from './address-range.ts'
import { describeValue } from './quote.ts'
import { RangeCollector, RangeTable } from './range-table.ts'
import { runAtOnce, type Steps } from './steps.ts'

/** Maximum number of ranges: 8 MiB of memory for IPv4 addresses, 32 MiB for IPv6. */
export const MAX_RANGES = 1 << 20
/** Length of the start of an encoding, the two numbers of ranges, in bytes. */
const HEADER_BYTES = 8
const WORD_BYTES = 4

/** An immutable set of IPv4 and IPv6 addresses, such as a blocklist. A look-up takes about a microsecond. */
export class AddressRanges {
  readonly #v4: RangeTable
  readonly #v6: RangeTable

  private constructor(v4: RangeTable, v6: RangeTable) {
    this.#v4 = v4
    this.#v6 = v6
  }

  /**
   * Makes a set of ranges in any order, which may overlap.
   * @throws InputError ERR_USAGE beyond 1,048,576 of them, and for a value that is no range
   */
  static from(ranges: Iterable<AddressRange>): AddressRanges {
    const collector = new AddressCollector()
    if (typeof ranges?.[Symbol.iterator] !== 'function')
      throw new InputError('ERR_USAGE', `ranges: expected an iterable, got ${describeValue(ranges)}`)
    for (const range of ranges) {
      if (!isRange(range))
        throw new InputError('ERR_USAGE', `ranges: expected { start, end }, got ${describeValue(range)}`)
      collector.add(range)
    }
    return runAtOnce(collector.createSet())
  }

  /** Makes a set of two tables. @internal */
  static of(v4: RangeTable, v6: RangeTable): AddressRanges {
    return new AddressRanges(v4, v6)
  }

  /** Decodes what `encode` returned on this machine. @throws InputError ERR_USAGE for anything else */
  static decode(bytes: Uint8Array): AddressRanges {
    if (!(bytes instanceof Uint8Array))
      throw new InputError('ERR_USAGE', `bytes: expected a Uint8Array, got ${describeValue(bytes)}`)
    const words = new Uint32Array(Uint8Array.from(bytes.subarray(0, bytes.length & ~(WORD_BYTES - 1))).buffer)
    const [size4 = 0, size6 = 0] = words
    if (bytes.length !== HEADER_BYTES + WORD_BYTES * 2 * (size4 + 4 * size6))
      throw new InputError('ERR_USAGE', 'bytes: expected encoded ranges of addresses')
    let at = HEADER_BYTES / WORD_BYTES
    const take = (length: number) => words.slice(at, (at += length))
    const v4 = new RangeTable(1, take(size4), take(size4))
    return new AddressRanges(v4, new RangeTable(4, take(4 * size6), take(4 * size6)))
  }

  /** The number of ranges that do not overlap. */
  get size(): number {
    return this.#v4.size + this.#v6.size
  }

  /** Returns true for an address in one of the ranges. Returns false for any other address and for a host name. */
  has(host: string): boolean {
    const bytes = zonelessBytes(host)
    return bytes !== undefined && (bytes.length === 4 ? this.#v4 : this.#v6).has(wordsOf(bytes))
  }

  /** Returns the bytes that `decode` reads on this machine. */
  encode(): Buffer {
    const parts = [
      Uint32Array.of(this.#v4.size, this.#v6.size),
      ...[this.#v4.starts, this.#v4.ends, this.#v6.starts, this.#v6.ends],
    ]
    return Buffer.concat(
      parts.map(({ buffer, byteOffset, byteLength }) => new Uint8Array(buffer, byteOffset, byteLength)),
    )
  }
}

/** Collects ranges in any order for `AddressRanges`. */
export class AddressCollector {
  readonly #v4 = new RangeCollector(1)
  readonly #v6 = new RangeCollector(4)

  /** @throws InputError ERR_USAGE for one range too many */
  add({ start, end }: AddressRange): void {
    if (this.#v4.size + this.#v6.size === MAX_RANGES)
      throw new InputError('ERR_USAGE', `more than ${MAX_RANGES} ranges`)
    const collector = start.length === 4 ? this.#v4 : this.#v6
    collector.add(wordsOf(start), wordsOf(end))
  }

  /** Makes the set in steps that do not block the event loop. */
  *createSet(): Steps<AddressRanges> {
    return AddressRanges.of(yield* this.#v4.createTable(), yield* this.#v6.createTable())
  }
}

function isRange(range: AddressRange): boolean {
  const { start, end } = range ?? {}
  if (!(start instanceof Uint8Array && end instanceof Uint8Array)) return false
  return start.length === end.length && (start.length === 4 || start.length === 16)
}

function wordsOf(bytes: Uint8Array): Uint32Array {
  const words = new Uint32Array(bytes.length / WORD_BYTES)
  for (let at = 0; at < bytes.length; at++) {
    const word = at >> 2
    words[word] = (words[word]! << 8) | bytes[at]!
  }
  return words
}
