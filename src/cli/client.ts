import { type AddOptions, Client, type Encryption, type PeerAddress } from '../index.ts'
import { pick } from '../ports/pick.ts'
import { addressFamilyFor, describeExcluded, type FamilyOptions } from './address-family.ts'
import type { PortRange } from './options/parse-values.ts'
import type { Reporter } from './reporter.ts'
import type { SourceOptions } from './source.ts'
import { stateDirectory } from './state.ts'

/** Options that say how a command finds peers and connects to them. */
export interface PeerOptions extends Omit<SourceOptions, 'portableNames'>, FamilyOptions {
  readonly peer?: readonly PeerAddress[]
  readonly port?: PortRange
  readonly listen?: boolean
  readonly encryption?: Encryption
  /** A path or a URL. */
  readonly blocklist?: string
  readonly dht: boolean
  readonly dhtNode?: readonly PeerAddress[]
  readonly lsd: boolean
  readonly pex: boolean
  /** True to let torrents, links and redirects name servers of this machine and its network. @default false */
  readonly allowLocal?: boolean
}

/** Options that limit what a command exchanges with peers, and add web seeds. */
export interface ExchangeOptions {
  readonly webSeeds?: boolean
  readonly webSeed?: string[]
  readonly up?: number
  readonly down?: number
  readonly maxPeers?: number
  readonly maxPeersPerAddress?: number
  readonly memory?: number
  readonly hashThreads?: number
}

/** Creates the client of a run, which all of its torrents share. It opens nothing before a torrent is added. */
export function createClient(
  options: PeerOptions & ExchangeOptions,
  reporter: Pick<Reporter, 'reportWarning'>,
): Client {
  const { dht, dhtNode: dhtNodes, listen, lsd, pex, tracker } = options
  const family = addressFamilyFor(options)
  const client = new Client({
    ...{ dht, lsd, pex, trackers: tracker !== false, stateDirectory: stateDirectory() },
    ...pick({ dhtNodes, family, listen }, 'dhtNodes', 'family', 'listen'),
    ...pick(options, 'bind', 'blocklist', 'down', 'encryption', 'hashThreads', 'maxPeers', 'memory', 'up'),
    ...options.port,
  })
  client.on('warning', ({ code, message }) => reporter.reportWarning(code, message))
  for (const message of describeExcluded(options, family)) reporter.reportWarning('ERR_USAGE', message)
  return client
}

/** Returns the options that every torrent of a run gets. */
export function torrentOptionsOf(options: PeerOptions & ExchangeOptions): AddOptions {
  const { peer: peers, webSeed: webSeedUrls } = options
  return {
    ...pick({ peers, webSeedUrls }, 'peers', 'webSeedUrls'),
    ...pick(options, 'allowLocal', 'maxPeers', 'maxPeersPerAddress', 'webSeeds'),
  }
}
