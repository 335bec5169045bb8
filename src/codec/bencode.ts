/** Bencoding (BEP 3). Only this file uses the `bencode` package. Input is validated before the package sees it. */

// @ts-expect-error: the package has no types; `library` below declares what we use.
import untyped from 'bencode'
import { InputError } from '../errors.ts'
import {
  type ByteSpan,
  DICT_TOKEN,
  END_TOKEN,
  failAt as fail,
  INTEGER_TOKEN,
  integerEnd,
  LIST_TOKEN,
  stringSpan,
} from './bencode-grammar.ts'
import { checkArgument } from './check-arguments.ts'
import { quote } from './quote.ts'

const library = untyped as {
  decode: { (bytes: Uint8Array): BencodeValue; data: Uint8Array | null }
  encode(value: number | string | Uint8Array): Uint8Array
}

/** A decoded value. A key that is not valid UTF-8 is decoded as its hex digits. We use no such key. */
export type BencodeValue = number | Uint8Array | BencodeValue[] | BencodeDict

/** A decoded dictionary. Look up only known keys, or test for a key with `Object.hasOwn`. */
export type BencodeDict = { [key: string]: BencodeValue }

/** A value that can be encoded. Strings are written as UTF-8. Entries that are `undefined` are omitted. */
export type Encodable =
  | number
  | string
  | Uint8Array
  | readonly Encodable[]
  | { readonly [key: string]: Encodable | undefined }

/** Options of `decode`. */
export interface DecodeOptions {
  /** Maximum nesting of lists and dictionaries. @default 64 */
  readonly maxDepth?: number
  /** Maximum number of values and keys in total. Each uses about 200 bytes of memory. @default 100,000 */
  readonly maxItems?: number
  /** True to ignore bytes after the value. @default false */
  readonly allowTrailing?: boolean
  /**
   * What to do with a key that is repeated in a dictionary. `first` uses its first value, as libtorrent does.
   * @default 'refuse'
   */
  readonly repeatedKeys?: 'refuse' | 'first'
}

/**
 * Decodes `bytes`. Strings are copies, so `bytes` may be reused. Unsorted keys are accepted, since trackers send them.
 * A `__proto__` key is dropped. Throws ERR_BENCODE with the offset of the invalid byte.
 */
export function decode(bytes: Uint8Array, options: DecodeOptions = {}): BencodeValue {
  checkArgument('bytes', bytes, 'bytes')
  const repeated: ByteSpan[] = []
  const end = scan(bytes, 0, options, repeated)
  if (end < bytes.length && !options.allowTrailing) fail(`${bytes.length - end} bytes after the value`, end)
  const seen = cutSpans(bytes.subarray(0, end), repeated)
  try {
    const value = library.decode(seen)
    if (Buffer.from(seen.buffer, seen.byteOffset, seen.length).includes('9:__proto__')) dropPrototypes(value)
    return value
  } finally {
    // The library would keep a reference to the last input.
    library.decode.data = null
  }
}

/** Returns the end of the first value in `bytes`. A ut_metadata message has data after it. Throws ERR_BENCODE. */
export function endOf(bytes: Uint8Array, options: DecodeOptions = {}): number {
  return scan(bytes, 0, options)
}

/** Encodes `value`, with keys sorted by their bytes. Throws ERR_BENCODE for a number that is not a safe integer. */
export function encode(value: Encodable): Buffer {
  checkArgument('value', value, 'value')
  const parts: Uint8Array[] = []
  append(parts, value)
  return Buffer.concat(parts)
}

/** Returns the value if it is a dictionary, otherwise `undefined`. */
export function asDict(value: BencodeValue | undefined): BencodeDict | undefined {
  return typeof value === 'object' && !Array.isArray(value) && !ArrayBuffer.isView(value) ? value : undefined
}

/** Returns the value if it is a list, otherwise `undefined`. */
export function asList(value: BencodeValue | undefined): BencodeValue[] | undefined {
  return Array.isArray(value) ? value : undefined
}

/** Returns the value if it is an integer, otherwise `undefined`. */
export function asInteger(value: BencodeValue | undefined): number | undefined {
  return typeof value === 'number' ? value : undefined
}

/** Returns the value if it is a byte string, otherwise `undefined`. The result is a view, not a copy. */
export function asBytes(value: BencodeValue | undefined): Buffer | undefined {
  return ArrayBuffer.isView(value)
    ? Buffer.from(value.buffer as ArrayBuffer, value.byteOffset, value.byteLength)
    : undefined
}

/** Returns the value as text if it is a byte string, otherwise `undefined`. Invalid UTF-8 becomes U+FFFD. */
export function asText(value: BencodeValue | undefined): string | undefined {
  return asBytes(value)?.toString('utf8')
}

