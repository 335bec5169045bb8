/** Reads the file tree of a v2 torrent (BEP 52), file by file. */

import { type ByteSpan, DICT_TOKEN, END_TOKEN, stringSpan } from '../codec/bencode-grammar.ts'
import { dictSpans, valueEnd } from '../codec/bencode-scan.ts'
import { BencodeView, valueAt } from '../codec/bencode-view.ts'
import { NODE_LENGTH } from '../codec/merkle.ts'
import { quote } from '../codec/quote.ts'
import type { Steps } from '../codec/steps.ts'
import { describe, Fields } from './fields.ts'
import { MAX_FILE_BYTES, readAttributes, readTarget } from './files.ts'
import { MAX_DEPTH } from './paths.ts'
import type { Reading } from './reading.ts'

/** A file of the tree. */
export interface TreeFile {
  /** Its names, as the torrent spells them. */
  readonly names: readonly Buffer[]
  /** Length in bytes. */
  readonly length: number
  /** `pieces root`, if the file is not empty. */
  readonly root: Buffer | undefined
  readonly executable: boolean
  readonly hidden: boolean
  /** The names of the target, if the file is a symlink (BEP 47). */
  readonly target: readonly Buffer[] | undefined
}

/** The tree and its position in `info`. */
export interface TreePlace {
  readonly info: Fields
  /** A view of `info`, which was validated. */
  readonly view: BencodeView
}

/** A directory that is read at present. */
interface TreeDirectory {
  /** Its last key so far. */
  key: ByteSpan | undefined
}

/** Directories and files between two yields. */
const ENTRIES_PER_STEP = 128
const ZERO_ROOT = Buffer.alloc(NODE_LENGTH)

/**
 * Walks the tree in its own order. It does not recurse, since the sender chooses the depth. Throws ERR_METAINFO for a tree
 * that two clients could read differently: with unsorted or repeated names, or with a file that is also a directory.
 */
export class FileTree {
  readonly #place: TreePlace
  readonly #reading: Reading
  readonly #directories: TreeDirectory[] = []
  /** The names of the directories below the root. */
  readonly #names: Buffer[] = []
  /** Offset of the next key. */
  #offset: number
  #entries = 0

  constructor(place: TreePlace, reading: Reading) {
    this.#place = place
    this.#reading = reading
    const { info, view } = place
    const start = view.span('file tree')?.start ?? -1
    if (view.bytes[start] !== DICT_TOKEN) info.fail('file tree', 'a dictionary')
    this.#offset = start + 1
    this.#directories.push({ key: undefined })
  }

  /** Returns the next file, or undefined at the end. */
  *next(): Steps<TreeFile | undefined> {
    const { bytes } = this.#place.view
    for (;;) {
      const directory = this.#directories.at(-1)
      if (!directory) return undefined
      if (bytes[this.#offset] === END_TOKEN) {
        this.#offset++
        this.#directories.pop()
        this.#names.pop()
        continue
      }
      if (++this.#entries % ENTRIES_PER_STEP === 0) yield
      const key = stringSpan(bytes, this.#offset)
      if (key.start === key.end) return this.#readFile(directory, key.end)
      if (
        directory.key &&
        bytes.compare(bytes, directory.key.start, directory.key.end, key.start, key.end) <= 0
      )
        this.#fail('sorted names', `${this.#quoted(key)} after ${this.#quoted(directory.key)}`)
      directory.key = key
      this.#names.push(bytes.subarray(key.start, key.end))
      if (this.#names.length > MAX_DEPTH) this.#fail(`at most ${MAX_DEPTH} names in a path`, 'more')
      if (bytes[key.end] !== DICT_TOKEN) this.#fail('dictionaries', 'another value', true)
      this.#offset = key.end + 1
      this.#directories.push({ key: undefined })
    }
  }

  /** @param start the offset of the properties */
  #readFile(directory: TreeDirectory, start: number): TreeFile {
    const { info, view } = this.#place
    const { bytes } = view
    if (this.#names.length === 0) this.#fail('a directory', 'a file')
    if (directory.key) this.#fail('a file or a directory', 'both', true)
    const end = valueEnd(bytes, start)
    if (end - start > MAX_FILE_BYTES)
      this.#fail(`at most ${MAX_FILE_BYTES} bytes for a file`, `${end - start}`, true)
    if (bytes[start] !== DICT_TOKEN) this.#fail('properties', describe(valueAt(bytes, { start, end })), true)
    if (bytes[end] !== END_TOKEN) this.#fail('a file or a directory', 'both', true)
    const names = [...this.#names]
    const lastKey = this.#directories.at(-2)!.key!
    // The end of the file's own dictionary.
    this.#offset = end + 1
    this.#directories.pop()
    this.#names.pop()
    const where = info.name(`file tree[${this.#quoted(lastKey)}]`)
    const values = new BencodeView(bytes, dictSpans(bytes, start))
    return readProperties(new Fields(values, where, this.#reading.warn), names)
  }

  /** @param named true if the message names the present path */
  #fail(expected: string, got: string, named = false): never {
    const at = named ? ` at ${quote(textOf(this.#names))}` : ''
    return this.#place.info.fail('file tree', expected, `${got}${at}`)
  }

  #quoted({ start, end }: ByteSpan): string {
    return quote(this.#place.view.bytes.toString('utf8', start, end))
  }
}

function readProperties(fields: Fields, names: readonly Buffer[]): TreeFile {
  const { length, executable, hidden } = readAttributes(fields, true)
  const target = readTarget(fields)
  const root = length === 0 ? undefined : fields.needBytes('pieces root')
  if (root && root.length !== NODE_LENGTH) fields.fail('pieces root', `${NODE_LENGTH} bytes`)
  if (root?.equals(ZERO_ROOT)) fields.fail('pieces root', 'a hash', 'zeros')
  return { names, length, root, executable, hidden, target }
}

function textOf(names: readonly Uint8Array[]): string {
  return names.map(name => Buffer.from(name).toString('utf8')).join('/')
}
