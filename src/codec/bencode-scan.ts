/**
 * Validates large bencoded input (BEP 3) and locates values in it by byte range. It builds no values, so its cost is
 * proportional to the number of bytes.
 */
import {
  type ByteSpan,
  DICT_TOKEN,
  END_TOKEN,
  failAt,
  INTEGER_TOKEN,
  integerEnd,
  LIST_TOKEN,
  stringSpan,
} from './bencode-grammar.ts'
import { quote } from './quote.ts'
import type { Steps } from './steps.ts'

export interface ScanLimits {
  /** Maximum nesting of lists and dictionaries. */
  readonly maxDepth: number
  /** Maximum number of values and keys in total. */
  readonly maxItems: number
  /** The end of the error message when there are more than `maxItems`: what to do about it. */
  readonly advice?: string
}

/** The values of a dictionary at the requested keys. */
export interface DictSpans {
  readonly spans: ReadonlyMap<string, ByteSpan>
  /** The end of the dictionary. */
  readonly end: number
}

/** Values and keys between two yields: about half a millisecond of work. */
const ITEMS_PER_STEP = 16_384
/** Maximum number of keys in an unsorted dictionary. All of them are kept in memory to find repeated keys. */
const MAX_UNSORTED_KEYS = 10_000

/** An unfinished list or dictionary. */
interface ScannedContainer {
  readonly isDict: boolean
  /** Index of its first key in `Scan.#keys`. */
  readonly keysFrom: number
  atKey: boolean
  /** All keys so far. Set when the first key out of order is found. */
  unsorted?: Set<string>
}

/** One pass over bencoded bytes. Its methods throw ERR_BENCODE with the offset of the invalid byte. */
export class Scan {
  readonly #bytes: Buffer
  readonly #limits: ScanLimits
  #items = 0
  /** Starts and ends of the keys of all unfinished dictionaries, the innermost last. */
  #keys = new Int32Array(256)
  #keyCount = 0

