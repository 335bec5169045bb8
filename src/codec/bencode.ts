/** Bencoding (BEP 3): the one file that knows the `bencode` package, and keeps hostile bytes from it. */

// @ts-expect-error: the package brings no types; `library` below says what is used of it.
import untyped from 'bencode'
import { InputError } from '../errors.ts'
import {
  DICT,
  END,
  failAt as fail,
  INTEGER,
  integerEnd,
  LIST,
  type Span,
  stringSpan,
} from './bencode-grammar.ts'
import { quote } from './quote.ts'

const library = untyped as {
  decode: { (bytes: Uint8Array): BencodeValue; data: Uint8Array | null }
  encode(value: number | string | Uint8Array): Uint8Array
}

/** A decoded value. Keys that are not UTF-8 are named by their hex digits, and are never used by us. */
export type BencodeValue = number | Uint8Array | BencodeValue[] | BencodeDict

/** A decoded dictionary. Look keys up by names known beforehand, or test with `Object.hasOwn`. */
export type BencodeDict = { [key: string]: BencodeValue }

/** What can be encoded: strings are written as UTF-8, entries that are `undefined` are left out. */
export type Encodable =
  | number
  | string
  | Uint8Array
  | readonly Encodable[]
  | { readonly [key: string]: Encodable | undefined }

export interface DecodeOptions {
  /** Lists and dictionaries inside each other. @default 64 */
  readonly maxDepth?: number
  /** Values and keys in all: each costs some 200 bytes of memory, however short. @default 100,000 */
  readonly maxItems?: number
  /** Whether bytes may follow the value; they are ignored. @default false */
  readonly allowTrailing?: boolean
  /** What becomes of a key that stands twice in one dictionary; with `first` the first counts, as in libtorrent. @default 'refuse' */
  readonly repeatedKeys?: 'refuse' | 'first'
}

/**
 * The value that `bytes` spell. Strings are copies, so `bytes` may be reused.
 * Unsorted keys are accepted, since trackers send them. A `__proto__` key is dropped.
 * Throws ERR_BENCODE, naming the byte.
 */
export function decode(bytes: Uint8Array, options: DecodeOptions = {}): BencodeValue {
  const repeated: Span[] = []
  const end = scan(bytes, 0, options, repeated)
  if (end < bytes.length && !options.allowTrailing) fail(`${bytes.length - end} bytes after the value`, end)
  const seen = without(bytes.subarray(0, end), repeated)
  try {
    const value = library.decode(seen)
    if (Buffer.from(seen.buffer, seen.byteOffset, seen.length).includes('9:__proto__')) dropPrototypes(value)
    return value
  } finally {
    // The library would keep its copy of the last input for ever.
    library.decode.data = null
  }
}

/** Where the first value in `bytes` ends (a ut_metadata message has more behind it). Throws ERR_BENCODE. */
export function endOf(bytes: Uint8Array, options: DecodeOptions = {}): number {
  return scan(bytes, 0, options)
}

/** `value` in bencoding, keys in the order of their bytes. Throws ERR_BENCODE for a number that is no safe integer. */
export function encode(value: Encodable): Buffer {
  const parts: Uint8Array[] = []
  append(parts, value)
  return Buffer.concat(parts)
}

/** The value as a dictionary, or `undefined` if it is anything else. */
export function asDict(value: BencodeValue | undefined): BencodeDict | undefined {
  return typeof value === 'object' && !Array.isArray(value) && !ArrayBuffer.isView(value) ? value : undefined
}

/** The value as a list, or `undefined` if it is anything else. */
export function asList(value: BencodeValue | undefined): BencodeValue[] | undefined {
  return Array.isArray(value) ? value : undefined
}

/** The value as a whole number, or `undefined` if it is anything else. */
export function integer(value: BencodeValue | undefined): number | undefined {
  return typeof value === 'number' ? value : undefined
}

/** The value as a byte string (a view, not a copy), or `undefined` if it is anything else. */
export function bytes(value: BencodeValue | undefined): Buffer | undefined {
  return ArrayBuffer.isView(value)
    ? Buffer.from(value.buffer as ArrayBuffer, value.byteOffset, value.byteLength)
    : undefined
}

