/** Fields of a dictionary that were asked for and must be of a kind: one way to say that they are not. */
import {
  asDict,
  asList,
  type BencodeDict,
  type BencodeValue,
  bytes,
  integer,
  text,
} from '../codec/bencode.ts'
import { quote } from '../codec/quote.ts'
import { InputError } from '../errors.ts'
import type { Warn } from './warnings.ts'

/** A dictionary of a torrent, and where in the torrent it stands. Its `need...` methods throw ERR_METAINFO. */
export class Fields {
  readonly #dict: BencodeDict
  readonly #where: string
  readonly #warn: Warn

  /** @param where dotted, `''` at the top: `info.files[3]`. */
  constructor(dict: BencodeDict, where: string, warn: Warn) {
    this.#dict = dict
    this.#where = where
    this.#warn = warn
  }

  /** The value as it stands, own keys only. */
  get(key: string): BencodeValue | undefined {
    return Object.hasOwn(this.#dict, key) ? this.#dict[key] : undefined
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
  fail(key: string, expected: string): never {
    throw new InputError('ERR_METAINFO', this.#mismatch(key, expected))
  }

  #optional<T>(key: string, expected: string, read: (value: BencodeValue) => T | undefined): T | undefined {
    const value = this.get(key)
    if (value === undefined) return undefined
    const found = read(value)
    if (found === undefined) this.#warn(`${this.#mismatch(key, expected)}, ignored`)
    return found
  }

  #mismatch(key: string, expected: string): string {
    return `${this.name(key)}: expected ${expected}, got ${describe(this.get(key))}`
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
