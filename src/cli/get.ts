import { findFiles, type Metainfo, type NameOptions, systemClock } from '../index.ts'
import { pick } from '../ports/pick.ts'
import { createClient, type ExchangeOptions, type PeerOptions, torrentOptionsOf } from './client.ts'
import { choose, type DestinationOptions } from './destinations/choose.ts'
import { isShared } from './destinations/directory.ts'
import { EXIT_CODES } from './exit.ts'
import { JsonReporter } from './json-reporter.ts'
import { defaultTimeout, type Loaded, load } from './load.ts'
import { type Reporter, reportFailure } from './reporter.ts'
import { runUntilSignal } from './run-until-signal.ts'
import { TextReporter } from './text-reporter.ts'
import { TorrentMonitor } from './torrent-monitor.ts'

/** The options of `tsdl get`. */
export interface GetOptions extends DestinationOptions, PeerOptions, ExchangeOptions, NameOptions {
  readonly timeout?: number
  readonly json?: boolean
  readonly quiet?: boolean
  readonly verbose?: boolean
}

/** Downloads a source to the destination that the options name. Returns the exit code; never throws. */
export async function get(source: string | Metainfo, options: GetOptions): Promise<number> {
  const reporter: Reporter = options.json ? new JsonReporter() : new TextReporter(options)
  const client = createClient(options, reporter)
  let monitor: TorrentMonitor | undefined
  try {
    const outcome = await runUntilSignal(client, async () => {
      const { timeout = defaultTimeout() } = options
      const own = {
        ...torrentOptionsOf(options),
        ...pick(options, 'portableNames'),
        timeout,
        share: isShared(options),
      }
      const loaded = await load(source, client, reporter, own)
      const { torrent } = loaded
      const { selected, directory, begin } = choose(torrent.metainfo, {
        ...options,
        ...linkSelectionOf(loaded, options),
      })
      const metainfo =
        directory === undefined ? torrent.metainfo : await findFiles(torrent.metainfo, { directory })
      reporter.metadata(metainfo, index => selected?.has(index) ?? true)
      for (const warning of metainfo.warnings) reporter.warning('ERR_METAINFO', warning)
      const listener = await client.listen()
      if (listener && (options.json || options.verbose)) reporter.listening(listener.address)
      monitor = new TorrentMonitor(torrent, reporter, systemClock)
      const { transfer, digests } = await begin(torrent, metainfo, reporter)
      await transfer()
      return monitor.outcome(digests)
    })
    reporter.done(outcome) // after the client is closed, because `done` is the last event
    return EXIT_CODES.ok
  } catch (error) {
    return reportFailure(error, reporter)
  } finally {
    monitor?.stop()
    await client.close()
    reporter.close()
  }
}

/** Returns the files that a link selects (BEP 53), unless options select files. */
function linkSelectionOf({ selectOnly }: Loaded, { file }: GetOptions): Pick<GetOptions, 'file'> {
  return selectOnly && !file ? { file: selectOnly.map(String) } : {}
}
