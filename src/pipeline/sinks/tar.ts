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

/** Number of files that are measured in one step. */
const STEP_FILES = 256

/** Which files an archive holds, and their paths. */
export interface TarChoice {
  /** Which files, by index; padding is never among them. @default all */
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
  const { open, lend = false, ...choice } = options
  // Paths are checked at once. The entries are made when they are packed, since there may be half a million.
  for (const _ of entriesOf(metainfo, choice));
  return packFiles(metainfo, options)
}

/** Packs as `tarOf` does, and checks each path when its turn comes: the caller has measured the archive. */
export function packFiles(metainfo: Files, { open, lend = false, ...choice }: TarOptions): TarPacker {
  return new TarPacker({ members: membersOf(entriesOf(metainfo, choice), open), lend })
}

function* membersOf(entries: Iterable<IndexedEntry>, open: TarOptions['open']): Generator<TarMember> {
  for (const { fileIndex, ...entry } of entries) yield { ...entry, open: () => open(fileIndex) }
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
  const names = path.split('/')
  const unsafe = names.some(name => name === '' || name === '.' || name === '..' || name.includes('\0'))
  const kept = strip ? names.slice(1) : names
  if (!unsafe && kept.length > 0) return kept.join('/')
  throw new InputError('ERR_PATH', `file ${fileIndex}: ${quote(path)} is not a path inside the archive`)
}