/** An unfinished list or dictionary. Only a dictionary has `keys`. */
interface OpenContainer {
  readonly keys: Set<string> | undefined
  atKey: boolean
  /** The start of the current entry if its key is a repeated one. */
  repeated?: number | undefined
}

/**
 * Validates the value at `start` and returns its end. It does not recurse, since the sender chooses the depth.
 * @param repeated receives the ranges of entries with a repeated key, in order; no range lies inside another
 */
function scan(bytes: Uint8Array, start: number, options: DecodeOptions, repeated: ByteSpan[] = []): number {
  const { maxDepth = 64, maxItems = 100_000, repeatedKeys } = options
  const containers: OpenContainer[] = []
  let items = 0
  for (let at = start; ; ) {
    const container = containers.at(-1)
    const byte = bytes[at]
    if (container !== undefined && byte === END_TOKEN) {
      if (container.keys && !container.atKey) fail('a key without a value', at)
      containers.pop()
      at++
    } else if (container?.keys && container.atKey) {
      const key = stringSpan(bytes, at)
      const name = keyName(bytes.subarray(key.start, key.end))
      if (container.keys.has(name)) {
        if (repeatedKeys !== 'first') fail(`repeated key ${quote(name)}`, at)
        container.repeated = at
      }
      container.keys.add(name)
      if (++items > maxItems) fail(`more than ${maxItems} values and keys`, at)
      container.atKey = false
      at = key.end
      continue
    } else {
      if (++items > maxItems) fail(`more than ${maxItems} values and keys`, at)
      if (byte === DICT_TOKEN || byte === LIST_TOKEN) {
        if (containers.length === maxDepth) fail(`nested deeper than ${maxDepth}`, at)
        containers.push({ keys: byte === DICT_TOKEN ? new Set() : undefined, atKey: true })
        at++
        continue
      }
      at = byte === INTEGER_TOKEN ? integerEnd(bytes, at) : stringSpan(bytes, at).end
    }
    const parent = containers.at(-1)
    if (parent === undefined) return at
    parent.atKey = true
    if (parent.repeated === undefined) continue
    const from = parent.repeated
    parent.repeated = undefined
    while ((repeated.at(-1)?.start ?? -1) > from) repeated.pop()
    repeated.push({ start: from, end: at })
  }
}

/** Removes `spans` from `bytes`. The library would use the last entry with a repeated key. */
function cutSpans(bytes: Uint8Array, spans: readonly ByteSpan[]): Uint8Array {
  if (spans.length === 0) return bytes
  const parts = spans.map(({ start }, index) => bytes.subarray(spans[index - 1]?.end ?? 0, start))
  return Buffer.concat([...parts, bytes.subarray(spans.at(-1)!.end)])
}

const utf8 = new TextDecoder()

/**
 * Returns the name of a key in a decoded dictionary: its text, or its hex digits if it is not valid UTF-8.
 *
 * Two keys of different bytes can have the same name, since decoding drops a byte order mark. They count as a repeated
 * key. Otherwise the content of a second `info` would be used with the hash of the first.
 */
export function keyName(key: Uint8Array): string {
  const name = utf8.decode(key)
  return name.includes('\uFFFD') ? Buffer.from(key).toString('hex') : name
}

/** Restores the prototypes that `dict['__proto__'] = value` changed inside the library. */
function dropPrototypes(value: BencodeValue): void {
  const dict = asDict(value)
  if (dict) Object.setPrototypeOf(dict, Object.prototype)
  else if (!Array.isArray(value)) return
  for (const inner of Object.values(value as BencodeDict)) dropPrototypes(inner)
}

/** Replaces the library's encoder, which sorts keys in UTF-16 order, skips unknown types and rounds fractions. */
function append(parts: Uint8Array[], value: Encodable): void {
  if (typeof value === 'number') {
    if (!Number.isSafeInteger(value)) {
      throw new InputError('ERR_BENCODE', `cannot bencode ${value}: not a safe integer`)
    }
    parts.push(library.encode(value))
  } else if (typeof value === 'string' || ArrayBuffer.isView(value)) {
    parts.push(library.encode(value))
  } else if (Array.isArray(value)) {
    parts.push(Buffer.from('l'))
    for (const item of value) append(parts, item)
    parts.push(Buffer.from('e'))
  } else {
    appendDict(parts, value as { readonly [key: string]: Encodable | undefined })
  }
}

function appendDict(parts: Uint8Array[], dict: { readonly [key: string]: Encodable | undefined }): void {
  const entries = Object.entries(dict).map(([key, value]) => ({ key: Buffer.from(key), value }))
  entries.sort((a, b) => Buffer.compare(a.key, b.key))
  parts.push(Buffer.from('d'))
  for (const { key, value } of entries) {
    if (value === undefined) continue
    parts.push(library.encode(key))
    append(parts, value)
  }
  parts.push(Buffer.from('e'))
}
