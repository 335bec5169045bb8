import { InputError, messageOf } from '../errors.ts'
import { isMagnet, joined, type Magnet, parseMagnet } from '../metainfo/magnet.ts'
import type { Metainfo } from '../metainfo/metainfo.ts'
import type { NameOptions } from '../metainfo/name.ts'
import type { AddOptions, Client } from '../pipeline/client.ts'
import type { Torrent } from '../pipeline/torrent.ts'
import { systemClock } from '../ports/clock.ts'
import { pick } from '../ports/pick.ts'
import { clientFor, type PeerOptions, torrentOptions } from './client.ts'
import { interruptible } from './interruptible.ts'
import type { Reporter } from './reporter.ts'
import { loadTorrent } from './source.ts'

/** A torrent that was added to a client, its metadata known. */
export interface Loaded {
  /** It waits for `begin`. */
  readonly torrent: Torrent
  /** The indices of the files that a link selects (BEP 53). */
  readonly selectOnly?: readonly number[]
}

/** Milliseconds without a block after which a run that nobody watches gives up. */
const UNWATCHED_TIMEOUT_MS = 600_000
/** Milliseconds between reports of how the metadata comes. */
const REPORT_INTERVAL_MS = 1000
/** Milliseconds without a piece of metadata until the reason is reported. */
const STALL_MS = 10_000

/**
 * Adds what SOURCE names to a client: a .torrent, or a link or an info-hash, whose metadata is then fetched from peers.
 * @throws InputError for a source that is invalid, StalledError when no peer gave the metadata
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
      `so: the torrent has ${metainfo.files.length} files, none of those it selects`,
    )
  }
  return { torrent, ...(selectOnly ? { selectOnly } : {}) }
}

export interface LoadMetainfoOptions extends PeerOptions, NameOptions {
  readonly timeout?: number
}

/** The metainfo of what SOURCE names, for commands that exchange nothing else with peers. */
export async function loadMetainfo(
  source: string,
  options: LoadMetainfoOptions,
  reporter: Reporter,
): Promise<Metainfo> {
  if (!isMagnet(source)) return loadTorrent(source, pick(options, 'portableNames'))
  const client = clientFor(options, reporter)
  const { timeout = defaultTimeout() } = options
  try {
    return await interruptible(client, async () => {
      const own = { ...torrentOptions(options), ...pick(options, 'portableNames'), timeout }
      return (await load(source, client, reporter, own)).torrent.metainfo
    })
  } finally {
    reporter.close()
  }
}

/** Milliseconds without a block after which a run gives up: 0, for never, on a terminal. */
export function defaultTimeout(): number {
  return process.stderr.isTTY ? 0 : UNWATCHED_TIMEOUT_MS
}

/** Resolves once the metadata is known, from peers or from where the link says that the .torrent is (`xs`, `as`). */
async function fetchMetadata(
  torrent: Torrent,
  magnet: Magnet,
  reporter: Reporter,
  options: AddOptions,
): Promise<Metainfo> {
  const ended = new AbortController()
  const warn = ({ code, message }: { code: string; message: string }) => reporter.warning(code, message)
  torrent.on('warning', warn)
  const stopReports = reportMetadata(torrent, reporter)
  const trust = options.allowLocal ? 'all' : 'remote'
  for (const url of magnet.sources) {
    const names = pick(options, 'portableNames')
    loadTorrent(url, { ...names, trust, signal: ended.signal })
      .then(metainfo => torrent.takeMetainfo(joined(metainfo, magnet)))
      .catch(error => {
        const text = messageOf(error)
        const message = text.includes(url) ? text : `${url}: ${text}`
        if (!ended.signal.aborted) warn({ code: error.code ?? 'ERR_USAGE', message })
      })
  }
  try {
    return await torrent.ready
  } finally {
    ended.abort()
    stopReports()
    torrent.off('warning', warn)
  }
}

/** Reports once a second how the metadata comes, and once why it does not. @returns what stops it */
function reportMetadata(torrent: Torrent, reporter: Reporter): () => void {
  let idleSince = systemClock.now()
  let pieces = 0
  let stalled = false
  const report = () => {
    const { metadata } = torrent.progress
    if (!metadata) return
    const now = systemClock.now()
    if (metadata.have !== pieces) idleSince = now
    pieces = metadata.have
    reporter.fetching(metadata)
    if (stalled || now - idleSince < STALL_MS) return
    stalled = true
    reporter.stalled('ERR_STALLED', `no metadata yet: ${torrent.reason}`)
  }
  const timer = setInterval(report, REPORT_INTERVAL_MS)
  return () => clearInterval(timer)
}