/** The value as text, what is not UTF-8 replaced by U+FFFD, or `undefined` if it is no string. */
export function text(value: BencodeValue | undefined): string | undefined {
  return bytes(value)?.toString('utf8')
}

/** A list or dictionary that is open; `keys` only for the latter. */
interface Open {
  readonly keys: Set<string> | undefined
  atKey: boolean
  /** Where the pair that is being read starts, if its key stood before. */
  repeated?: number | undefined
}

/**
 * The end of the value at `start`, all of it checked. No recursion: depth is the sender's choice, not ours.
 * @param repeated is given the pairs whose key stood before, in order and none inside another
 */
function scan(bytes: Uint8Array, start: number, options: DecodeOptions, repeated: Span[] = []): number {
  const { maxDepth = 64, maxItems = 100_000, repeatedKeys } = options
  const open: Open[] = []
  let items = 0
  for (let at = start; ; ) {
    const inside = open.at(-1)
    const byte = bytes[at]
    if (inside !== undefined && byte === END) {
      if (inside.keys && !inside.atKey) fail('a key without a value', at)
      open.pop()
      at++
    } else if (inside?.keys && inside.atKey) {
      const key = stringSpan(bytes, at)
      const name = keyName(bytes.subarray(key.start, key.end))
      if (inside.keys.has(name)) {
        if (repeatedKeys !== 'first') fail(`the key ${quote(name)} again`, at)
        inside.repeated = at
      }
      inside.keys.add(name)
      if (++items > maxItems) fail(`more than ${maxItems} values and keys`, at)
      inside.atKey = false
      at = key.end
      continue
    } else {
      if (++items > maxItems) fail(`more than ${maxItems} values and keys`, at)
      if (byte === DICT || byte === LIST) {
        if (open.length === maxDepth) fail(`nested deeper than ${maxDepth}`, at)
        open.push({ keys: byte === DICT ? new Set() : undefined, atKey: true })
        at++
        continue
      }
      at = byte === INTEGER ? integerEnd(bytes, at) : stringSpan(bytes, at).end
    }
    const around = open.at(-1)
    if (around === undefined) return at
    around.atKey = true
    if (around.repeated === undefined) continue
    const from = around.repeated
    around.repeated = undefined
    while ((repeated.at(-1)?.start ?? -1) > from) repeated.pop()
    repeated.push({ start: from, end: at })
  }
}

/** `bytes` less `spans`: the library would take the last of the pairs with one key. */
function without(bytes: Uint8Array, spans: readonly Span[]): Uint8Array {
  if (spans.length === 0) return bytes
  const parts = spans.map(({ start }, index) => bytes.subarray(spans[index - 1]?.end ?? 0, start))
  return Buffer.concat([...parts, bytes.subarray(spans.at(-1)!.end)])
}

const utf8 = new TextDecoder()

/**
 * The name that a key of these bytes has in a decoded dictionary: as text, or as hex digits where it is not UTF-8. Two keys
 * of different bytes can come out as one name (a byte order mark is dropped, say), and the second `info` would then be read
 * where the hash is taken over the first: so they count as the same key twice.
 */
export function keyName(key: Uint8Array): string {
  const name = utf8.decode(key)
  return name.includes('\uFFFD') ? Buffer.from(key).toString('hex') : name
}

/** Undoes what `dict['__proto__'] = value` did inside the library. */
function dropPrototypes(value: BencodeValue): void {
  const dict = asDict(value)
  if (dict) Object.setPrototypeOf(dict, Object.prototype)
  else if (!Array.isArray(value)) return
  for (const inner of Object.values(value as BencodeDict)) dropPrototypes(inner)
}

/** Ours rather than the library's where it goes by UTF-16 order, drops what it does not know and rounds fractions. */
function append(parts: Uint8Array[], value: Encodable): void {
  if (typeof value === 'number') {
    if (!Number.isSafeInteger(value)) {
      throw new InputError('ERR_BENCODE', `cannot bencode ${value}: no safe integer`)
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
