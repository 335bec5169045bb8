import type { NameOptions } from '../metainfo/name.ts'
import { pick } from '../pick.ts'
import { share } from '../pipeline/share.ts'
import { resumeAt } from '../pipeline/stock.ts'
import { Torrent } from '../pipeline/torrent.ts'
import { FileStorage } from '../storage/file-storage.ts'
import { EXIT, Exit } from './exit.ts'
import { Follower } from './follower.ts'
import { interruptible } from './interruptible.ts'
import { JsonReporter } from './json-reporter.ts'
import { load } from './load.ts'
import { locate } from './locate.ts'
import { Reach, type ReachOptions } from './reach.ts'
import { type Reporter, reportFailure } from './reporter.ts'
import { recordOf } from './state.ts'
import { TextReporter } from './text-reporter.ts'

export interface SeedOptions extends ReachOptions, NameOptions {
  readonly maxPeers?: number
  readonly maxPeersPerAddress?: number
  readonly memory?: number
  readonly up?: number
  readonly superSeed?: boolean
  readonly seedRatio?: number
  readonly seedTime?: number
  readonly json?: boolean
  readonly quiet?: boolean
  readonly verbose?: boolean
}

/** Shares what of a torrent is right at `path`, until a signal, or until it has shared enough. Never throws. */
export async function seed(source: string, path: string, options: SeedOptions): Promise<number> {
  const reporter: Reporter = options.json ? new JsonReporter() : new TextReporter(options)
  const reach = new Reach(options, reporter)
  let follower: Follower | undefined
  let sharing = false
  try {
    const loaded = await load(source, { reach, reporter, timeout: 0, ...pick(options, 'portableNames') })
    const { metainfo, directory } = await locate(loaded.metainfo, path, options)
    reporter.metadata(metainfo, () => true)
    const shared = await reach.options()
    const listener = shared.listener!
    const storage = new FileStorage(metainfo, { directory })
    const torrent = new Torrent(metainfo, {
      storage,
      resume: resumeAt(recordOf(metainfo.infoHash, directory), metainfo, storage),
      select: () => false,
      share: true,
      superSeed: options.superSeed === true,
      ...shared,
      peers: [...shared.peers, ...loaded.peers],
      ...pick(options, 'maxPeers', 'maxPeersPerAddress', 'memory', 'up'),
    })
    follower = new Follower(torrent, reporter)
    await interruptible(torrent, async () => {
      await torrent.start().done
      const { count, size } = torrent.verified
      if (count === 0) throw new Exit(EXIT.notRight, `nothing of the torrent is right at ${path}`)
      if (count < size)
        reporter.warning(
          'ERR_STORAGE',
          `${size - count} of ${size} pieces are missing or wrong: sharing the rest`,
        )
      reporter.listening(listener.address)
      sharing = true
      const { seedRatio: ratio, seedTime: time } = options
      await share(torrent, pick({ ratio, time }, 'ratio', 'time'))
    })
    reporter.shared(follower.outcome())
    return EXIT.ok
  } catch (error) {
    // a signal is how it usually ends
    if (follower && sharing && error instanceof Exit) reporter.shared(follower.outcome())
    return reportFailure(error, reporter)
  } finally {
    follower?.stop()
    await reach.close()
    reporter.close()
  }
}
