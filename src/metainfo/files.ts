/** The files of an `info` dictionary: one, or a list of them (BEP 3), with their attributes (BEP 47). */
import { asDict, bytes } from '../codec/bencode.ts'
import { describe, Fields } from './fields.ts'
import type { FileEntry } from './metainfo.ts'
import { type RawPath, safePath, safePaths } from './paths.ts'
import type { Warn } from './warnings.ts'

/** How files are read: where warnings go, and whether names are replaced that only some systems take. */
export interface Reading {
  readonly warn: Warn
  readonly portable: boolean
}

/** Files in one torrent: a gigabyte of memory while it is read. */
const MAX_FILES = 500_000

/** A file without its place: what one dictionary says. */
interface Entry {
  readonly path: RawPath
  readonly length: number
  readonly attr: string
  readonly symlink?: string
  readonly md5sum?: string
}

/** The one file of a torrent that is a single file, called by the torrent's name. */
export function readSingle(info: Fields, root: string, where: string, reading: Reading): FileEntry[] {
  const attr = info.text('attr') ?? ''
  // A link to another file, where there is no other file.
  const path = { where, names: [Buffer.from(root)] }
  return place([readEntry(info, path, attr.replaceAll('l', ''), root, reading)], reading)
}

/** The files of a torrent that is a directory, below the torrent's name. */
export function readFiles(info: Fields, root: string, reading: Reading): FileEntry[] {
  const list = info.needList('files')
  if (list.length === 0) info.fail('files', 'at least one file')
  if (list.length > MAX_FILES) info.fail('files', `at most ${MAX_FILES} files`)
  const entries = list.map((item, index) => {
    const dict = asDict(item)
    if (!dict) return info.fail('files', `dictionaries, got ${describe(item)} at ${index} in it`)
    const where = info.name(`files[${index}]`)
    const file = new Fields(dict, where, reading.warn)
    const key = isPath(file, 'path.utf-8') ? 'path.utf-8' : 'path'
    // What is never stored needs no name of its own, or none at all (BEP 47).
    const attr = file.text('attr') ?? ''
    const pad = attr.includes('p')
    const names = pad && file.get(key) === undefined ? [Buffer.from('.pad')] : file.needPath(key)
    return readEntry(file, { where: file.name(key), names, root, shared: pad }, attr, root, reading)
  })
  return place(entries, reading)
}

function readEntry(file: Fields, path: RawPath, attr: string, root: string, reading: Reading): Entry {
  const linked = attr.includes('l')
  // BEP 47: a symlink's length is zero and may be left out.
  const length =
    linked && file.get('length') === undefined
      ? 0
      : file.needInteger('length', 'a length of 0 or more', 0, Number.MAX_SAFE_INTEGER)
  const md5sum = file.text('md5sum')
  const entry = { path, length, attr, ...(md5sum === undefined ? {} : { md5sum }) }
  if (!linked) return entry
  if (length > 0) file.fail('length', 'a length of 0, this being a symlink')
  const names = file.needPath('symlink path')
  const target = { where: file.name('symlink path'), names, root }
  return { ...entry, symlink: safePath(target, reading.warn, reading.portable) }
}

/** Puts files behind each other, and gives each a path of its own. */
function place(entries: readonly Entry[], { warn, portable }: Reading): FileEntry[] {
  const paths = safePaths(
    entries.map(entry => entry.path),
    warn,
    portable,
  )
  let offset = 0
  return entries.map(({ length, attr, path, ...rest }, index) => {
    const file = {
      path: paths[index]!,
      ...spelledAs(path, paths[index]!),
      length,
      offset,
      pad: attr.includes('p'),
      executable: attr.includes('x'),
      hidden: attr.includes('h'),
      ...rest,
    }
    offset += length
    return file
  })
}

/** The names of a path below the torrent's own, where they had to change. Empty ones and dots are in no path, or URL. */
function spelledAs({ names, root }: RawPath, path: string): Pick<FileEntry, 'spelled'> {
  if (root === undefined) return {} // the torrent's own name is all there is
  const spelled = names.filter(name => name.length > 0 && !(name.length === 1 && name[0] === 0x2e))
  const plain = Buffer.concat(spelled.flatMap(name => [Buffer.from('/'), name]))
  return plain.equals(Buffer.from(path.slice(root.length))) ? {} : { spelled }
}

function isPath(file: Fields, key: string): boolean {
  const names = file.get(key)
  return Array.isArray(names) && names.length > 0 && names.every(name => bytes(name) !== undefined)
}
