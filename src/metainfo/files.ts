/** Reads the file or the list of files of an `info` dictionary (BEP 3), with attributes (BEP 47). */
import { DICT_TOKEN, LIST_TOKEN } from '../codec/bencode-grammar.ts'
import { dictSpans, valueEnd } from '../codec/bencode-scan.ts'
import { BencodeView, valueAt } from '../codec/bencode-view.ts'
import { quote } from '../codec/quote.ts'
import type { Steps } from '../codec/steps.ts'
import { describe, Fields } from './fields.ts'
import type { FileEntry } from './metainfo.ts'
import { PathSet } from './path-set.ts'
import { checkPathLength, type RawPath, safePath } from './paths.ts'
import { PlainFiles } from './plain-files.ts'
import type { Limits, Reading } from './reading.ts'
import { namesBelow, pathFieldOf, RespelledFile } from './respelled-file.ts'

/** Maximum number of files in a torrent. */
export const MAX_FILES = 500_000
/** Maximum length of the dictionary of a file, in bytes. */
export const MAX_FILE_BYTES = 65_536
/** Bytes to read between two yields, a few milliseconds of work. */
const BYTES_PER_STEP = 32_768
/** The constant cost of reading a file, in bytes. */
const FILE_COST_BYTES = 256
/** Number of files to place between two yields. */
const FILES_PER_STEP = 128

/** The list of files and its position in `info`. */
export interface ParsedFiles {
  readonly info: Fields
  /** A view of `info`, which was validated. */
  readonly view: BencodeView
  /** The torrent's name. */
  readonly root: string
}

type Draft = { -readonly [Key in keyof FileEntry]: FileEntry[Key] }

/** The position of a file in the list, and its bytes. */
interface FilePlace {
  readonly index: number
  readonly start: number
  readonly end: number
}

/** Reads the file of a single-file torrent. It has the torrent's name. */
export function readSingle(info: Fields, root: string): FileEntry[] {
  // It cannot be a symlink, since there is no other file to point to.
  return [{ path: root, ...readAttributes(info, false) }]
}

/** Reads the files of a multi-file torrent. Throws ERR_METAINFO, ERR_PATH or ERR_BENCODE. */
export function* readFiles(list: ParsedFiles, reading: Reading): Steps<FileEntry[]> {
  const { info, root, view } = list
  const starts = yield* findFiles(list, reading.limits)
  const count = starts.length - 1
  const files = new Array<FileEntry>(count)
  const paths = new PathSet()
  const plain = new PlainFiles(view.bytes, root, reading.portable)
  let offset = 0
  let work = 0
  for (let index = 0; index < count; index++) {
    const start = starts[index]!
    const end = starts[index + 1]!
    if (view.bytes[start] !== DICT_TOKEN) {
      const item = describe(valueAt(view.bytes, { start, end }))
      info.fail('files', `dictionaries, got ${item} at ${index} in it`, `a list of ${count}`)
    }
    const { file, name } =
      plain.read(start, end, offset) ?? readFile(list, { index, start, end }, offset, reading)
    if (!file.pad) paths.reserve(name)
    files[index] = file
    offset += file.length
    work += end - start + FILE_COST_BYTES
    if (work < BYTES_PER_STEP) continue
    work = 0
    yield
  }
  if (paths.distinct) return files
  // If two paths collide, a file with unchanged names keeps its path.
  const replaced = Uint8Array.from(files, file => Number(file instanceof RespelledFile))
  for (const turn of [0, 1]) {
    for (const [index, file] of files.entries()) {
      if (index % FILES_PER_STEP === 0) yield
      if (file.pad || replaced[index] !== turn) continue
      const name = file.path.slice(root.length + 1)
      const own = paths.claim(name)
      if (own !== name)
        files[index] = renameFile(
          file,
          own,
          list,
          { index, start: starts[index]!, end: starts[index + 1]! },
          reading,
        )
    }
  }
  return files
}

/** Returns the start of each file, and the end of the last one. */
function* findFiles({ info, view }: ParsedFiles, { advice, maxFiles }: Limits): Steps<Int32Array> {
  const { start, end } = view.span('files')!
  if (view.bytes[start] !== LIST_TOKEN) info.fail('files', 'a list')
  let starts: Int32Array = new Int32Array(1024)
  let count = 0
  let work = 0
  for (let at = start + 1; at < end - 1; count++) {
    const next = valueEnd(view.bytes, at)
    if (next - at > MAX_FILE_BYTES) {
      info.fail('files', `at most ${MAX_FILE_BYTES} bytes for a file`, `${next - at} at ${count} in it`)
    }
    if (count + 1 === starts.length) starts = grown(starts)
    starts[count] = at
    starts[count + 1] = next
    work += next - at
    at = next
    if (work < BYTES_PER_STEP) continue
    work = 0
    yield
  }
  if (count === 0) info.fail('files', 'at least one file')
  if (count > MAX_FILES) info.fail('files', `at most ${MAX_FILES} files`, `a list of ${count}`)
  if (count > maxFiles) info.fail('files', `at most ${maxFiles} files${advice}`, `a list of ${count}`)
  return starts.subarray(0, count + 1)
}

