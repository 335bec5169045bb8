import { InputError, messageOf } from '../errors.ts'
import { isMagnet, joined, type Magnet, parseMagnet } from '../metainfo/magnet.ts'
import type { Metainfo } from '../metainfo/metainfo.ts'
import type { NameOptions } from '../metainfo/name.ts'
import type { AddOptions, Client } from '../pipeline/client.ts'
import type { Torrent } from '../pipeline/torrent.ts'
import { systemClock } from '../ports/clock.ts'
import { pick } from '../ports/pick.ts'
import { createClient, type PeerOptions, torrentOptionsOf } from './client.ts'
import type { Reporter } from './reporter.ts'
import { runUntilSignal } from './run-until-signal.ts'
import { loadTorrent } from './source.ts'

/** A torrent of a client, with known metadata. */
export interface Loaded {
  /** The torrent. It does nothing else before `begin`. */
  readonly torrent: Torrent
  /** The indices of the files that a link selects (BEP 53). */
  readonly selectOnly?: readonly number[]
}

/** Milliseconds without a block after which a run gives up, if standard error is not a terminal. */
const DEFAULT_TIMEOUT_MS = 600_000
/** Milliseconds between reports on the metadata. */
const REPORT_INTERVAL_MS = 1000
/** Milliseconds without a piece of metadata until a stall is reported. */
const STALL_MS = 10_000

/**
 * Adds a source to a client. The metadata of a magnet link or an info-hash is fetched from peers.
 * @throws InputError for a source that is invalid, StalledError if no peer gave the metadata
 */
export async function load(
  source: string | Metainfo,
  client: Client,
  reporter: Reporter,
  options: AddOptions,
): Promise<Loaded> {
  if (typeof source !== 'string') return { torrent: await client.add(source, options) }
  const names = pick(options, 'portableNames')
  if (!isMagnet(source)) return { torrent: await client.add(await loadTorrent(source, names), options) }
  const magnet = parseMagnet(source)
  const torrent = await client.add(magnet, options)
  const metainfo = await fetchMetadata(torrent, magnet, reporter, options)
  const selectOnly = magnet.selectOnly?.filter(index => metainfo.files[index]?.pad === false)
  if (magnet.selectOnly && selectOnly?.length === 0) {
    throw new InputError(
      'ERR_USAGE',
      `so: the link selects none of the ${metainfo.files.length} files of the torrent`,
    )
  }
  return { torrent, ...(selectOnly ? { selectOnly } : {}) }
}

/** The options of commands that need only the metadata. */
export interface LoadMetainfoOptions extends PeerOptions, NameOptions {
  readonly timeout?: number
}

/** Returns the metainfo of a source, for commands that exchange nothing else with peers. */
export async function loadMetainfo(
  source: string,
  options: LoadMetainfoOptions,
  reporter: Reporter,
): Promise<Metainfo> {
  if (!isMagnet(source)) return loadTorrent(source, pick(options, 'portableNames'))
  const client = createClient(options, reporter)
  const { timeout = defaultTimeout() } = options
  try {
    return await runUntilSignal(client, async () => {
      const own = { ...torrentOptionsOf(options), ...pick(options, 'portableNames'), timeout }
      return (await load(source, client, reporter, own)).torrent.metainfo
    })
  } finally {
    reporter.close()
  }
}

/** Returns the milliseconds without a block after which a run gives up: 0, which is never, on a terminal. */
export function defaultTimeout(): number {
  return process.stderr.isTTY ? 0 : DEFAULT_TIMEOUT_MS
}

/** Resolves with the metadata, from peers or from a URL of the .torrent that the link names (`xs`, `as`). */
async function fetchMetadata(
  torrent: Torrent,
  magnet: Magnet,
  reporter: Reporter,
  options: AddOptions,
): Promise<Metainfo> {
  const finished = new AbortController()
  const warn = ({ code, message }: { code: string; message: string }) => reporter.warning(code, message)
  torrent.on('warning', warn)
  const stopReports = reportMetadata(torrent, reporter)
  const trust = options.allowLocal ? 'all' : 'remote'
  for (const url of magnet.sources) {
    const names = pick(options, 'portableNames')
    loadTorrent(url, { ...names, trust, signal: finished.signal })
      .then(metainfo => torrent.takeMetainfo(joined(metainfo, magnet)))
      .catch(error => {
        const text = messageOf(error)
        const message = text.includes(url) ? text : `${url}: ${text}`
        if (!finished.signal.aborted) warn({ code: error.code ?? 'ERR_USAGE', message })
      })
  }
  try {
    return await torrent.ready
  } finally {
    finished.abort()
    stopReports()
    torrent.off('warning', warn)
  }
}

/** Reports the progress of the metadata once a second, and a stall once. @returns a function that stops the reports */
function reportMetadata(torrent: Torrent, reporter: Reporter): () => void {
  let idleSince = systemClock.now()
  let pieces = 0
  let stallReported = false
  const report = () => {
    const { metadata } = torrent.progress
    if (!metadata) return
    const now = systemClock.now()
    if (metadata.have !== pieces) idleSince = now
    pieces = metadata.have
    reporter.fetching(metadata)
    if (stallReported || now - idleSince < STALL_MS) return
    stallReported = true
    reporter.stalled('ERR_STALLED', `no metadata yet: ${torrent.reason}`)
  }
  const timer = setInterval(report, REPORT_INTERVAL_MS)
  return () => clearInterval(timer)
}
