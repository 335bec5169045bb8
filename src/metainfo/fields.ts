/** Typed access to the fields of a dictionary, with uniform errors and warnings for fields of another type. */
import { asBytes, asDict, asInteger, asList, asText, type BencodeValue } from '../codec/bencode.ts'
import { quote } from '../codec/quote.ts'
import { InputError } from '../errors.ts'
import type { Warn } from './warnings.ts'

/** A source of values by key. */
interface Values {
  get(key: string): BencodeValue | undefined
}

/**
 * A dictionary of a torrent and its position. The `need...` methods throw ERR_METAINFO. Every method throws ERR_BENCODE
 * for a value that contains too many others.
 */
export class Fields {
  readonly #values: Values
  readonly #where: string
  readonly #warn: Warn

  /** @param where the position of the dictionary, such as `info.files[3]`, or '' at the top level */
  constructor(values: Values, where: string, warn: Warn) {
    this.#values = values
    this.#where = where
    this.#warn = warn
  }

  /** Returns the value at a key, of any type. */
  get(key: string): BencodeValue | undefined {
    try {
      return this.#values.get(key)
    } catch (error) {
      if (!(error instanceof InputError)) throw error
      throw new InputError(error.code, `${this.name(key)}: ${error.message}`, error)
    }
  }

  /** Returns the name of a field in messages, such as `info.files[3].length`. */
  name(key: string): string {
    return this.#where === '' ? key : `${this.#where}.${key}`
  }

  /** Returns a required byte string. */
  needBytes(key: string): Buffer {
    return asBytes(this.get(key)) ?? this.fail(key, 'a string')
  }

  /** Returns a required list. */
  needList(key: string): BencodeValue[] {
    return asList(this.get(key)) ?? this.fail(key, 'a list')
  }

  /** Returns a required list of at least one string. */
  needPath(key: string): Buffer[] {
    const names = this.needList(key).map(asBytes)
    if (names.length === 0 || names.includes(undefined)) this.fail(key, 'a list of names')
    return names as Buffer[]
  }

  /** Returns a required integer from `min` to `max`, both inclusive. */
  needInteger(key: string, expected: string, min: number, max: number): number {
    const value = asInteger(this.get(key))
    return value !== undefined && value >= min && value <= max ? value : this.fail(key, expected)
  }

  /** Returns an optional string. A value of another type is ignored with a warning. */
  text(key: string): string | undefined {
    return this.#optional(key, 'a string', asText)
  }

  /** Returns an optional integer. A value of another type is ignored with a warning. */
  integer(key: string): number | undefined {
    return this.#optional(key, 'an integer', asInteger)
  }

  /** Throws ERR_METAINFO with the expected and the actual value. */
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

/** Describes a value in a few words for a message. */
export function describe(value: BencodeValue | undefined): string {
  if (value === undefined) return 'nothing'
  if (typeof value === 'number') return String(value)
  const list = asList(value)
  if (list) return list.length === 0 ? 'an empty list' : `a list of ${list.length}`
  if (asDict(value)) return 'a dictionary'
  const string = asBytes(value)!
  return string.length > 60 ? `a string of ${string.length} bytes` : quote(string.toString('utf8'))
}
