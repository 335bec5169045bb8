import { join, resolve } from 'node:path'
import { messageOf, StorageError } from '../errors.ts'
import {
  type Client,
  findFiles,
  type HookEvent,
  type Magnet,
  type Metainfo,
  systemClock,
  type Torrent,
} from '../index.ts'
import { pick } from '../ports/pick.ts'
import { percent } from './amounts.ts'
import { torrentOptionsOf } from './client.ts'
import { choose } from './destinations/choose.ts'
import { isShared } from './destinations/directory.ts'
import { makeDirectory } from './destinations/make-directory.ts'
import { isRegularFile } from './destinations/stdout-worker.ts'
import { EXIT_CODES, ExitError } from './exit.ts'
import type { GetOptions } from './get-options.ts'
import { defaultTimeout, type Loaded, load } from './load.ts'
import type { Reporter, RunOutcome } from './reporter.ts'
import { listDownload } from './selection.ts'
import { printLine } from './stdout.ts'
import { TorrentMonitor } from './torrent-monitor.ts'

/** The download of one torrent to the destination that the options name. */
export class DownloadRun {
  readonly #client: Client
  readonly #reporter: Reporter
  readonly #options: GetOptions
  #torrent: Torrent | undefined
  #monitor: TorrentMonitor | undefined
  /** The path of the saved file or directory, once the download has begun. */
  #output: string | undefined

  constructor(client: Client, reporter: Reporter, options: GetOptions) {
    this.#client = client
    this.#reporter = reporter
    this.#options = options
  }

  /** The torrent, once its metadata is known. */
  get torrent(): Torrent | undefined {
    return this.#torrent
  }

  /**
   * Downloads a source. Resolves when every selected byte is verified and written, and shared as the options say.
   * @throws InputError, StalledError, StorageError
   */
  async download(source: string | Metainfo | Magnet): Promise<RunOutcome> {
    const client = this.#client
    const reporter = this.#reporter
    const options = this.#options
    const { timeout = defaultTimeout() } = options
    const own = {
      ...torrentOptionsOf(options),
      ...pick(options, 'portableNames'),
      timeout,
      share: isShared(options),
    }
    const loaded = await load(source, client, reporter, own, options)
    const { torrent } = loaded
    this.#torrent = torrent
    const { selected, directory, begin } = await choose(torrent.metainfo, {
      ...options,
      ...linkSelectionOf(loaded, options),
      ...(options.interactive ? { file: await ask(torrent.metainfo) } : {}),
    })
    const metainfo =
      directory === undefined ? torrent.metainfo : await findFiles(torrent.metainfo, { directory })
    const isSelected = (index: number) => selected?.has(index) ?? true
    if (options.dryRun) {
      reporter.reportMetadata(metainfo, isSelected)
      await printLine(listDownload(metainfo, isSelected, directory))
      throw new ExitError(EXIT_CODES.ok)
    }
    if (directory !== undefined) {
      await makeDirectory(directory)
      this.#output = join(directory, metainfo.files[0]?.path.split('/', 1)[0] ?? metainfo.name)
    }
    reporter.reportMetadata(metainfo, isSelected)
    for (const warning of metainfo.warnings) reporter.reportWarning('ERR_METAINFO', warning)
    const listener = await client.listen()
    if (listener && (options.json || options.verbose)) reporter.reportListening(listener.address)
    const monitor = new TorrentMonitor(torrent, reporter, systemClock)
    this.#monitor = monitor
    const destination = await begin(torrent, metainfo, reporter)
    await destination.transfer()
    const { digests } = destination
    if (options.checksum !== undefined) compareChecksum(options.checksum, digests)
    await this.#runOnComplete(metainfo, directory)
    await destination.share?.()
    // not a copy, which would list the sources of each file
    return Object.assign(monitor.outcome(options.digest === undefined ? undefined : digests), {
      output: this.#output ?? null,
    })
  }

  /**
   * Returns a sentence that says what is kept after a signal and how to continue; undefined if nothing was begun.
   * @param command the command of this run
   */
  adviseAfterSignal(command: string): string | undefined {
    const { progress } = this.#torrent ?? {}
    if (!progress || !this.#monitor) return undefined
    if (this.#output === undefined) {
      // in a pipe nothing is kept here: its reader has the bytes
      return isRegularFile()
        ? 'interrupted: the file has the beginning; -C FILE >> FILE writes the rest'
        : undefined
    }
    const { verified, total } = progress
    if (verified === total) return `interrupted: ${this.#output} is complete`
    const kept =
      verified > 0 ? `${percent(verified, total)} of ${this.#output} is kept` : 'no piece was complete'
    return `interrupted: ${kept}; to go on, run this again: ${command}`
  }

  /** Runs the program of `--on-complete`. Its failure is a warning, because the download is complete. */
  async #runOnComplete(metainfo: Metainfo, directory: string | undefined): Promise<void> {
    const { onComplete } = this.#options
    if (onComplete === undefined) return
    const { downloaded, uploaded } = this.#torrent!.progress
    const event: HookEvent = {
      ...{ event: 'completed', time: Date.now(), id: 0, labels: [], category: '' },
      ...{ infoHash: metainfo.infoHash.toString('hex'), name: metainfo.name, size: metainfo.length },
      ...{ directory: directory === undefined ? '' : resolve(directory), downloaded, uploaded },
    }
    const { CommandHook } = await import('../index.ts')
    try {
      await new CommandHook(onComplete).deliver(event, new AbortController().signal)
    } catch (error) {
      this.#reporter.reportWarning('ERR_STORAGE', messageOf(error))
    }
  }

  /** Stops the reports. */
  stop(): void {
    this.#monitor?.stop()
  }
}

/** Asks for files. The module is loaded here, because few runs need the line editor of Node. */
async function ask(metainfo: Metainfo): Promise<readonly string[]> {
  const { askForFiles } = await import('./ask-for-files.ts')
  return askForFiles(metainfo)
}

/** @throws StorageError if the digest of the one file is not the expected one */
function compareChecksum(expected: string, digests: ReadonlyMap<string, string>): void {
  for (const [path, digest] of digests) {
    if (digest === expected) continue
    throw new StorageError(
      'ERR_MISMATCH',
      `${path}: its SHA-256 is ${digest}, not ${expected} as in --checksum`,
    )
  }
}

/** Returns the files that a link selects (BEP 53), unless options select files. */
function linkSelectionOf({ selectOnly }: Loaded, { file }: GetOptions): Pick<GetOptions, 'file'> {
  return selectOnly && !file ? { file: selectOnly.map(String) } : {}
}
