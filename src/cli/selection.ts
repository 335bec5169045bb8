import { join } from 'node:path'
import type { PicomatchOptions } from 'picomatch'
import { InputError, messageOf } from '../errors.ts'
import type { Metainfo } from '../index.ts'
import { bytes, count } from './amounts.ts'
import { ChoiceError } from './exit.ts'
import { visible } from './terminal.ts'

/**
 * Selects the files that `--file` options name, or all, without those of `--exclude`: by index, by path, or by glob, with or
 * without the torrent's own name.
 * @returns the indices in the order of the options; undefined for all files
 * @throws ChoiceError that lists the files if an option matches none
 */
export async function selectFiles(
  metainfo: Metainfo,
  patterns: readonly string[] = [],
  excluded: readonly string[] = [],
): Promise<Set<number> | undefined> {
  if (patterns.length === 0 && excluded.length === 0) return undefined
  const chosen =
    patterns.length === 0 ? new Set(listedFiles(metainfo)) : await chooseFiles(metainfo, patterns)
  for (const pattern of excluded)
    for (const index of await findMatches(metainfo, pattern)) chosen.delete(index)
  if (chosen.size > 0) return chosen
  throw new ChoiceError('no file is selected; the files are:', formatFiles(metainfo))
}

/** Returns the indexes of the files that are no padding. */
export function listedFiles({ files }: Metainfo): number[] {
  return files.flatMap((file, index) => (file.pad ? [] : [index]))
}

async function chooseFiles(metainfo: Metainfo, patterns: readonly string[]): Promise<Set<number>> {
  const chosen = new Set<number>()
  for (const pattern of patterns) {
    const found = await findMatches(metainfo, pattern)
    if (found.length === 0) {
      throw new ChoiceError(
        `no file matches ${JSON.stringify(pattern)}; the files are:`,
        formatFiles(metainfo),
      )
    }
    for (const index of found) chosen.add(index)
  }
  return chosen
}

/** Returns the files of a torrent, one per line, with the index and path that `--file` takes. */
export function formatFiles(metainfo: Metainfo): string {
  return metainfo.files
    .map((file, index) => (file.pad ? '' : `  ${index}  ${file.path}  (${file.length} bytes)\n`))
    .join('')
    .trimEnd()
}

/** Returns what a download would write: a line for each selected file, and their sum. @param directory where, if it is one */
export function listDownload(
  metainfo: Metainfo,
  isSelected: (index: number) => boolean,
  directory: string | undefined,
): string {
  const selected = listedFiles(metainfo).filter(isSelected)
  const sizes = selected.map(index => metainfo.files[index]!.length)
  const lines = selected.map((index, at) => {
    const { path } = metainfo.files[index]!
    const shown = visible(directory === undefined ? path : join(directory, path)).replaceAll('\n', '\\n')
    return `${String(index).padStart(6)}  ${bytes(sizes[at]!).padStart(9)}  ${shown}`
  })
  const sum = sizes.reduce((total, size) => total + size, 0)
  return [...lines, `${count(selected.length, 'file')}, ${bytes(sum)}`].join('\n')
}

async function findMatches(metainfo: Metainfo, pattern: string): Promise<number[]> {
  const { files, multiFile, name } = metainfo
  const listed = listedFiles(metainfo).map(index => ({ path: files[index]!.path, index }))
  if (/^\d+$/.test(pattern)) {
    const byIndex = listed.filter(({ index }) => index === Number(pattern))
    if (byIndex.length > 0) return byIndex.map(({ index }) => index)
  }
  const inner = (path: string) =>
    multiFile && path.startsWith(`${name}/`) ? path.slice(name.length + 1) : path
  const exact = listed.filter(({ path }) => path === pattern || inner(path) === pattern)
  if (exact.length > 0) return exact.map(({ index }) => index)
  const matches = await globOf(pattern)
  return listed.filter(({ path }) => matches(path) || matches(inner(path))).map(({ index }) => index)
}

/** Returns a matcher for paths. A pattern without `/` is compared with the last name. @throws InputError */
export async function globOf(pattern: string): Promise<(path: string) => boolean> {
  const { default: picomatch } = await import('picomatch')
  try {
    return picomatch(pattern, { dot: true, basename: !pattern.includes('/') } as PicomatchOptions)
  } catch (error) {
    throw new InputError('ERR_USAGE', `not a glob: ${JSON.stringify(pattern)}: ${messageOf(error)}`)
  }
}