function grown(numbers: Int32Array): Int32Array {
  const more = new Int32Array(2 * numbers.length)
  more.set(numbers)
  return more
}

function fieldsAt({ info, view }: ParsedFiles, { index, start }: FilePlace, reading: Reading): Fields {
  const values = new BencodeView(view.bytes, dictSpans(view.bytes, start))
  return new Fields(values, info.name(`files[${index}]`), reading.warn)
}

/** @returns the file and its path below the torrent's name */
function readFile(
  list: ParsedFiles,
  place: FilePlace,
  offset: number,
  reading: Reading,
): { file: FileEntry; name: string } {
  const { root, view } = list
  const fields = fieldsAt(list, place, reading)
  const attributes = readAttributes(fields, true)
  const raw = pathOf(fields, attributes.pad)
  const name = safePath(raw, reading.warn, reading.portable)
  checkPathLength(name, raw.where, root)
  const { length, pad, executable, hidden, md5sum } = attributes
  // There are many of these objects, so all have one shape and none is copied.
  const entry: Draft = { path: `${root}/${name}`, length, offset, pad, executable, hidden }
  const target = readTarget(fields)
  const symlink =
    target &&
    safePath({ where: fields.name('symlink path'), names: target, root }, reading.warn, reading.portable)
  if (symlink !== undefined) entry.symlink = symlink
  if (md5sum !== undefined) entry.md5sum = md5sum
  const spelled = isSpelled(raw.names, name)
  return { name, file: spelled ? entry : new RespelledFile(entry, view.bytes, place.start) }
}

/** Gives a file another path, since its own is in use. */
function renameFile(
  file: FileEntry,
  name: string,
  list: ParsedFiles,
  place: FilePlace,
  reading: Reading,
): FileEntry {
  const path = `${list.root}/${name}`
  const { where } = pathOf(fieldsAt(list, place, reading), file.pad)
  reading.warn(`${where}: ${quote(file.path)} is taken by another file, written as ${quote(path)}`)
  checkPathLength(name, where, list.root)
  return new RespelledFile({ ...file, path }, list.view.bytes, place.start)
}

/** Reads the names of the target of a symlink (BEP 47). Returns undefined for any other file. */
export function readTarget(file: Fields): Buffer[] | undefined {
  if (!file.text('attr')?.includes('l')) return undefined
  if (file.get('length')) file.fail('length', 'a length of 0, this being a symlink')
  return file.needPath('symlink path')
}

/**
 * Reads the length and the attributes of a file (BEP 47).
 * @param links true if the file may be a symlink; its length is 0 and may be missing
 */
export function readAttributes(file: Fields, links: boolean): Omit<FileEntry, 'path'> {
  const attr = file.text('attr') ?? ''
  const length =
    links && attr.includes('l') && file.get('length') === undefined
      ? 0
      : file.needInteger('length', 'a length of 0 or more', 0, Number.MAX_SAFE_INTEGER)
  const md5sum = file.text('md5sum')
  return {
    length,
    offset: 0,
    pad: attr.includes('p'),
    executable: attr.includes('x'),
    hidden: attr.includes('h'),
    ...(md5sum === undefined ? {} : { md5sum }),
  }
}

/** Reads the original path of a file. Padding is never stored, so its path may be shared or missing (BEP 47). */
function pathOf(file: Fields, pad: boolean): RawPath {
  const key = pathFieldOf(file)
  const names = pad && file.get(key) === undefined ? [Buffer.from('.pad')] : file.needPath(key)
  return { where: file.name(key), names }
}

/** Returns true if a path equals the original names byte for byte. */
function isSpelled(names: readonly Uint8Array[], path: string): boolean {
  const written = Buffer.from(path)
  let at = 0
  for (const name of namesBelow(names)) {
    const end = Math.min(at + name.length, written.length)
    if (written.compare(name, 0, name.length, at, end) !== 0) return false
    at += name.length + 1
  }
  return at === written.length + 1
}
