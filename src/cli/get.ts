import { isatty } from 'node:tty'
import type { PeerAddress } from '../codec/compact.ts'
import type { Encryption } from '../codec/mse.ts'
import type { Metainfo } from '../metainfo/metainfo.ts'
import { download, stream } from '../pipeline/download.ts'
import type { Listener } from '../pipeline/listener.ts'
import { share } from '../pipeline/share.ts'
import type { TorrentOptions } from '../pipeline/torrent-options.ts'
import type { Sink, Source } from '../streams/stage.ts'
import { ChoiceError, EXIT } from './exit.ts'
import { interruptible } from './interruptible.ts'
import { JsonReporter } from './json-reporter.ts'
import { listenerFor } from './listening.ts'
import { pick } from './pick.ts'
import { follow, type Outcome, outcomeOf, type Reporter, reportFailure } from './reporter.ts'
import { listFiles, selectFiles } from './selection.ts'
import { recordOf } from './state.ts'
import { Stdout } from './stdout.ts'
import { TextReporter } from './text-reporter.ts'

export interface GetOptions {
  readonly output?: string
  readonly file?: string[]
  readonly peer?: PeerAddress[]
  readonly port?: number
  readonly bind?: string
  readonly listen: boolean
  readonly tracker: boolean
  readonly encryption?: Encryption
  readonly up?: number
  readonly down?: number
  readonly seedRatio?: number
  readonly seedTime?: number
  readonly maxPeers?: number
  readonly memory?: number
  readonly sequential?: boolean
  readonly timeout?: number
  readonly json?: boolean
  readonly quiet?: boolean
  readonly verbose?: boolean
}

/** Milliseconds without a verified byte after which a run that nobody watches gives up. */
const PATIENCE = 600_000

/** Downloads what `torrent` names to where the options say. Never throws: returns the exit code. */
export async function get(torrent: Metainfo | Promise<Metainfo>, options: GetOptions): Promise<number> {
  const reporter: Reporter = options.json ? new JsonReporter() : new TextReporter(options)
  let stop = () => {}
  let listener: Listener | undefined
  try {
    const metainfo = await torrent
    const selected = selectFiles(metainfo, options.file)
    const isSelected = (index: number) => selected?.has(index) ?? true
    const toStdout = options.output === '-' || (options.output === undefined && !isatty(1))
    const only = toStdout ? onlyFile(metainfo, isSelected) : 0
    reporter.metadata(metainfo, isSelected)
    for (const warning of metainfo.warnings) reporter.warning('ERR_METAINFO', warning)
    listener = await listenerFor(options)
    if (listener && (options.json || options.verbose)) reporter.listening(listener.address)
    const common: Omit<TorrentOptions, 'storage'> = {
      peers: options.peer ?? [],
      trackers: options.tracker,
      timeout: options.timeout ?? (process.stderr.isTTY ? 0 : PATIENCE),
      ...pick(options, 'encryption', 'maxPeers', 'memory', 'up', 'down'),
      ...(listener ? { listener } : {}),
    }
    const start = performance.now()
    let result: Outcome
    if (toStdout) {
      const reader = stream(metainfo, { ...common, file: only, lend: true })
      const { torrent } = reader
      stop = follow(torrent, reporter)
      result = await interruptible(torrent, async () => {
        await piped(reader, new Stdout(chunk => reader.release(chunk)))
        await torrent.done
        return outcomeOf(torrent, start)
      })
    } else {
      const { output = '.', seedRatio: ratio, seedTime: time } = options
      const sharing = ratio !== undefined || time !== undefined
      const torrent = download(metainfo, {
        ...common,
        output,
        record: recordOf(metainfo.infoHash, output),
        ...(selected ? { select: isSelected } : {}),
        ...(options.sequential ? { sequential: true } : {}),
        ...(sharing ? { share: true } : {}),
      })
      stop = follow(torrent, reporter)
      result = await interruptible(torrent, async () => {
        await torrent.done
        if (sharing) await share(torrent, pick({ ratio, time }, 'ratio', 'time'))
        return outcomeOf(torrent, start)
      })
    }
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

/** The one file that standard output can carry. */
function onlyFile(metainfo: Metainfo, isSelected: (index: number) => boolean): number {
  const files = metainfo.files.flatMap((file, index) => (file.pad || !isSelected(index) ? [] : [index]))
  if (files.length === 1) return files[0]!
  const what = files.length === 0 ? 'no files' : `${files.length} files, and standard output carries one`
  throw new ChoiceError(
    `the torrent has ${what}: choose one with --file, or give a directory with -o`,
    listFiles(metainfo),
  )
}

/** Resolves once all of `from` has gone through `to`. */
function piped<T>(from: Source<T>, to: Sink<T>): Promise<void> {
  return new Promise((resolve, reject) => {
    from.pipe(to, error => (error ? reject(error) : resolve()))
  })
}
