/** Large bencoded input (BEP 3) checked and taken apart by byte ranges: nothing is built, so nothing costs more than its bytes. */
import { DICT, END, failAt, INTEGER, integerEnd, LIST, type Span, stringSpan } from './bencode-grammar.ts'
import { quote } from './quote.ts'

/** A computation in short steps: between two of them its runner may let others go on. */
export type Steps<T> = Generator<void, T>

export interface ScanLimits {
  /** Lists and dictionaries inside each other. */
  readonly maxDepth: number
  /** Values and keys in all. */
  readonly maxItems: number
  /** What the message about too many of them ends in: what to do. */
  readonly advice?: string
}

/** Values at the keys of a dictionary that were asked for. */
export interface DictSpans {
  readonly spans: ReadonlyMap<string, Span>
  /** Where the dictionary ends. */
  readonly end: number
}

/** Values and keys from one yield to the next: half a millisecond. */
const ITEMS_PER_STEP = 16_384
/** Keys of a dictionary that is not sorted: each is held, to find those that repeat. */
const MAX_UNSORTED_KEYS = 10_000

/** A list or dictionary that is open. */
interface Open {
  readonly isDict: boolean
  /** Where its keys begin in `Scan.#keys`. */
  readonly keysFrom: number
  atKey: boolean
  /** All keys so far, once one was not in order. */
  unsorted?: Set<string>
}

/** One pass over bencoded bytes. Its methods throw ERR_BENCODE, naming the byte. */
export class Scan {
  readonly #bytes: Buffer
  readonly #limits: ScanLimits
  #items = 0
  /** Starts and ends of the keys of all open dictionaries, the innermost last. */
  #keys = new Int32Array(256)
  #keyCount = 0

  constructor(bytes: Uint8Array, limits: ScanLimits) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#limits = limits
  }

  /**
   * The values of a dictionary at some keys, all of it checked. The first of a repeated key counts.
   * @param strict a key that must not stand twice, and in whose value no key may
   * @returns undefined where no dictionary starts
   */
  *dict(start: number, wanted: ReadonlySet<string>, strict?: string): Steps<DictSpans | undefined> {
    const bytes = this.#bytes
    if (bytes[start] !== DICT) return undefined
    const spans = new Map<string, Span>()
    const longest = Math.max(...[...wanted].map(key => key.length))
    let at = start + 1
    while (bytes[at] !== END) {
      const key = stringSpan(bytes, at)
      const name = key.end - key.start > longest ? '' : bytes.toString('latin1', key.start, key.end)
      if (this.#count(at)) yield
      const exact = name === strict
      if (exact && spans.has(name)) failAt(`the key ${quote(name)} again`, at)
      at = yield* this.value(key.end, exact)
      if (wanted.has(name) && !spans.has(name)) spans.set(name, { start: key.end, end: at })
    }
    return { spans, end: at + 1 }
  }

  /**
   * Where the value at `start` ends, all of it checked. No recursion: depth is the sender's choice, not ours.
   * @param unique whether a key that repeats is refused
   */
  *value(start: number, unique = false): Steps<number> {
    const bytes = this.#bytes
    const open: Open[] = []
    this.#keyCount = 0
    for (let at = start; ; ) {
      const inside = open.at(-1)
      const byte = bytes[at]
      if (inside !== undefined && byte === END) {
        if (inside.isDict && !inside.atKey) failAt('a key without a value', at)
        this.#keyCount = inside.keysFrom
        open.pop()
        at++
      } else if (inside?.isDict && inside.atKey) {
        const key = stringSpan(bytes, at)
        if (unique) this.#addKey(inside, key, at)
        if (this.#count(at)) yield
        inside.atKey = false
        at = key.end
        continue
      } else {
        if (this.#count(at)) yield
        if (byte === DICT || byte === LIST) {
          const { maxDepth } = this.#limits
          if (open.length === maxDepth) failAt(`nested deeper than ${maxDepth}`, at)
          open.push({ isDict: byte === DICT, keysFrom: this.#keyCount, atKey: true })
          at++
          continue
        }
        at = byte === INTEGER ? integerEnd(bytes, at) : stringSpan(bytes, at).end
      }
      const around = open.at(-1)
      if (around === undefined) return at
      around.atKey = true
    }
  }

  /** @returns whether it is time to yield */
  #count(at: number): boolean {
    const { advice = '', maxItems } = this.#limits
    if (++this.#items > maxItems) failAt(`more than ${maxItems} values and keys${advice}`, at)
    return this.#items % ITEMS_PER_STEP === 0
  }

  /** Keys in order are compared with the one before; of others all are kept. */
  #addKey(dict: Open, key: Span, at: number): void {
    const last = this.#keyCount - 2
    const order = last < dict.keysFrom ? -1 : this.#compare(last, key)
    if (order >= 0 && !dict.unsorted) dict.unsorted = this.#keysSince(dict.keysFrom, at)
    if (dict.unsorted) {
      const name = this.#bytes.toString('latin1', key.start, key.end)
      if (dict.unsorted.has(name))
        failAt(`the key ${quote(Buffer.from(name, 'latin1').toString())} again`, at)
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

  /** Below 0 where the key at `last` comes before `key`, 0 where they are equal. */
  #compare(last: number, key: Span): number {
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
  failAt(`more than ${MAX_UNSORTED_KEYS} keys in a dictionary that is not sorted`, at)
}

/** Where the value at `start` ends, in bytes that were checked. */
export function valueEnd(bytes: Uint8Array, start: number): number {
  let depth = 0
  let at = start
  do {
    const byte = bytes[at]
    if (byte === DICT || byte === LIST) depth++
    if (byte === END) depth--
    if (byte === DICT || byte === LIST || byte === END) at++
    else at = byte === INTEGER ? integerEnd(bytes, at) : stringSpan(bytes, at).end
  } while (depth > 0)
  return at
}

/** The values of a short dictionary by their keys, in bytes that were checked. */
export function dictSpans(bytes: Buffer, start: number): Map<string, Span> {
  const spans = new Map<string, Span>()
  for (let at = start + 1; bytes[at] !== END; ) {
    const key = stringSpan(bytes, at)
    at = valueEnd(bytes, key.end)
    spans.set(bytes.toString('latin1', key.start, key.end), { start: key.end, end: at })
  }
  return spans
}
