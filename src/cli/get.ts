import type { PeerAddress } from '../codec/compact.ts'
import type { Encryption } from '../codec/mse.ts'
import type { Metainfo } from '../metainfo/metainfo.ts'
import { pick } from '../pick.ts'
import type { Listener } from '../pipeline/listener.ts'
import { choose, type DestinationOptions } from './destinations/choose.ts'
import type { Common } from './destinations/destination.ts'
import { EXIT } from './exit.ts'
import { interruptible } from './interruptible.ts'
import { JsonReporter } from './json-reporter.ts'
import { listenerFor } from './listening.ts'
import { follow, outcomeOf, type Reporter, reportFailure } from './reporter.ts'
import { TextReporter } from './text-reporter.ts'

export interface GetOptions extends DestinationOptions {
  readonly peer?: PeerAddress[]
  readonly port?: number
  readonly bind?: string
  readonly listen: boolean
  readonly tracker: boolean
  readonly webSeeds: boolean
  readonly webSeed?: string[]
  readonly encryption?: Encryption
  readonly up?: number
  readonly down?: number
  readonly maxPeers?: number
  readonly memory?: number
  readonly timeout?: number
  readonly json?: boolean
  readonly quiet?: boolean
  readonly verbose?: boolean
}

/** Milliseconds without a verified byte after which a run that nobody watches gives up. */
const PATIENCE = 600_000

/** Downloads what `torrent` names to where the options say. Never throws: returns the exit code. */
export async function get(source: Metainfo | Promise<Metainfo>, options: GetOptions): Promise<number> {
  const reporter: Reporter = options.json ? new JsonReporter() : new TextReporter(options)
  let stop = () => {}
  let listener: Listener | undefined
  try {
    const metainfo = await source
    const { selected, open } = choose(metainfo, options)
    reporter.metadata(metainfo, index => selected?.has(index) ?? true)
    for (const warning of metainfo.warnings) reporter.warning('ERR_METAINFO', warning)
    listener = await listenerFor(options)
    if (listener && (options.json || options.verbose)) reporter.listening(listener.address)
    const common: Common = {
      peers: options.peer ?? [],
      trackers: options.tracker,
      webSeeds: options.webSeeds,
      ...(options.webSeed ? { webSeedUrls: options.webSeed } : {}),
      timeout: options.timeout ?? (process.stderr.isTTY ? 0 : PATIENCE),
      ...pick(options, 'bind', 'encryption', 'maxPeers', 'memory', 'up', 'down'),
      ...(listener ? { listener } : {}),
    }
    const start = performance.now()
    const { torrent, digests, transfer } = await open(common, reporter)
    stop = follow(torrent, reporter)
    const result = await interruptible(torrent, async () => {
      await transfer()
      return outcomeOf(torrent, start, digests)
    })
    reporter.done(result) // after the goodbyes: it is the last that is heard
    return EXIT.ok
  } catch (error) {
    return reportFailure(error, reporter)
  } finally {
    stop()
    listener?.close()
    reporter.close()
  }
}
