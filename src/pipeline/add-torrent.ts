import { checkOptions } from '../codec/check-arguments.ts'
import { InputError } from '../errors.ts'
import type { ClientOptions } from './client/client-options.ts'
import { type AddOptions, Client } from './client.ts'
import type { TorrentSource } from './sources/torrent-source.ts'
import type { Torrent } from './torrent.ts'

/**
 * Options that say how the peers of one torrent are found and reached. Without `client`, the torrent gets a client of
 * its own, which these options configure and which closes with the torrent.
 */
export interface AddTorrentOptions extends ClientOptions, AddOptions {
  /** The client to add the torrent to. Options of a client cannot be given with it. @default a new one */
  readonly client?: Client
  /** Maximum number of connections. @default 100 */
  readonly maxPeers?: number
  /** Rate limits in bytes per second. @default no limit */
  readonly up?: number
  readonly down?: number
  /** Milliseconds without a received block after which the torrent fails with ERR_STALLED; 0 for never. @default 600,000 */
  readonly timeout?: number
}

/** Milliseconds without a received block after which a torrent fails, as on the command line. */
const DEFAULT_TIMEOUT_MS = 600_000

/** The options that configure a client, and not a torrent. */
const CLIENT_OPTIONS = [
  'bind',
  'clock',
  'connect',
  'createServer',
  'createSocket',
  'dht',
  'dhtNodes',
  'encryption',
  'family',
  'fs',
  'hashThreads',
  'http',
  'lastPort',
  'listen',
  'lsd',
  'maxOpenFiles',
  'memory',
  'peerId',
  'port',
  'random',
  'stateDirectory',
] as const satisfies readonly (keyof ClientOptions)[]
/** The options that a client and a torrent both have. */
const SHARED_OPTIONS = ['down', 'maxPeers', 'up'] as const satisfies readonly (keyof ClientOptions)[]

/** Adds a torrent to `client`, or to a client of its own. Rejects as `Client.add` does. */
export async function addTorrent(source: TorrentSource, options: AddTorrentOptions): Promise<Torrent> {
  checkOptions(options, { client: 'object' })
  const { client, ...rest } = options
  const ofTorrent = { timeout: DEFAULT_TIMEOUT_MS, ...omitKeys(rest, CLIENT_OPTIONS) }
  if (client) {
    const extra = CLIENT_OPTIONS.find(name => options[name] !== undefined)
    if (extra) throw new InputError('ERR_USAGE', `${extra}: this option belongs to the client that is given`)
    return client.add(source, ofTorrent)
  }
  const own = new Client({ ...pickKeys(rest, CLIENT_OPTIONS), ...pickKeys(rest, SHARED_OPTIONS) })
  try {
    const torrent = await own.add(source, omitKeys(ofTorrent, ['up', 'down']))
    own.on('warning', error => torrent.emit('warning', error))
    torrent.once('close', () => own.close())
    return torrent
  } catch (error) {
    await own.close()
    throw error
  }
}

function pickKeys<T extends object, K extends keyof T>(from: T, keys: readonly K[]): Pick<T, K> {
  return Object.fromEntries(keys.flatMap(key => (from[key] === undefined ? [] : [[key, from[key]]]))) as Pick<
    T,
    K
  >
}

function omitKeys<T extends object, K extends keyof T>(from: T, keys: readonly K[]): Omit<T, K> {
  const excluded = new Set<unknown>(keys)
  return Object.fromEntries(Object.entries(from).filter(([key]) => !excluded.has(key))) as Omit<T, K>
}
