import type { PeerAddress } from '../codec/compact.ts'
import type { Metainfo } from '../metainfo/metainfo.ts'
import { pick } from '../pick.ts'
import { share } from '../pipeline/share.ts'
import { resumeAt } from '../pipeline/stock.ts'
import { Torrent } from '../pipeline/torrent.ts'
import { FileStorage } from '../storage/file-storage.ts'
import { EXIT, Exit } from './exit.ts'
import { interruptible } from './interruptible.ts'
import { JsonReporter } from './json-reporter.ts'
import { type ListeningOptions, listenerFor } from './listening.ts'
import { locate } from './locate.ts'
import { type PeerFindingOptions, peerFinding } from './peer-finding.ts'
import { follow, outcomeOf, type Reporter, reportFailure } from './reporter.ts'
import { recordOf } from './state.ts'
import { TextReporter } from './text-reporter.ts'

export interface SeedOptions extends ListeningOptions, PeerFindingOptions {
  readonly peer?: PeerAddress[]
  readonly tracker: boolean
  readonly maxPeers?: number
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
export async function seed(
  source: Metainfo | Promise<Metainfo>,
  path: string,
  options: SeedOptions,
): Promise<number> {
  const reporter: Reporter = options.json ? new JsonReporter() : new TextReporter(options)
  let end = async () => {}
  try {
    const { metainfo, directory } = await locate(await source, path)
    reporter.metadata(metainfo, () => true)
    const listener = (await listenerFor(options))!
    const finding = peerFinding(options, listener, reporter)
    const storage = new FileStorage(metainfo, { directory })
    const torrent = new Torrent(metainfo, {
      storage,
      resume: resumeAt(recordOf(metainfo.infoHash, directory), metainfo, storage),
      select: () => false,
      share: true,
      superSeed: options.superSeed === true,
      listener,
      ...finding.options,
      trackers: options.tracker,
      peers: options.peer ?? [],
      ...pick(options, 'bind', 'encryption', 'maxPeers', 'memory', 'up'),
    })
    const stop = follow(torrent, reporter)
    end = async () => {
      stop()
      listener.close()
      await finding.close()
    }
    const start = performance.now()
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
      const { seedRatio: ratio, seedTime: time } = options
      await share(torrent, pick({ ratio, time }, 'ratio', 'time'))
    })
    reporter.done(outcomeOf(torrent, start))
    return EXIT.ok
  } catch (error) {
    return reportFailure(error, reporter)
  } finally {
    await end()
    reporter.close()
  }
}
