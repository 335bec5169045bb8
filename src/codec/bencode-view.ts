/** A dictionary of large bencoded input, whose values are built one by one when they are asked for. */
import { type BencodeValue, type DecodeOptions, decode } from './bencode.ts'
import { DICT, INTEGER, LIST, type Span, stringSpan } from './bencode-grammar.ts'

/** What one value may hold: nothing in a torrent but its list of files has more. */
const LIMITS = { maxDepth: 64, maxItems: 10_000 }

/** Byte strings are views into the input, not copies. */
export class BencodeView {
  readonly bytes: Buffer
  readonly #spans: ReadonlyMap<string, Span>
  readonly #options: DecodeOptions

  /** @param spans where in `bytes` the values are, which were checked (see `Scan`) */
  constructor(bytes: Buffer, spans: ReadonlyMap<string, Span>, options: DecodeOptions = {}) {
    this.bytes = bytes
    this.#spans = spans
    this.#options = { ...LIMITS, ...options }
  }

  /** Where the value at a key is. */
  span(key: string): Span | undefined {
    return this.#spans.get(key)
  }

  /** The value at a key. Throws ERR_BENCODE for one of more than 10,000 values. */
  get(key: string): BencodeValue | undefined {
    const span = this.#spans.get(key)
    return span && valueAt(this.bytes, span, this.#options)
  }
}

/** The value of a span that was checked. Throws ERR_BENCODE past the limits. */
export function valueAt(bytes: Buffer, span: Span, options: DecodeOptions = LIMITS): BencodeValue {
  const { start, end } = span
  const kind = bytes[start]
  if (kind === INTEGER) return Number(bytes.toString('latin1', start + 1, end - 1))
  if (kind !== DICT && kind !== LIST) return bytes.subarray(stringSpan(bytes, start).start, end)
  return (kind === LIST && shortStrings(bytes, span)) || decode(bytes.subarray(start, end), options)
}

/** The items of a list of a few strings, as every path is; undefined for any other list. */
function shortStrings(bytes: Buffer, { start, end }: Span): Buffer[] | undefined {
  const strings: Buffer[] = []
  for (let at = start + 1; at < end - 1; ) {
    if (strings.length === 256 || bytes[at]! > 0x39) return undefined // past 9: no string
    const string = stringSpan(bytes, at)
    strings.push(bytes.subarray(string.start, string.end))
    at = string.end
  }
  return strings
}
