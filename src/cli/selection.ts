import picomatch from 'picomatch'
import { InputError, messageOf } from '../errors.ts'
import type { Metainfo } from '../metainfo/metainfo.ts'
import { ChoiceError } from './exit.ts'

/**
 * The files that `--file` options choose: each an index, a path, or a glob over paths, with or without the torrent's name.
 * @returns indices, in the torrent's order; undefined for all
 * @throws InputError that lists what there is when an option matches nothing
 */
export function selectFiles(
  metainfo: Metainfo,
  wanted: readonly string[] | undefined,
): Set<number> | undefined {
  if (!wanted || wanted.length === 0) return undefined
  const chosen = new Set<number>()
  for (const want of wanted) {
    const found = matching(metainfo, want)
    if (found.length === 0) {
      throw new ChoiceError(`no file matches ${JSON.stringify(want)}; there are:`, listFiles(metainfo))
    }
    for (const index of found) chosen.add(index)
  }
  return chosen
}

/** The torrent's files, a line each, as `--file` takes them. */
export function listFiles(metainfo: Metainfo): string {
  return metainfo.files
    .map((file, index) => (file.pad ? '' : `  ${index}  ${file.path}  (${file.length} bytes)\n`))
    .join('')
    .trimEnd()
}

function matching({ files, multiFile, name }: Metainfo, want: string): number[] {
  const real = files.flatMap((file, index) => (file.pad ? [] : [{ path: file.path, index }]))
  if (/^\d+$/.test(want)) {
    const byIndex = real.filter(({ index }) => index === Number(want))
    if (byIndex.length > 0) return byIndex.map(({ index }) => index)
  }
  const inner = (path: string) =>
    multiFile && path.startsWith(`${name}/`) ? path.slice(name.length + 1) : path
  const exact = real.filter(({ path }) => path === want || inner(path) === want)
  if (exact.length > 0) return exact.map(({ index }) => index)
  const matches = globOf(want)
  return real.filter(({ path }) => matches(path) || matches(inner(path))).map(({ index }) => index)
}

function globOf(want: string): (path: string) => boolean {
  try {
    return picomatch(want, { dot: true, basename: !want.includes('/') } as picomatch.PicomatchOptions)
  } catch (error) {
    throw new InputError('ERR_USAGE', `--file: not a glob: ${JSON.stringify(want)}: ${messageOf(error)}`)
  }
}
