/** Fields of a dictionary that were asked for and must be of a kind: one way to say that they are not. */
import { asDict, asList, type BencodeValue, bytes, integer, text } from '../codec/bencode.ts'
import { quote } from '../codec/quote.ts'
import { InputError } from '../errors.ts'
import type { Warn } from './warnings.ts'

/** What has values at keys. */
interface Values {
  get(key: string): BencodeValue | undefined
}

/**
 * A dictionary of a torrent, and where in the torrent it stands. Its `need...` methods throw ERR_METAINFO; any throws
 * ERR_BENCODE for a value that holds too many others.
 */
export class Fields {
  readonly #values: Values
  readonly #where: string
  readonly #warn: Warn

  /** @param where dotted, `''` at the top: `info.files[3]`. */
  constructor(values: Values, where: string, warn: Warn) {
    this.#values = values
    this.#where = where
    this.#warn = warn
  }

  /** The value as it stands. */
  get(key: string): BencodeValue | undefined {
    try {
      return this.#values.get(key)
    } catch (error) {
      if (!(error instanceof InputError)) throw error
      throw new InputError(error.code, `${this.name(key)}: ${error.message}`, error)
    }
  }

  /** How messages call a field: `info.files[3].length`. */
  name(key: string): string {
    return this.#where === '' ? key : `${this.#where}.${key}`
  }

  needBytes(key: string): Buffer {
    return bytes(this.get(key)) ?? this.fail(key, 'a string')
  }

  needList(key: string): BencodeValue[] {
    return asList(this.get(key)) ?? this.fail(key, 'a list')
  }

  /** A list of strings, at least one. */
  needPath(key: string): Buffer[] {
    const names = this.needList(key).map(bytes)
    if (names.length === 0 || names.includes(undefined)) this.fail(key, 'a list of names')
    return names as Buffer[]
  }

  /** A whole number from `least` to `most`, both inclusive. */
  needInteger(key: string, expected: string, least: number, most: number): number {
    const value = integer(this.get(key))
    return value !== undefined && value >= least && value <= most ? value : this.fail(key, expected)
  }

  /** A field that nothing depends on: of another kind than text, it is ignored with a warning. */
  text(key: string): string | undefined {
    return this.#optional(key, 'a string', text)
  }

  /** As `text`, for whole numbers. */
  integer(key: string): number | undefined {
    return this.#optional(key, 'an integer', integer)
  }

  /** Says what was expected at a key and what is there. */
  fail(key: string, expected: string, got = describe(this.get(key))): never {
    throw new InputError('ERR_METAINFO', `${this.name(key)}: expected ${expected}, got ${got}`)
  }

  #optional<T>(key: string, expected: string, read: (value: BencodeValue) => T | undefined): T | undefined {
    const value = this.get(key)
    if (value === undefined) return undefined
    const found = read(value)
    if (found === undefined)
      this.#warn(`${this.name(key)}: expected ${expected}, got ${describe(value)}, ignored`)
    return found
  }
}

/** A value in a few words, for a message. */
export function describe(value: BencodeValue | undefined): string {
  if (value === undefined) return 'nothing'
  if (typeof value === 'number') return String(value)
  const list = asList(value)
  if (list) return list.length === 0 ? 'an empty list' : `a list of ${list.length}`
  if (asDict(value)) return 'a dictionary'
  const string = bytes(value)!
  return string.length > 60 ? `a string of ${string.length} bytes` : quote(string.toString('utf8'))
}
