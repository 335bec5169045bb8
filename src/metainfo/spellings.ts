/**
 * The alternative paths of a torrent's files. Other clients, and other options of this one, replace other characters in
 * names.
 */

import { runInTurns, type Steps } from '../codec/steps.ts'
import { InputError } from '../errors.ts'
import { aria2Name, exactName, libtorrentName, type Spelling, transmissionName } from './client-names.ts'
import type { FileEntry, NamedFiles } from './metainfo.ts'
import { type NameOptions, safeName } from './name.ts'
import { placePaths, type RawPath } from './paths.ts'

/** Number of files to process between two yields. */
const FILES_PER_STEP = 128
/** Matches an unchanged path with names that are invalid on Windows. */
const NOT_PORTABLE =
  /[<>:"|?*\\]|[. ](?:\/|$)|(?:^|\/)(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)/i

/** Returns the possible names of the torrent's directory, or of its file if it is a single-file torrent. */
export function rootNames(
  { name, spelledName = Buffer.from(name) }: NamedFiles,
  options: NameOptions = {},
): string[] {
  const made = spellings(options).map(spell => spell(spelledName))
  return [...new Set([name, ...made])].filter(it => isUsable(it, options))
}

/** The alternative paths of each file of a torrent. Every path is below the output directory. */
export class OtherPaths {
  readonly #metainfo: NamedFiles
  readonly #options: NameOptions
  #numbered: Promise<(readonly string[])[]> | undefined

  constructor(metainfo: NamedFiles, options: NameOptions = {}) {
    this.#metainfo = metainfo
    this.#options = options
  }

  /** Returns true if a file may have alternative paths. Most files have none. */
  has(fileIndex: number): boolean {
    const { files, spelledName } = this.#metainfo
    const { pad, path, spelled } = files[fileIndex]!
    return !pad && (NOT_PORTABLE.test(path) || spelledName !== undefined || spelled !== undefined)
  }

  /** Yields the paths that other clients give a file, the most likely first. */
  *of(fileIndex: number): Generator<string> {
    const { files } = this.#metainfo
    const names = rawNames(this.#metainfo, files[fileIndex]!)
    const seen = new Set([files[fileIndex]!.path])
    for (const spell of spellings(this.#options)) {
      const path = names
        .map(spell)
        .filter(name => name !== '')
        .join('/')
      if (seen.has(path) || !isUsable(path, this.#options)) continue
      seen.add(path)
      yield path
    }
  }

  /** Returns the paths that `parse` gives a file, with and without portable names, and numbered after a collision. */
  async numbered(fileIndex: number): Promise<string[]> {
    this.#numbered ??= this.#place()
    return (await this.#numbered).map(paths => paths[fileIndex]!)
  }

  async #place(): Promise<(readonly string[])[]> {
    const rules = this.#options.platform === 'win32' ? [true] : [false, true]
    const placed: (readonly string[])[] = []
    for (const portable of rules) {
      try {
        placed.push(await runInTurns(this.#placeBy(portable)))
      } catch (error) {
        // A replacement or a number can make a path too long.
        if (!(error instanceof InputError)) throw error
      }
    }
    return placed
  }

  *#placeBy(portable: boolean): Steps<string[]> {
    const { files } = this.#metainfo
    const raw: RawPath[] = []
    for (const [index, file] of files.entries()) {
      if (index % FILES_PER_STEP === 0) yield
      raw.push({ where: '', names: rawNames(this.#metainfo, file), shared: file.pad })
    }
    return yield* placePaths(raw, () => {}, portable)
  }
}

/** Returns the original names of a file, beginning with the torrent's directory. */
export function rawNames(
  { multiFile, name, spelledName }: NamedFiles,
  { path, spelled }: FileEntry,
): Uint8Array[] {
  const root = spelledName ?? Buffer.from(name)
  if (!multiFile) return [root]
  return [
    root,
    ...(spelled ??
      path
        .split('/')
        .slice(1)
        .map(one => Buffer.from(one))),
  ]
}

function spellings({ platform = process.platform }: NameOptions): readonly Spelling[] {
  if (platform === 'win32')
    return [portableName, transmissionName, name => safeName(libtorrentName(name), true)]
  return [exactName, ownName, portableName, aria2Name, libtorrentName, transmissionName]
}

const ownName: Spelling = name => safeName(Buffer.from(name).toString('utf8'), false)
const portableName: Spelling = name => safeName(Buffer.from(name).toString('utf8'), true)

/** Returns true if a path is valid on the platform and stays below its directory. */
function isUsable(path: string, { platform = process.platform }: NameOptions): boolean {
  if (path.includes('\0') || (platform === 'win32' && /[\\:]/.test(path))) return false
  return path.split('/').every(name => name !== '' && name !== '.' && name !== '..')
}
