import {
  type Bottleneck,
  type BottleneckKind,
  isMetainfo,
  type Magnet,
  type Metainfo,
  type Storage,
  systemClock,
  type Torrent,
} from '../../index.ts'
import { selectedByLink } from '../../metainfo/index.ts'
import { pick } from '../../ports/pick.ts'
import { createClient, torrentOptionsOf } from '../client.ts'
import type { Reporter } from '../reporter.ts'
import { runUntilSignal } from '../run-until-signal.ts'
import { selectFiles } from '../selection.ts'
import { openSource } from '../source.ts'
import type { CompletedDownload, Diagnosis, WhyOptions } from './diagnosis.ts'

const DEFAULT_TIME_MS = 10_000
const SAMPLE_INTERVAL_MS = 250

/** The time for which a kind limited a download, and the last bottleneck of that kind. */
interface Spell {
  ms: number
  bottleneck: Bottleneck
}

/** A storage that discards all bytes, so that a download is measured without a disk. */
const NULL_STORAGE: Storage = {
  retains: false,
  takesSharedMemory: true,
  read: async () => 0,
  write: async () => {},
  complete: async () => {},
  close: async () => {},
}

/**
 * Downloads a source for a while without storing it, and finds what limits the download most of the time.
 * @throws InputError for an invalid source
 */
export async function measureSource(
  source: string,
  options: WhyOptions,
  reporter: Reporter,
): Promise<Diagnosis> {
  const { for: timeMs = DEFAULT_TIME_MS } = options
  const names = pick(options, 'portableNames')
  const parsed = await openSource(source, options)
  const client = createClient(options, reporter)
  return runUntilSignal(client, async () => {
    const torrent = await client.add(parsed, { ...torrentOptionsOf(options), ...names })
    torrent.on('warning', ({ code, message }) => reporter.reportWarning(code, message))
    const started = torrent.ready.then(metainfo => beginDownload(torrent, metainfo, parsed, options))
    const start = systemClock.now()
    let completed: CompletedDownload | undefined
    torrent.once('done', () => {
      completed = { seconds: (systemClock.now() - start) / 1000, bytes: torrent.progress.total }
    })
    const durations = await measure(torrent, started, timeMs, reporter)
    const { bottleneck } = longestOf(durations) ?? { bottleneck: torrent.bottleneck }
    const infoHash = torrent.infoHash.toString('hex')
    return {
      ...{ name: torrent.details.metainfo?.name ?? infoHash, infoHash },
      ...{ status: torrent.state, bottleneck },
      kinds: Object.fromEntries(Array.from(durations, ([kind, { ms }]) => [kind, Math.round(ms / 100) / 10])),
      ...(completed ? { completed } : {}),
    }
  })
}

/** Begins the download of the selected files. @throws ChoiceError if an option matches none */
async function beginDownload(
  torrent: Torrent,
  metainfo: Metainfo,
  source: Metainfo | Magnet,
  options: WhyOptions,
): Promise<void> {
  const { exclude, sequential = false } = options
  const linked = isMetainfo(source) ? undefined : selectedByLink(source, metainfo)?.map(String)
  const selected = await selectFiles(metainfo, options.file ?? linked, exclude)
  const select = (index: number) => selected?.has(index) ?? true
  torrent.begin({ storage: NULL_STORAGE, select, sequential }, metainfo)
}

/**
 * Samples the bottleneck until the time is over, or the download is complete.
 * @param started rejects if the download cannot begin
 */
async function measure(
  torrent: Torrent,
  started: Promise<void>,
  timeMs: number,
  reporter: Reporter,
): Promise<Map<BottleneckKind, Spell>> {
  const durations = new Map<BottleneckKind, Spell>()
  const failed = new Promise<never>((_, reject) => {
    torrent.once('error', reject)
    started.catch(reject)
  })
  const start = systemClock.now()
  for (let elapsedMs = 0; elapsedMs < timeMs && !torrent.complete; ) {
    const next = Math.min(SAMPLE_INTERVAL_MS, timeMs - elapsedMs)
    const waited = new Promise<void>(resolve => systemClock.setTimeout(resolve, next))
    await Promise.race([waited, failed])
    const now = systemClock.now() - start
    const { bottleneck } = torrent
    const { ms = 0 } = durations.get(bottleneck.kind) ?? {}
    durations.set(bottleneck.kind, { ms: ms + now - elapsedMs, bottleneck })
    elapsedMs = now
    reporter.reportChecking(Math.min(elapsedMs, timeMs), timeMs, 'measuring')
  }
  return durations
}

/** Returns the kind that limited the download longest; `none` only if there is no other kind. */
function longestOf(durations: ReadonlyMap<BottleneckKind, Spell>): Spell | undefined {
  let longest: Spell | undefined
  for (const [kind, spell] of durations) if (kind !== 'none' && spell.ms > (longest?.ms ?? 0)) longest = spell
  return longest ?? durations.get('none')
}
