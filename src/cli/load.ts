import { systemClock } from '../clock.ts'
import type { PeerAddress } from '../codec/compact.ts'
import { InputError, messageOf } from '../errors.ts'
import { isMagnet, joined, type Magnet, parseMagnet } from '../metainfo/magnet.ts'
import type { Metainfo } from '../metainfo/metainfo.ts'
import type { NameOptions } from '../metainfo/name.ts'
import { pick } from '../pick.ts'
import type { FetchedMetadata, MetadataProgress } from '../pipeline/fetch-metadata.ts'
import { interruptible } from './interruptible.ts'
import { Reach, type ReachOptions } from './reach.ts'
import type { Reporter } from './reporter.ts'
import { loadTorrent } from './source.ts'

/** What SOURCE names. */
export interface Loaded extends FetchedMetadata {
  /** The files that a link selects (BEP 53), by index; those that there are. */
  readonly selectOnly?: readonly number[]
}

export interface LoadOptions extends NameOptions {
  readonly reach: Reach
  readonly reporter: Reporter
  /** Milliseconds without a piece of metadata after which a link is given up; 0 for never. */
  readonly timeout: number
}

/** Milliseconds that a run which nobody watches waits for anything. */
const PATIENCE = 600_000
/** Milliseconds between reports of progress. */
const EVERY = 1000
/** Milliseconds without a piece of metadata until it is said why. */
const STALLED = 10_000

/**
 * What SOURCE names: a .torrent, or the torrent of a link or an info-hash, whose metadata is fetched from peers.
 * @throws InputError for what is none, StalledError when nobody gave the metadata
 */
export async function load(source: string, options: LoadOptions): Promise<Loaded> {
  if (!isMagnet(source)) return { metainfo: await loadTorrent(source, options), peers: [] }
  const magnet = parseMagnet(source)
  const { metainfo, peers } = await resolve(magnet, options)
  const selectOnly = magnet.selectOnly?.filter(index => metainfo.files[index]?.pad === false)
  if (magnet.selectOnly && selectOnly?.length === 0) {
    throw new InputError(
      'ERR_USAGE',
      `so: the torrent has ${metainfo.files.length} files, none of those it selects`,
    )
  }
  return { metainfo, peers, ...(selectOnly ? { selectOnly } : {}) }
}

export interface LoadOnlyOptions extends ReachOptions, NameOptions {
  readonly timeout?: number
}

/** As `load`, for who has nothing else to do with peers. */
export async function loadOnly(
  source: string,
  options: LoadOnlyOptions,
  reporter: Reporter,
): Promise<Loaded> {
  const reach = new Reach(options, reporter)
  try {
    const timeout = options.timeout ?? patience()
    return await load(source, { reach, reporter, timeout, ...pick(options, 'portableNames') })
  } finally {
    await reach.close()
    reporter.close()
  }
}

/** Milliseconds without a verified byte after which a run gives up: never where somebody watches. */
export function patience(): number {
  return process.stderr.isTTY ? 0 : PATIENCE
}

async function resolve(magnet: Magnet, options: LoadOptions): Promise<FetchedMetadata> {
  const { reach, reporter, timeout } = options
  const names = pick(options, 'portableNames')
  const control = new AbortController()
  const { signal } = control
  const fetching = async () => {
    // not needed for files: it is loaded here
    const { fetchMetadata } = await import('../pipeline/fetch-metadata.ts')
    const found = fetchMetadata(magnet, {
      ...(await reach.options()),
      ...names,
      timeout,
      signal,
      progress: teller(reporter),
      warning: ({ code, message }) => reporter.warning(code, message),
    })
    const sources = magnet.infoHash ? magnet.sources : []
    return Promise.any([
      found,
      ...sources.map(url => elsewhere(url, { magnet, names, reach, reporter, signal })),
    ])
      .catch(() => found) // its reason is the one that matters
      .finally(() => {
        control.abort()
        found.catch(() => {})
      })
  }
  const work = fetching()
  const close = async () => {
    control.abort()
    await work.catch(() => {}) // trackers are told goodbye
  }
  return interruptible({ close }, () => work)
}

interface ElsewhereOptions extends Pick<LoadOptions, 'reach' | 'reporter'> {
  readonly magnet: Magnet
  readonly names: NameOptions
  readonly signal: AbortSignal
}

/** The .torrent of a link, where the link says that it is (`xs`, `as`). */
async function elsewhere(
  url: string,
  { magnet, names, reach, reporter, signal }: ElsewhereOptions,
): Promise<FetchedMetadata> {
  try {
    const trust = reach.allowLocal ? 'all' : 'remote'
    const metainfo: Metainfo = await loadTorrent(url, { ...names, trust, signal })
    if (!magnet.infoHash?.equals(metainfo.infoHash))
      throw new InputError('ERR_METAINFO', `${url}: another torrent, ${metainfo.infoHash.toString('hex')}`)
    const peers: PeerAddress[] = [...magnet.peers]
    return { metainfo: joined(metainfo, magnet), peers }
  } catch (error) {
    reporter.warning((error as { code?: string }).code ?? 'ERR_USAGE', messageOf(error))
    throw error
  }
}

/** Tells now and then how it goes, and once why it does not. */
function teller(reporter: Reporter): (progress: MetadataProgress) => void {
  let last = systemClock.now()
  let since = last
  let had = 0
  let said = false
  return progress => {
    const now = systemClock.now()
    if (progress.have !== had) since = now
    had = progress.have
    if (now - last < EVERY) return
    last = now
    reporter.fetching(progress)
    if (said || now - since < STALLED) return
    said = true
    reporter.stalled('ERR_STALLED', `no metadata yet: ${progress.reason}`)
  }
}
