/**
 * The lexical grammar of bencoding (BEP 3): integers, strings and markers, read in place. It is strict: input that two
 * decoders could read differently is rejected.
 */
import { InputError } from '../errors.ts'
import { quote } from './quote.ts'

/** A range of bytes from `start` up to, but not including, `end`. */
export interface ByteSpan {
  readonly start: number
  readonly end: number
}

export const INTEGER_TOKEN = 0x69 // i
export const DICT_TOKEN = 0x64 // d
export const LIST_TOKEN = 0x6c // l
export const END_TOKEN = 0x65 // e
const COLON_TOKEN = 0x3a
const MINUS_TOKEN = 0x2d
const ZERO_TOKEN = 0x30

/** Throws ERR_BENCODE with the offset of the invalid byte. */
export function failAt(what: string, at: number): never {
  throw new InputError('ERR_BENCODE', `invalid bencoding: ${what} at byte ${at}`)
}

/**
 * Returns the end of the integer at `start`. Throws ERR_BENCODE.
 * @param max the greatest absolute value; by default the greatest that a double represents exactly
 */
export function integerEnd(bytes: Uint8Array, start: number, max = Number.MAX_SAFE_INTEGER): number {
  let at = start + 1
  const negative = bytes[at] === MINUS_TOKEN
  if (negative) at++
  const first = at
  let value = 0
  for (let byte = bytes[at]; isDigit(byte); byte = bytes[++at]) {
    value = value * 10 + (byte - ZERO_TOKEN)
    if (value > max) failAt('an integer beyond 2^53', start)
  }
  if (at === first || bytes[at] !== END_TOKEN) failUnexpected(bytes, at)
  if (bytes[first] === ZERO_TOKEN && (negative || at > first + 1))
    failAt('an integer with a leading zero', start)
  return at + 1
}

/** Returns the range of the content of the string at `start`, without its length prefix. Throws ERR_BENCODE. */
export function stringSpan(bytes: Uint8Array, start: number): ByteSpan {
  let at = start
  let length = 0
  for (let byte = bytes[at]; isDigit(byte); byte = bytes[++at]) {
    length = length * 10 + (byte - ZERO_TOKEN)
    if (length > Number.MAX_SAFE_INTEGER) failAt('a length beyond 2^53', start)
  }
  if (at === start || bytes[at] !== COLON_TOKEN) failUnexpected(bytes, at)
  if (bytes[start] === ZERO_TOKEN && at > start + 1) failAt('a length with a leading zero', start)
  const end = at + 1 + length
  if (end > bytes.length) {
    failAt(`cut short: a string of ${length} bytes with ${bytes.length - at - 1} left`, start)
  }
  return { start: at + 1, end }
}

function failUnexpected(bytes: Uint8Array, at: number): never {
  const byte = bytes[at]
  if (byte === undefined) failAt('cut short', at)
  failAt(`unexpected ${quote(String.fromCharCode(byte))}`, at)
}

const isDigit = (byte: number | undefined): byte is number =>
  byte !== undefined && byte >= ZERO_TOKEN && byte <= ZERO_TOKEN + 9
