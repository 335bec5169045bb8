/** Under which other paths a torrent's files may lie: other clients, and other options of this one, replace other characters. */
import { InputError } from '../errors.ts'
import { aria2Name, exactName, libtorrentName, type Spelling, transmissionName } from './client-names.ts'
import type { FileEntry, Metainfo } from './metainfo.ts'
import { type NameOptions, safeName } from './name.ts'
import { safePaths } from './paths.ts'

type Named = Pick<Metainfo, 'files' | 'multiFile' | 'name' | 'spelledName'>

/** In a path that is as the torrent has it: what only some systems take. */
const NOT_PORTABLE =
  /[<>:"|?*\\]|[. ](?:\/|$)|(?:^|\/)(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)/i

/** The names that the torrent's own directory may have, or its one file. */
export function rootNames(metainfo: Named, options: NameOptions = {}): string[] {
  const { name, spelledName = Buffer.from(name) } = metainfo
  const text = Buffer.from(spelledName).toString('utf8')
  const made = [
    safeName(text, false),
    safeName(text, true),
    ...others(options).map(spell => spell(spelledName)),
  ]
  return [...new Set([name, ...made])].filter(it => isUsable(it, options))
}

/**
 * For each file the other paths where it may lie, likelier ones first; most have none.
 * Every path is below the output directory, and none is the path of another file.
 */
export function otherPaths(metainfo: Named, options: NameOptions = {}): readonly (readonly string[])[] {
  const { files, spelledName } = metainfo
  const odd = files.map(
    ({ pad, path, spelled }) => !pad && (spelled !== undefined || !!spelledName || NOT_PORTABLE.test(path)),
  )
  if (!odd.includes(true)) return files.map(() => [])
  const own = new Set(files.map(({ path }) => path))
  const names = files.map(file => rawNames(metainfo, file))
  const ruled = [false, true].map(portable => pathsByRule(metainfo, names, portable))
  return files.map((_, index) => {
    if (!odd[index]) return []
    const [first, ...rest] = others(options).map(spell => pathOf(names[index]!.map(spell)))
    const paths = [first!, ...ruled.flatMap(made => made?.[index] ?? []), ...rest]
    return [...new Set(paths)].filter(path => !own.has(path) && isUsable(path, options))
  })
}

/** The paths that `parse` makes with or without portable names; none where they would be too long. */
function pathsByRule(
  { files }: Named,
  names: readonly Uint8Array[][],
  portable: boolean,
): string[] | undefined {
  const raw = names.map((names, index) => ({ where: '', names, shared: files[index]!.pad }))
  try {
    return safePaths(raw, () => {}, portable)
  } catch (error) {
    if (error instanceof InputError) return undefined
    throw error
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

function others({ platform = process.platform }: NameOptions): readonly [Spelling, ...Spelling[]] {
  if (platform !== 'win32') return [exactName, aria2Name, libtorrentName, transmissionName]
  return [transmissionName, name => safeName(libtorrentName(name), true)]
}

function pathOf(names: readonly string[]): string {
  return names.filter(name => name !== '').join('/')
}

/** Whether a path can be below a directory, and on this system. */
function isUsable(path: string, { platform = process.platform }: NameOptions): boolean {
  if (path.includes('\0') || (platform === 'win32' && /[\\:]/.test(path))) return false
  return path.split('/').every(name => name !== '' && name !== '.' && name !== '..')
}