  constructor(bytes: Uint8Array, limits: ScanLimits) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#limits = limits
  }

  /**
   * Validates the dictionary at `start` and locates the values at the keys in `wanted`. If a key is repeated, its first
   * value is used.
   * @param strict a key that must not be repeated; its value is validated strictly
   * @returns undefined if there is no dictionary at `start`
   */
  *dict(start: number, wanted: ReadonlySet<string>, strict?: string): Steps<DictSpans | undefined> {
    const bytes = this.#bytes
    if (bytes[start] !== DICT_TOKEN) return undefined
    const spans = new Map<string, ByteSpan>()
    const longest = Math.max(...[...wanted].map(key => key.length))
    let at = start + 1
    while (bytes[at] !== END_TOKEN) {
      const key = stringSpan(bytes, at)
      const name = key.end - key.start > longest ? '' : bytes.toString('latin1', key.start, key.end)
      if (this.#count(at)) yield
      const exact = name === strict
      if (exact && spans.has(name)) failAt(`repeated key ${quote(name)}`, at)
      at = yield* this.value(key.end, exact)
      if (wanted.has(name) && !spans.has(name)) spans.set(name, { start: key.end, end: at })
    }
    return { spans, end: at + 1 }
  }

  /**
   * Validates the value at `start` and returns its end. It does not recurse, since the sender chooses the depth.
   * @param strict true to reject repeated keys, and integers beyond 2^53
   */
  *value(start: number, strict = false): Steps<number> {
    const bytes = this.#bytes
    const maxInteger = strict ? Number.MAX_SAFE_INTEGER : Number.POSITIVE_INFINITY
    const containers: ScannedContainer[] = []
    this.#keyCount = 0
    for (let at = start; ; ) {
      const container = containers.at(-1)
      const byte = bytes[at]
      if (container !== undefined && byte === END_TOKEN) {
        if (container.isDict && !container.atKey) failAt('a key without a value', at)
        this.#keyCount = container.keysFrom
        containers.pop()
        at++
      } else if (container?.isDict && container.atKey) {
        const key = stringSpan(bytes, at)
        if (strict) this.#addKey(container, key, at)
        if (this.#count(at)) yield
        container.atKey = false
        at = key.end
        continue
      } else {
        if (this.#count(at)) yield
        if (byte === DICT_TOKEN || byte === LIST_TOKEN) {
          const { maxDepth } = this.#limits
          if (containers.length === maxDepth) failAt(`nested deeper than ${maxDepth}`, at)
          containers.push({ isDict: byte === DICT_TOKEN, keysFrom: this.#keyCount, atKey: true })
          at++
          continue
        }
        at = byte === INTEGER_TOKEN ? integerEnd(bytes, at, maxInteger) : stringSpan(bytes, at).end
      }
      const parent = containers.at(-1)
      if (parent === undefined) return at
      parent.atKey = true
    }
  }

  /** @returns true when a step is complete and the caller must yield */
  #count(at: number): boolean {
    const { advice = '', maxItems } = this.#limits
    if (++this.#items > maxItems) failAt(`more than ${maxItems} values and keys${advice}`, at)
    return this.#items % ITEMS_PER_STEP === 0
  }

  /** Sorted keys are compared with the previous key only. From the first unsorted key on, all keys are kept. */
  #addKey(dict: ScannedContainer, key: ByteSpan, at: number): void {
    const last = this.#keyCount - 2
    const order = last < dict.keysFrom ? -1 : this.#compare(last, key)
    if (order >= 0 && !dict.unsorted) dict.unsorted = this.#keysSince(dict.keysFrom, at)
    if (dict.unsorted) {
      const name = this.#bytes.toString('latin1', key.start, key.end)
      if (dict.unsorted.has(name)) failAt(`repeated key ${quote(Buffer.from(name, 'latin1').toString())}`, at)
      dict.unsorted.add(name)
      if (dict.unsorted.size > MAX_UNSORTED_KEYS) failUnsorted(at)
      return
    }
    if (this.#keyCount === this.#keys.length) {
      const more = new Int32Array(2 * this.#keys.length)
      more.set(this.#keys)
      this.#keys = more
    }
    this.#keys[this.#keyCount++] = key.start
    this.#keys[this.#keyCount++] = key.end
  }

  /** Returns a negative number if the key at `last` sorts before `key`, and 0 if they are equal. */
  #compare(last: number, key: ByteSpan): number {
    const start = this.#keys[last]!
    const end = this.#keys[last + 1]!
    const common = Math.min(end - start, key.end - key.start)
    for (let at = 0; at < common; at++) {
      const difference = this.#bytes[start + at]! - this.#bytes[key.start + at]!
      if (difference !== 0) return difference
    }
    return end - start - (key.end - key.start)
  }

  #keysSince(from: number, at: number): Set<string> {
    if (this.#keyCount - from > 2 * MAX_UNSORTED_KEYS) failUnsorted(at)
    const names = new Set<string>()
    for (let next = from; next < this.#keyCount; next += 2) {
      names.add(this.#bytes.toString('latin1', this.#keys[next], this.#keys[next + 1]))
    }
    return names
  }
}

function failUnsorted(at: number): never {
  failAt(`more than ${MAX_UNSORTED_KEYS} keys in an unsorted dictionary`, at)
}

/**
 * Locates the values of a long dictionary at the keys in `wanted`. The bytes must have been validated, without repeated
 * keys.
 */
export function* locateValues(
  bytes: Buffer,
  start: number,
  wanted: ReadonlySet<string>,
): Steps<Map<string, ByteSpan>> {
  const spans = new Map<string, ByteSpan>()
  const longest = Math.max(...[...wanted].map(key => key.length))
  let items = 0
  for (let at = start + 1; bytes[at] !== END_TOKEN; ) {
    const key = stringSpan(bytes, at)
    at = key.end
    let depth = 0
    do {
      const byte = bytes[at]
      if (byte === DICT_TOKEN || byte === LIST_TOKEN) depth++
      if (byte === END_TOKEN) depth--
      at = byte === DICT_TOKEN || byte === LIST_TOKEN || byte === END_TOKEN ? at + 1 : scalarEnd(bytes, at)
      if (++items % ITEMS_PER_STEP === 0) yield
    } while (depth > 0)
    if (key.end - key.start > longest) continue
    const name = bytes.toString('latin1', key.start, key.end)
    if (wanted.has(name)) spans.set(name, { start: key.end, end: at })
  }
  return spans
}

/** Returns the end of the value at `start`. The bytes must have been validated. */
export function valueEnd(bytes: Uint8Array, start: number): number {
  let depth = 0
  let at = start
  do {
    const byte = bytes[at]
    if (byte === DICT_TOKEN || byte === LIST_TOKEN) depth++
    if (byte === END_TOKEN) depth--
    if (byte === DICT_TOKEN || byte === LIST_TOKEN || byte === END_TOKEN) at++
    else at = scalarEnd(bytes, at)
  } while (depth > 0)
  return at
}

function scalarEnd(bytes: Uint8Array, start: number): number {
  return bytes[start] === INTEGER_TOKEN ? integerEnd(bytes, start) : stringSpan(bytes, start).end
}

/** Returns the values of a short dictionary by key. The bytes must have been validated. */
export function dictSpans(bytes: Buffer, start: number): Map<string, ByteSpan> {
  const spans = new Map<string, ByteSpan>()
  for (let at = start + 1; bytes[at] !== END_TOKEN; ) {
    const key = stringSpan(bytes, at)
    at = valueEnd(bytes, key.end)
    spans.set(bytes.toString('latin1', key.start, key.end), { start: key.end, end: at })
  }
  return spans
}
