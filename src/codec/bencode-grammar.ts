/** Integers, strings and markers of bencoding (BEP 3), read where they stand. Strict: what two readers could take for two things is refused. */
import { InputError } from '../errors.ts'
import { quote } from './quote.ts'

/** Bytes from `start` to before `end`. */
export interface Span {
  readonly start: number
  readonly end: number
}

export const INTEGER = 0x69 // i
export const DICT = 0x64 // d
export const LIST = 0x6c // l
export const END = 0x65 // e
const COLON = 0x3a
const MINUS = 0x2d
const ZERO = 0x30

/** Throws ERR_BENCODE, naming the byte. */
export function failAt(what: string, at: number): never {
  throw new InputError('ERR_BENCODE', `invalid bencoding: ${what} at byte ${at}`)
}

/** Where the integer at `start` ends. Throws ERR_BENCODE for one that a double does not hold. */
export function integerEnd(bytes: Uint8Array, start: number): number {
  let at = start + 1
  const negative = bytes[at] === MINUS
  if (negative) at++
  const first = at
  let value = 0
  for (let byte = bytes[at]; isDigit(byte); byte = bytes[++at]) {
    value = value * 10 + (byte - ZERO)
    if (value > Number.MAX_SAFE_INTEGER) failAt('an integer beyond 2^53', start)
  }
  if (at === first || bytes[at] !== END) unexpected(bytes, at)
  if (bytes[first] === ZERO && (negative || at > first + 1)) failAt('an integer with a leading zero', start)
  return at + 1
}

/** The characters of the string whose length stands at `start`. Throws ERR_BENCODE. */
export function stringSpan(bytes: Uint8Array, start: number): Span {
  let at = start
  let length = 0
  for (let byte = bytes[at]; isDigit(byte); byte = bytes[++at]) {
    length = length * 10 + (byte - ZERO)
    if (length > Number.MAX_SAFE_INTEGER) failAt('a length beyond 2^53', start)
  }
  if (at === start || bytes[at] !== COLON) unexpected(bytes, at)
  if (bytes[start] === ZERO && at > start + 1) failAt('a length with a leading zero', start)
  const end = at + 1 + length
  if (end > bytes.length) {
    failAt(`cut short: a string of ${length} bytes where ${bytes.length - at - 1} are left`, start)
  }
  return { start: at + 1, end }
}

function unexpected(bytes: Uint8Array, at: number): never {
  const byte = bytes[at]
  if (byte === undefined) failAt('cut short', at)
  failAt(`unexpected ${quote(String.fromCharCode(byte))}`, at)
}

const isDigit = (byte: number | undefined): byte is number =>
  byte !== undefined && byte >= ZERO && byte <= ZERO + 9
