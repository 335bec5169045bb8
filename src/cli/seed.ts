import { FileStorage, locate, type NameOptions, resumeAt, share } from '../index.ts'
import { pick } from '../ports/pick.ts'
import { createClient, type ExchangeOptions, type PeerOptions, torrentOptionsOf } from './client.ts'
import { EXIT_CODES, ExitError } from './exit.ts'
import { JsonReporter } from './json-reporter.ts'
import { load } from './load.ts'
import { openPage } from './open-page.ts'
import { type Reporter, reportFailure } from './reporter.ts'
import { runUntilSignal } from './run-until-signal.ts'
import { recordPathOf } from './state.ts'
import { TextReporter } from './text-reporter.ts'
import { TorrentMonitor } from './torrent-monitor.ts'

/** The options of `tsdl seed`. */
export interface SeedOptions extends PeerOptions, ExchangeOptions, NameOptions {
  readonly superSeed?: boolean
  readonly seedRatio?: number
  readonly seedTime?: number
  /** True to show the progress on a page. */
  readonly page?: boolean
  readonly json?: boolean
  readonly quiet?: boolean
  readonly verbose?: boolean
}

/** Shares the correct pieces of a torrent at `path` until a signal, a ratio or a time. Returns the exit code; never throws. */
export async function seed(source: string, path: string, options: SeedOptions): Promise<number> {
  const reporter: Reporter = options.json ? new JsonReporter() : new TextReporter(options)
  const client = createClient(options, reporter)
  let monitor: TorrentMonitor | undefined
  let sharing = false
  let closePage = async () => {}
  try {
    await runUntilSignal(client, async () => {
      // nothing is selected: a lost piece must not be downloaded into the user's file
      closePage = await openPage(client, options, reporter, 'verified')
      const own = {
        ...torrentOptionsOf(options),
        ...pick(options, 'portableNames', 'superSeed'),
        share: true,
      }
      const { torrent } = await load(source, client, reporter, own, options)
      const { metainfo, directory } = await locate(torrent.metainfo, path, options)
      reporter.reportMetadata(metainfo, () => true)
      const storage = new FileStorage(metainfo, { directory })
      monitor = new TorrentMonitor(torrent, reporter)
      const resume = resumeAt(recordPathOf(metainfo.infoHash, directory), metainfo, storage)
      await torrent.begin({ storage, resume, select: () => false }, metainfo).done
      const { count, size } = torrent.verified
      if (count === 0)
        throw new ExitError(EXIT_CODES.notRight, `${path} holds no correct piece of the torrent`)
      if (count < size)
        reporter.reportWarning(
          'ERR_STORAGE',
          `${size - count} of ${size} pieces are missing or wrong: sharing the rest`,
        )
      const listener = await client.listen()
      if (listener) reporter.reportListening(listener.address)
      sharing = true
      const { seedRatio: ratio, seedTime: time } = options
      await share(torrent, pick({ ratio, time }, 'ratio', 'time'))
    })
    reporter.reportShared(monitor!.outcome())
    return EXIT_CODES.ok
  } catch (error) {
    // a signal is the usual end
    if (monitor && sharing && error instanceof ExitError) reporter.reportShared(monitor.outcome())
    return reportFailure(error, reporter)
  } finally {
    monitor?.stop()
    await closePage()
    await client.close()
    reporter.close()
  }
}
