import type { Metainfo } from '../metainfo/metainfo.ts'
import type { NameOptions } from '../metainfo/name.ts'
import { systemClock } from '../ports/clock.ts'
import { pick } from '../ports/pick.ts'
import { findFiles } from '../storage/find-files.ts'
import { clientFor, type ExchangeOptions, type PeerOptions, torrentOptions } from './client.ts'
import { choose, type DestinationOptions } from './destinations/choose.ts'
import { isShared } from './destinations/directory.ts'
import { EXIT } from './exit.ts'
import { Follower } from './follower.ts'
import { interruptible } from './interruptible.ts'
import { JsonReporter } from './json-reporter.ts'
import { defaultTimeout, type Loaded, load } from './load.ts'
import { type Reporter, reportFailure } from './reporter.ts'
import { TextReporter } from './text-reporter.ts'

export interface GetOptions extends DestinationOptions, PeerOptions, ExchangeOptions, NameOptions {
  readonly timeout?: number
  readonly json?: boolean
  readonly quiet?: boolean
  readonly verbose?: boolean
}

/** Downloads what SOURCE names, or a torrent, to where the options say. Never throws: returns the exit code. */
export async function get(source: string | Metainfo, options: GetOptions): Promise<number> {
  const reporter: Reporter = options.json ? new JsonReporter() : new TextReporter(options)
  const client = clientFor(options, reporter)
  let follower: Follower | undefined
  try {
    const outcome = await interruptible(client, async () => {
      const { timeout = defaultTimeout() } = options
      const own = {
        ...torrentOptions(options),
        ...pick(options, 'portableNames'),
        timeout,
        share: isShared(options),
      }
      const loaded = await load(source, client, reporter, own)
      const { torrent } = loaded
      const { selected, directory, begin } = choose(torrent.metainfo, {
        ...options,
        ...selection(loaded, options),
      })
      const metainfo =
        directory === undefined ? torrent.metainfo : await findFiles(torrent.metainfo, { directory })
      reporter.metadata(metainfo, index => selected?.has(index) ?? true)
      for (const warning of metainfo.warnings) reporter.warning('ERR_METAINFO', warning)
      const listener = await client.listen()
      if (listener && (options.json || options.verbose)) reporter.listening(listener.address)
      follower = new Follower(torrent, reporter, systemClock)
      const { transfer, digests } = await begin(torrent, metainfo, reporter)
      await transfer()
      return follower.outcome(digests)
    })
    reporter.done(outcome) // after the goodbyes: it is the last event
    return EXIT.ok
  } catch (error) {
    return reportFailure(error, reporter)
  } finally {
    follower?.stop()
    await client.close()
    reporter.close()
  }
}

/** The files that a link selects (BEP 53), unless the options select any. */
function selection({ selectOnly }: Loaded, { file }: GetOptions): Pick<GetOptions, 'file'> {
  return selectOnly && !file ? { file: selectOnly.map(String) } : {}
}
