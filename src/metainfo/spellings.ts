/** Under which other paths a torrent's files may lie: other clients, and other options of this one, replace other characters. */
import type { Steps } from '../codec/bencode-scan.ts'
import { InputError } from '../errors.ts'
import { aria2Name, exactName, libtorrentName, type Spelling, transmissionName } from './client-names.ts'
import type { FileEntry, Metainfo } from './metainfo.ts'
import { type NameOptions, safeName } from './name.ts'
import { placePaths, type RawPath } from './paths.ts'
import { runInTurns } from './steps.ts'

type Named = Pick<Metainfo, 'files' | 'multiFile' | 'name' | 'spelledName'>

/** Files that are looked at from one yield to the next. */
const FILES_PER_STEP = 128
/** In a path that is as the torrent has it: what only some systems take. */
const NOT_PORTABLE =
  /[<>:"|?*\\]|[. ](?:\/|$)|(?:^|\/)(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)/i

/** The names that the torrent's own directory may have, or its one file. */
export function rootNames(
  { name, spelledName = Buffer.from(name) }: Named,
  options: NameOptions = {},
): string[] {
  const made = spellings(options).map(spell => spell(spelledName))
  return [...new Set([name, ...made])].filter(it => isUsable(it, options))
}

/** Under which other paths each file of a torrent may lie. Every path is below the output directory. */
export class OtherPaths {
  readonly #metainfo: Named
  readonly #options: NameOptions
  #numbered: Promise<(readonly string[])[]> | undefined

  constructor(metainfo: Named, options: NameOptions = {}) {
    this.#metainfo = metainfo
    this.#options = options
  }

  /** Whether a file may have other paths at all: most have none. */
  has(fileIndex: number): boolean {
    const { files, spelledName } = this.#metainfo
    const { pad, path, spelled } = files[fileIndex]!
    return !pad && (NOT_PORTABLE.test(path) || spelledName !== undefined || spelled !== undefined)
  }

  /** By what each client makes of its names, likelier ones first. */
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

  /** As `parse` makes them of all files together, with and without portable names: with a number where two are alike. */
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
        // With the other rule, or with numbers, some path may be too long.
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

/** The names of a file as the torrent spells them, its own directory first. */
export function rawNames(
  { multiFile, name, spelledName }: Named,
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

/** Whether a path can be below a directory, and on this system. */
function isUsable(path: string, { platform = process.platform }: NameOptions): boolean {
  if (path.includes('\0') || (platform === 'win32' && /[\\:]/.test(path))) return false
  return path.split('/').every(name => name !== '' && name !== '.' && name !== '..')
}
