import {
  type AddOptions,
  type Client,
  isMetainfo,
  type Magnet,
  type MetadataListeners,
  type Metainfo,
  type NameOptions,
  systemClock,
  type Torrent,
  whenReady,
} from '../index.ts'
import { selectedByLink } from '../metainfo/index.ts'
import { pick } from '../ports/pick.ts'
import { createClient, type PeerOptions, torrentOptionsOf } from './client.ts'
import type { Reporter } from './reporter.ts'
import { runUntilSignal } from './run-until-signal.ts'
import { openSource, type SourceOptions } from './source.ts'

/** A torrent of a client, with known metadata. */
export interface Loaded {
  /** The torrent. It does nothing else before `begin`. */
  readonly torrent: Torrent
  /** The indices of the files that a link selects (BEP 53). */
  readonly selectOnly?: readonly number[]
}

/** Milliseconds without a block after which a run gives up, if standard error is not a terminal. */
const DEFAULT_TIMEOUT_MS = 600_000
/** Milliseconds without a piece of metadata until a stall is reported. */
const STALL_MS = 10_000

/**
 * Adds a source to a client. Metadata that the source lacks is fetched from peers.
 * @throws InputError for a source that is invalid, StalledError if no peer gave the metadata
 */
export async function load(
  source: string | Metainfo | Magnet,
  client: Client,
  reporter: Reporter,
  options: AddOptions,
  sourceOptions: SourceOptions,
): Promise<Loaded> {
  const parsed = typeof source === 'string' ? await openSource(source, sourceOptions) : source
  const torrent = await client.add(parsed, options)
  // a .torrent may lack the hashes that peers send
  const metainfo = await whenReady(torrent, metadataListeners(reporter))
  if (isMetainfo(parsed)) return { torrent }
  return { torrent, ...pick({ selectOnly: selectedByLink(parsed, metainfo) }, 'selectOnly') }
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
  const parsed = await openSource(source, options)
  return isMetainfo(parsed) ? parsed : fetchMetainfo(parsed, options, reporter)
}

/** Fetches the metadata of a magnet link from peers, or the piece layers of a .torrent without them. */
export async function fetchMetainfo(
  source: Magnet | Metainfo,
  options: LoadMetainfoOptions,
  reporter: Reporter,
): Promise<Metainfo> {
  const client = createClient(options, reporter)
  const { timeout = defaultTimeout() } = options
  try {
    return await runUntilSignal(client, async () => {
      const names = pick(options, 'portableNames')
      const torrent = await client.add(source, { ...torrentOptionsOf(options), ...names, timeout })
      return whenReady(torrent, metadataListeners(reporter))
    })
  } finally {
    reporter.close()
  }
}

/** Returns the milliseconds without a block after which a run gives up: 0, which is never, on a terminal. */
export function defaultTimeout(): number {
  return process.stderr.isTTY ? 0 : DEFAULT_TIMEOUT_MS
}

/** Returns listeners that report warnings, the progress of the metadata, and a stall once. */
function metadataListeners(reporter: Reporter): Required<MetadataListeners> {
  let idleSince = systemClock.now()
  let pieces = 0
  let stallReported = false
  return {
    warning: ({ code, message }) => reporter.reportWarning(code, message),
    progress: ({ reason, ...metadata }) => {
      const now = systemClock.now()
      if (metadata.have !== pieces) idleSince = now
      pieces = metadata.have
      reporter.reportFetching(metadata)
      if (stallReported || now - idleSince < STALL_MS) return
      stallReported = true
      reporter.reportStall('ERR_STALLED', `no metadata yet: ${reason}`)
    },
  }
}
