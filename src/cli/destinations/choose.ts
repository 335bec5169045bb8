import { InputError } from '../../errors.ts'
import type { Metainfo } from '../../metainfo/metainfo.ts'
import type { Torrent } from '../../pipeline/torrent.ts'
import { ChoiceError } from '../exit.ts'
import type { RangeSpec } from '../range.ts'
import type { Reporter } from '../reporter.ts'
import { listFiles, selectFiles } from '../selection.ts'
import { continuedToStdout } from './continued.ts'
import type { Destination } from './destination.ts'
import { type DirectoryOptions, filesToDirectory } from './directory.ts'
import { fileToStdout } from './file.ts'
import { goesToStdout } from './stdout-worker.ts'
import { tarToStdout } from './tar.ts'

export interface DestinationOptions extends Omit<DirectoryOptions, 'digest' | 'selected'> {
  readonly file?: readonly string[]
  readonly tar?: boolean
  readonly strip?: boolean
  readonly range?: RangeSpec
  readonly continueAt?: string
  readonly digest?: string
}

/** What is to be fetched, and where it goes. */
export interface Choice {
  /** Indices of files, or undefined for all. */
  readonly selected: ReadonlySet<number> | undefined
  /** The directory that files go to, if they do. */
  readonly directory?: string
  /** Begins it. @param metainfo the torrent's, with the paths that its files have on disk */
  begin(torrent: Torrent, metainfo: Metainfo, reporter: Reporter): Destination | Promise<Destination>
}

/**
 * What the options ask for.
 * @throws InputError when it cannot be, before anything was begun
 */
export function choose(metainfo: Metainfo, options: DestinationOptions): Choice {
  const { output, tar, range, continueAt } = options
  const given = [tar && '--tar', range && '--range', continueAt !== undefined && '-C'].filter(Boolean)
  if (given.length > 1) throw usage(`${given.join(' and ')} exclude each other: give one`)
  const [only] = given
  if (options.strip && !tar) throw usage('--strip is for --tar')
  const selected = selectFiles(metainfo, options.file)
  const digest = options.digest !== undefined
  const toStdout = goesToStdout(output)
  if (only && !toStdout) {
    throw usage(
      output === undefined
        ? `${only} writes to standard output, which is a terminal: redirect it, or say -o -`
        : `${only} writes to standard output, not to a directory: leave -o ${output} out`,
    )
  }
  if (!toStdout) {
    const chosen = { ...options, selected, digest }
    return {
      selected,
      directory: output ?? '.',
      begin: (torrent, metainfo) => filesToDirectory(torrent, metainfo, chosen),
    }
  }
  if (tar) {
    const strip = options.strip ?? false
    return {
      selected,
      begin: (torrent, metainfo) => tarToStdout(torrent, metainfo, { selected, digest, strip }),
    }
  }
  const index = onlyFile(metainfo, selected)
  if (continueAt === undefined) {
    return {
      selected,
      begin: (torrent, metainfo) =>
        fileToStdout(torrent, metainfo, index, { digest, ...(range ? { range } : {}) }),
    }
  }
  return {
    selected,
    begin: (torrent, metainfo, reporter) =>
      continuedToStdout(torrent, metainfo, index, continueAt, {
        digest,
        resumed: offset => reporter.resumed(continueAt, offset),
      }),
  }
}

/** The one file that standard output can carry. */
function onlyFile(metainfo: Metainfo, selected: ReadonlySet<number> | undefined): number {
  const real = metainfo.files.flatMap((file, index) =>
    file.pad || selected?.has(index) === false ? [] : [index],
  )
  if (real.length === 1) return real[0]!
  const what = real.length === 0 ? 'no files' : `${real.length} files, and standard output carries one`
  throw new ChoiceError(
    `the torrent has ${what}: choose one with --file, take all with --tar, or give a directory with -o`,
    listFiles(metainfo),
  )
}

function usage(message: string): InputError {
  return new InputError('ERR_USAGE', message)
}
