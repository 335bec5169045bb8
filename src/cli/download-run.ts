import { join } from 'node:path'
import { type Client, findFiles, type Magnet, type Metainfo, systemClock, type Torrent } from '../index.ts'
import { pick } from '../ports/pick.ts'
import { percent } from './amounts.ts'
import { torrentOptionsOf } from './client.ts'
import { choose } from './destinations/choose.ts'
import { isShared } from './destinations/directory.ts'
import { makeDirectory } from './destinations/make-directory.ts'
import { isRegularFile } from './destinations/stdout-worker.ts'
import type { GetOptions } from './get-options.ts'
import { defaultTimeout, type Loaded, load } from './load.ts'
import type { Outcome, Reporter } from './reporter.ts'
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
  async download(source: string | Metainfo | Magnet): Promise<Outcome> {
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
    const loaded = await load(source, client, reporter, own)
    const { torrent } = loaded
    this.#torrent = torrent
    const { selected, directory, begin } = choose(torrent.metainfo, {
      ...options,
      ...linkSelectionOf(loaded, options),
    })
    const metainfo =
      directory === undefined ? torrent.metainfo : await findFiles(torrent.metainfo, { directory })
    if (directory !== undefined) {
      makeDirectory(directory)
      this.#output = join(directory, metainfo.files[0]?.path.split('/', 1)[0] ?? metainfo.name)
    }
    reporter.metadata(metainfo, index => selected?.has(index) ?? true)
    for (const warning of metainfo.warnings) reporter.warning('ERR_METAINFO', warning)
    const listener = await client.listen()
    if (listener && (options.json || options.verbose)) reporter.listening(listener.address)
    const monitor = new TorrentMonitor(torrent, reporter, systemClock)
    this.#monitor = monitor
    const { transfer, digests } = await begin(torrent, metainfo, reporter)
    await transfer()
    return { ...monitor.outcome(digests), output: this.#output ?? null }
  }

  /** Says what a signal leaves and how to go on; undefined if nothing was begun. @param command the command of this run */
  adviseAfterSignal(command: string): string | undefined {
    const { progress } = this.#torrent ?? {}
    if (!progress || !this.#monitor) return undefined
    if (this.#output === undefined) {
      // the reader of a pipe has what it wants to keep
      return isRegularFile()
        ? 'interrupted: the file has the beginning; -C FILE >> FILE writes the rest'
        : undefined
    }
    const { verified, total } = progress
    if (verified === total) return `interrupted: ${this.#output} is complete`
    const kept = `${percent(verified, total)} of ${this.#output} is kept`
    return `interrupted: ${kept}; to go on, run this again: ${command}`
  }

  /** Stops the reports. */
  stop(): void {
    this.#monitor?.stop()
  }
}

/** Returns the files that a link selects (BEP 53), unless options select files. */
function linkSelectionOf({ selectOnly }: Loaded, { file }: GetOptions): Pick<GetOptions, 'file'> {
  return selectOnly && !file ? { file: selectOnly.map(String) } : {}
}
