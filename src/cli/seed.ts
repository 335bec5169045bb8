import type { NameOptions } from '../metainfo/name.ts'
import { resumeAt } from '../pipeline/resume/find-verified-pieces.ts'
import { share } from '../pipeline/share.ts'
import { pick } from '../ports/pick.ts'
import { FileStorage } from '../storage/file-storage.ts'
import { clientFor, type ExchangeOptions, type PeerOptions, torrentOptions } from './client.ts'
import { EXIT, Exit } from './exit.ts'
import { Follower } from './follower.ts'
import { interruptible } from './interruptible.ts'
import { JsonReporter } from './json-reporter.ts'
import { load } from './load.ts'
import { locate } from './locate.ts'
import { type Reporter, reportFailure } from './reporter.ts'
import { recordOf } from './state.ts'
import { TextReporter } from './text-reporter.ts'

export interface SeedOptions extends PeerOptions, ExchangeOptions, NameOptions {
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
  const client = clientFor(options, reporter)
  let follower: Follower | undefined
  let sharing = false
  try {
    await interruptible(client, async () => {
      const own = { ...torrentOptions(options), ...pick(options, 'portableNames', 'superSeed'), share: true }
      const { torrent } = await load(source, client, reporter, own)
      const { metainfo, directory } = await locate(torrent.metainfo, path, options)
      reporter.metadata(metainfo, () => true)
      const storage = new FileStorage(metainfo, { directory })
      follower = new Follower(torrent, reporter)
      const resume = resumeAt(recordOf(metainfo.infoHash, directory), metainfo, storage)
      await torrent.begin({ storage, resume, select: () => false }, metainfo).done
      const { count, size } = torrent.verified
      if (count === 0) throw new Exit(EXIT.notRight, `nothing of the torrent is right at ${path}`)
      if (count < size)
        reporter.warning(
          'ERR_STORAGE',
          `${size - count} of ${size} pieces are missing or wrong: sharing the rest`,
        )
      const listener = await client.listen()
      if (listener) reporter.listening(listener.address)
      sharing = true
      const { seedRatio: ratio, seedTime: time } = options
      await share(torrent, pick({ ratio, time }, 'ratio', 'time'))
    })
    reporter.shared(follower!.outcome())
    return EXIT.ok
  } catch (error) {
    // a signal is how it usually ends
    if (follower && sharing && error instanceof Exit) reporter.shared(follower.outcome())
    return reportFailure(error, reporter)
  } finally {
    follower?.stop()
    await client.close()
    reporter.close()
  }
}
