import type PQueue from 'p-queue'
import { InputError, messageOf } from '../../errors.ts'
import type { Client, Progress } from '../../index.ts'
import { DownloadRun } from '../download-run.ts'
import { EXIT_CODES } from '../exit.ts'
import type { GetOptions } from '../get-options.ts'
import { type Reporter, reportFailure } from '../reporter.ts'
import { openSource } from '../source.ts'
import type { NamedSource, SeveralReporter } from './several-reporter.ts'

/** The download of one of several sources. */
export class SourceRun {
  readonly #source: string
  readonly #options: GetOptions
  readonly #reporter: Reporter
  readonly #downloadRun: DownloadRun
  #infoHash: string | undefined
  #name: string | undefined
  #exit: number | undefined
  #progress: Progress | undefined
  #isStopped = false

  constructor(source: string, client: Client, reporter: SeveralReporter, options: GetOptions) {
    this.#source = source
    this.#options = options
    this.#reporter = reporter.createReporter(() => this.#describe())
    this.#downloadRun = new DownloadRun(client, this.#reporter, options)
  }

  /** The exit code, once the download has ended. */
  get exit(): number | undefined {
    return this.#exit
  }

  /** The progress now, or at the end; undefined before the metadata is known. */
  get progress(): Progress | undefined {
    return this.#progress ?? this.#downloadRun.torrent?.progress
  }

  /** Downloads the source and reports the result. Never rejects. @param opening limits the sources that are read at once */
  async download(opening: PQueue): Promise<void> {
    try {
      const parsed = await opening.add(() => openSource(this.#source, this.#options))
      this.#infoHash = parsed.infoHash?.toString('hex')
      this.#name = parsed.name ?? undefined
      const outcome = await this.#downloadRun.download(parsed)
      await this.#end()
      if (this.#isStopped) return
      this.#exit = EXIT_CODES.ok
      this.#reporter.reportDone(outcome)
    } catch (error) {
      await this.#end()
      if (!this.#isStopped) this.#exit = this.#fail(error)
    } finally {
      this.#reporter.close()
    }
  }

  /** Stops the reports: the end of a torrent after this is no failure. */
  stop(): void {
    this.#isStopped = true
    this.#downloadRun.stop()
  }

  /** Closes the torrent, so that the others get its connections and memory. */
  async #end(): Promise<void> {
    this.#progress = this.#downloadRun.torrent?.progress
    this.#downloadRun.stop()
    await this.#downloadRun.torrent?.close()
  }

  #fail(error: unknown): number {
    if (!(error instanceof InputError) || error.code !== 'ERR_BUSY')
      return reportFailure(error, this.#reporter)
    this.#reporter.reportWarning('ERR_BUSY', `this torrent is downloaded already: ${messageOf(error)}`)
    return EXIT_CODES.ok
  }

  #describe(): NamedSource {
    const { metainfo } = this.#downloadRun.torrent ?? {}
    return {
      source: this.#source,
      infoHash: this.#infoHash ?? metainfo?.infoHash.toString('hex'),
      name: metainfo?.name ?? this.#name,
    }
  }
}
