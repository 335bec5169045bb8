/** A view of a dictionary in large bencoded input. Each value is decoded when it is requested. */
import { type BencodeValue, type DecodeOptions, decode } from './bencode.ts'
import { type ByteSpan, DICT_TOKEN, INTEGER_TOKEN, LIST_TOKEN, stringSpan } from './bencode-grammar.ts'

/** Limits of one value. Only the list of files of a torrent is larger. */
const DEFAULT_LIMITS = { maxDepth: 64, maxItems: 10_000 }

/** A dictionary that decodes its values on request. Byte strings are views into the input, not copies. */
export class BencodeView {
  readonly bytes: Buffer
  readonly #spans: ReadonlyMap<string, ByteSpan>
  readonly #options: DecodeOptions

  /** @param spans the ranges of the values in `bytes`, validated by `Scan` */
  constructor(bytes: Buffer, spans: ReadonlyMap<string, ByteSpan>, options: DecodeOptions = {}) {
    this.bytes = bytes
    this.#spans = spans
    this.#options = { ...DEFAULT_LIMITS, ...options }
  }

  /** Returns the range of the value at a key. */
  span(key: string): ByteSpan | undefined {
    return this.#spans.get(key)
  }

  /** Returns the value at a key. Throws ERR_BENCODE if it contains more than 10,000 values. */
  get(key: string): BencodeValue | undefined {
    const span = this.#spans.get(key)
    return span && valueAt(this.bytes, span, this.#options)
  }
}

/** Decodes the value in a validated range. Throws ERR_BENCODE if it exceeds the limits. */
export function valueAt(
  bytes: Buffer,
  span: ByteSpan,
  options: DecodeOptions = DEFAULT_LIMITS,
): BencodeValue {
  const { start, end } = span
  const kind = bytes[start]
  if (kind === INTEGER_TOKEN) return Number(bytes.toString('latin1', start + 1, end - 1))
  if (kind !== DICT_TOKEN && kind !== LIST_TOKEN) return bytes.subarray(stringSpan(bytes, start).start, end)
  return (kind === LIST_TOKEN && shortStrings(bytes, span)) || decode(bytes.subarray(start, end), options)
}

/** Returns the items of a list of up to 256 strings, such as a path. Returns undefined for any other list. */
function shortStrings(bytes: Buffer, { start, end }: ByteSpan): Buffer[] | undefined {
  const strings: Buffer[] = []
  for (let at = start + 1; at < end - 1; ) {
    if (strings.length === 256 || bytes[at]! > 0x39) return undefined // not a digit, so not a string
    const string = stringSpan(bytes, at)
    strings.push(bytes.subarray(string.start, string.end))
    at = string.end
  }
  return strings
}
