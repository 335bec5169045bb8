/** The entries of a tar archive of a torrent: which files, and their paths. */

import { posix } from 'node:path'
import { checkArgument, checkOptions } from '../../codec/check-arguments.ts'
import { quote } from '../../codec/quote.ts'
import { runAtOnce, type Steps } from '../../codec/steps.ts'
import { TAR_END, type TarEntry, tarHeader, tarPadding } from '../../codec/tar-header.ts'
import { InputError } from '../../errors.ts'
import type { FileEntry, Metainfo } from '../../metainfo/metainfo.ts'
import { type TarBody, type TarMember, TarPacker } from '../../streams/read/tar-packer.ts'

type Files = Pick<Metainfo, 'files' | 'multiFile'>

/** Matches a path with an empty name, `.`, `..` or NUL. */
const UNSAFE_PATH = /(?:^|\/)\.{0,2}(?:\/|$)|\0/
/** Number of files that are measured in one step. */
const STEP_FILES = 256

/** Options that say which files an archive holds, and their paths. */
export interface TarChoice {
  /** The files, by index; padding is never among them. @default all */
  readonly select?: (fileIndex: number) => boolean
  /**
   * True to leave the torrent's own directory out of the paths, so that its files are at the archive's root
   * (`docker load`). @default false
   */
  readonly strip?: boolean
}

/** Options of `tarOf`. */
export interface TarOptions extends TarChoice {
  /** Opens one file. Called for one file after the other, and not for empty files and symlinks. */
  readonly open: (fileIndex: number) => TarBody
  /** Returns the bytes of a file that is in memory, and is not opened then. @default none is */
  readonly peek?: (fileIndex: number) => Uint8Array | undefined
  /** Chunks are lent: see TarPacker. @default false */
  readonly lend?: boolean
}

/**
 * Packs the chosen files in the torrent's order as one POSIX archive, with pax headers where they are needed. It keeps the
 * executable bit, the hidden flag and symlinks (BEP 47). Owner and times are 0, so that the info-hash and the choice decide
 * every byte. The archive ends complete or fails.
 * @throws InputError ERR_PATH for a path or a symlink that leaves the archive
 */
export function tarOf(metainfo: Files, options: TarOptions): TarPacker {
  checkArgument('metainfo', metainfo, 'object')
  checkArgument('open', options?.open, 'function')
  // Paths are checked at once. The entries are made when they are packed, since there may be half a million.
  for (const _ of entriesOf(metainfo, options));
  return packFiles(metainfo, options)
}

/** Packs as `tarOf` does, and checks each path when its turn comes: the caller has measured the archive. */
export function packFiles(metainfo: Files, options: TarOptions): TarPacker {
  return new TarPacker({ members: membersOf(metainfo, options), lend: options.lend ?? false })
}

function* membersOf(metainfo: Files, options: TarOptions): Generator<TarMember> {
  for (const entry of entriesOf(metainfo, options)) yield new TorrentMember(entry, options)
}

/** A file of a torrent. There may be half a million, and an object of two functions for each would be slow. */
class TorrentMember implements TarMember {
  readonly path: string
  readonly length: number
  readonly executable: boolean
  readonly hidden: boolean
  readonly link: string | undefined
  readonly #fileIndex: number
  readonly #bodies: Pick<TarOptions, 'open' | 'peek'>

  constructor(entry: IndexedEntry, bodies: Pick<TarOptions, 'open' | 'peek'>) {
    this.path = entry.path
    this.length = entry.length
    this.executable = entry.executable
    this.hidden = entry.hidden
    this.link = entry.link
    this.#fileIndex = entry.fileIndex
    this.#bodies = bodies
  }

  open(): TarBody {
    return this.#bodies.open(this.#fileIndex)
  }

  peek(): Uint8Array | undefined {
    return this.#bodies.peek?.(this.#fileIndex)
  }
}

/** Returns the length of the archive that `tarOf` makes, in bytes. */
export function tarSize(metainfo: Files, choice: TarChoice = {}): number {
  checkArgument('metainfo', metainfo, 'object')
  checkArgument('metainfo.files', metainfo.files, 'array')
  checkOptions(choice, { select: 'function', strip: 'boolean' })
  return runAtOnce(measureTar(metainfo, choice))
}

/**
 * Adds up the length of the archive in steps, since there may be half a million files.
 * @throws InputError ERR_PATH for a path or a symlink that leaves the archive
 */
export function* measureTar(
  { files, multiFile }: Files,
  { select, strip = false }: TarChoice,
): Steps<number> {
  let size = TAR_END.length
  for (const [fileIndex, file] of files.entries()) {
    if (fileIndex % STEP_FILES === STEP_FILES - 1) yield
    if (file.pad || select?.(fileIndex) === false) continue
    const entry = entryOf(file, fileIndex, strip && multiFile)
    size += tarHeader(entry).length + entry.length + tarPadding(entry.length)
  }
  return size
}

interface IndexedEntry extends TarEntry {
  readonly fileIndex: number
}

function* entriesOf(
  { files, multiFile }: Files,
  { select, strip = false }: TarChoice,
): Generator<IndexedEntry> {
  for (const [fileIndex, file] of files.entries())
    if (!file.pad && select?.(fileIndex) !== false) yield entryOf(file, fileIndex, strip && multiFile)
}

function entryOf(file: FileEntry, fileIndex: number, strip: boolean): IndexedEntry {
  const { length, executable, hidden, symlink } = file
  const path = pathInside(file.path, fileIndex, strip)
  const entry = { fileIndex, path, length, executable, hidden }
  if (symlink === undefined) return entry
  // Both paths are inside, so a relative path between them never leaves.
  const target = pathInside(symlink, fileIndex, strip)
  return { ...entry, length: 0, link: posix.relative(posix.dirname(`/${path}`), `/${target}`) || '.' }
}

/** Checks a path again, although the parser makes paths safe. */
function pathInside(path: string, fileIndex: number, strip: boolean): string {
  const start = strip ? path.indexOf('/') + 1 : 0
  if (!UNSAFE_PATH.test(path) && (start > 0 || !strip)) return path.slice(start)
  throw new InputError('ERR_PATH', `file ${fileIndex}: ${quote(path)} is not a path inside the archive`)
}
