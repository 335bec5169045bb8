import { systemClock } from '../clock.ts'
import type { Metainfo } from '../metainfo/metainfo.ts'
import type { NameOptions } from '../metainfo/name.ts'
import { pick } from '../pick.ts'
import { findFiles } from '../storage/find-files.ts'
import { choose, type DestinationOptions } from './destinations/choose.ts'
import type { Common } from './destinations/destination.ts'
import { EXIT } from './exit.ts'
import { Follower } from './follower.ts'
import { interruptible } from './interruptible.ts'
import { JsonReporter } from './json-reporter.ts'
import { type Loaded, load, patience } from './load.ts'
import { Reach, type ReachOptions } from './reach.ts'
import { type Reporter, reportFailure } from './reporter.ts'
import { TextReporter } from './text-reporter.ts'

export interface GetOptions extends DestinationOptions, ReachOptions, NameOptions {
  readonly webSeeds: boolean
  readonly webSeed?: string[]
  readonly up?: number
  readonly down?: number
  readonly maxPeers?: number
  readonly maxPeersPerAddress?: number
  readonly memory?: number
  readonly timeout?: number
  readonly json?: boolean
  readonly quiet?: boolean
  readonly verbose?: boolean
}

/** Downloads what SOURCE names, or a torrent, to where the options say. Never throws: returns the exit code. */
export async function get(source: string | Metainfo, options: GetOptions): Promise<number> {
  const reporter: Reporter = options.json ? new JsonReporter() : new TextReporter(options)
  const timeout = options.timeout ?? patience()
  const reach = new Reach(options, reporter)
  let follower: Follower | undefined
  try {
    const loaded: Loaded =
      typeof source === 'string'
        ? await load(source, { reach, reporter, timeout, ...pick(options, 'portableNames') })
        : { metainfo: source, peers: [] }
    const { selected, directory, open } = choose(loaded.metainfo, {
      ...options,
      ...selection(loaded, options),
    })
    const metainfo =
      directory === undefined ? loaded.metainfo : await findFiles(loaded.metainfo, { directory })
    reporter.metadata(metainfo, index => selected?.has(index) ?? true)
    for (const warning of metainfo.warnings) reporter.warning('ERR_METAINFO', warning)
    const shared = await reach.options()
    const { listener } = shared
    if (listener && (options.json || options.verbose)) reporter.listening(listener.address)
    const common: Common = {
      ...shared,
      peers: [...shared.peers, ...loaded.peers],
      webSeeds: options.webSeeds,
      ...(options.webSeed ? { webSeedUrls: options.webSeed } : {}),
      timeout,
      ...pick(options, 'maxPeers', 'maxPeersPerAddress', 'memory', 'up', 'down'),
    }
    const start = systemClock.now()
    const { torrent, digests, transfer } = await open(metainfo, common, reporter)
    const following = new Follower(torrent, reporter, systemClock, start)
    follower = following
    const result = await interruptible(torrent, async () => {
      await transfer()
      return following.outcome(digests)
    })
    reporter.done(result) // after the goodbyes: it is the last that is heard
    return EXIT.ok
  } catch (error) {
    return reportFailure(error, reporter)
  } finally {
    follower?.stop()
    await reach.close()
    reporter.close()
  }
}

/** The files that a link selects (BEP 53), unless the options select any. */
function selection({ selectOnly }: Loaded, { file }: GetOptions): Pick<GetOptions, 'file'> {
  return selectOnly && !file ? { file: selectOnly.map(String) } : {}
}
