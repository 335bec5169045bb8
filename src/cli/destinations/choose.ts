import { InputError } from '../../errors.ts'
import type { Metainfo, Torrent } from '../../index.ts'
import { ChoiceError } from '../exit.ts'
import type { RangeSpec } from '../range.ts'
import type { Reporter } from '../reporter.ts'
import { formatFiles, listedFiles, selectFiles } from '../selection.ts'
import { beginContinuedToStdout } from './continued.ts'
import type { DownloadDestination } from './destination.ts'
import { beginFilesToDirectory, type DirectoryDestinationOptions } from './directory.ts'
import { beginFileToStdout } from './file.ts'
import { goesToStdout } from './stdout-worker.ts'

/** Options that choose the destination of a download. */
export interface DestinationOptions extends Omit<DirectoryDestinationOptions, 'digest' | 'selected'> {
  readonly file?: readonly string[]
  readonly exclude?: readonly string[]
  readonly tar?: boolean
  readonly strip?: boolean
  readonly range?: RangeSpec
  readonly continueAt?: string
  readonly digest?: string
  /** The expected SHA-256 of the one selected file, in hex. */
  readonly checksum?: string
}

/** The selected files and their destination. */
export interface Choice {
  /** The indices of the selected files, or undefined for all. */
  readonly selected: ReadonlySet<number> | undefined
  /** The directory that the files are saved in, if any. */
  readonly directory?: string
  /** Begins the torrent. @param metainfo the torrent's metainfo with the paths that its files have on disk */
  begin(
    torrent: Torrent,
    metainfo: Metainfo,
    reporter: Reporter,
  ): DownloadDestination | Promise<DownloadDestination>
}

/**
 * Chooses the destination that the options name.
 * @throws InputError if the options are invalid; nothing was begun then
 */
export async function choose(metainfo: Metainfo, options: DestinationOptions): Promise<Choice> {
  const { output, tar, range, continueAt } = options
  const given = [tar && '--tar', range && '--range', continueAt !== undefined && '-C'].filter(Boolean)
  if (given.length > 1) throw usage(`${given.join(' and ')} exclude each other`)
  const [first] = given
  if (options.strip && !tar) throw usage('--strip needs --tar')
  const selected = await selectFiles(metainfo, options.file, options.exclude)
  const digest = options.digest !== undefined || options.checksum !== undefined
  if (options.checksum !== undefined) findOnlyFile(metainfo, selected, '--checksum is of one')
  const toStdout = goesToStdout(output)
  if (first && !toStdout) {
    throw usage(
      output === undefined
        ? `${first} writes to standard output, which is a terminal: redirect it, or use -o -`
        : `${first} writes to standard output, not to a directory: remove -o ${output}`,
    )
  }
  if (!toStdout) {
    const chosen = { ...options, selected, digest }
    return {
      selected,
      directory: output ?? '.',
      begin: (torrent, metainfo) => beginFilesToDirectory(torrent, metainfo, chosen),
    }
  }
  if (tar) {
    const strip = options.strip ?? false
    const { beginTarToStdout } = await import('./tar.ts')
    return {
      selected,
      begin: (torrent, metainfo) => beginTarToStdout(torrent, metainfo, { selected, digest, strip }),
    }
  }
  const index = findOnlyFile(metainfo, selected)
  if (continueAt === undefined) {
    return {
      selected,
      begin: (torrent, metainfo) =>
        beginFileToStdout(torrent, metainfo, index, { digest, ...(range ? { range } : {}) }),
    }
  }
  return {
    selected,
    begin: (torrent, metainfo, reporter) =>
      beginContinuedToStdout(torrent, metainfo, index, continueAt, {
        digest,
        onResumed: offset => reporter.reportResumption(continueAt, offset),
      }),
  }
}

/** Returns the index of the one selected file. @throws ChoiceError if there are none or several */
function findOnlyFile(
  metainfo: Metainfo,
  selected: ReadonlySet<number> | undefined,
  limit = 'standard output carries one',
): number {
  const chosen = listedFiles(metainfo).filter(index => selected?.has(index) !== false)
  if (chosen.length === 1) return chosen[0]!
  const what = chosen.length === 0 ? 'no files' : `${chosen.length} files, but ${limit}`
  throw new ChoiceError(
    `the torrent has ${what}: select one with --file, write all with --tar, or save them with -o`,
    formatFiles(metainfo),
  )
}

function usage(message: string): InputError {
  return new InputError('ERR_USAGE', message)
}
