import type { PeerAddress } from '../codec/compact.ts'
import type { Encryption } from '../codec/mse.ts'
import { type AddOptions, Client } from '../pipeline/client.ts'
import { pick } from '../ports/pick.ts'
import type { Reporter } from './reporter.ts'
import { stateDirectory } from './state.ts'

/** How a command finds and reaches peers. */
export interface PeerOptions {
  readonly peer?: PeerAddress[]
  readonly port?: number
  readonly bind?: string
  readonly listen?: boolean
  readonly encryption?: Encryption
  readonly tracker: boolean
  readonly dht: boolean
  readonly dhtNode?: PeerAddress[]
  readonly lsd: boolean
  readonly pex: boolean
  /** Whether URLs that torrents, links and redirects name may be of this machine and its network. @default false */
  readonly allowLocal?: boolean
}

/** What a command may exchange with peers. */
export interface ExchangeOptions {
  readonly webSeeds?: boolean
  readonly webSeed?: string[]
  readonly up?: number
  readonly down?: number
  readonly maxPeers?: number
  readonly maxPeersPerAddress?: number
  readonly memory?: number
}

/** The client of a run: one for all of its torrents. Nothing is opened before a torrent is added. */
export function clientFor(options: PeerOptions & ExchangeOptions, reporter: Reporter): Client {
  const { dht, dhtNode: dhtNodes, listen, lsd, pex, tracker: trackers } = options
  const client = new Client({
    ...{ dht, lsd, pex, trackers, stateDirectory: stateDirectory() },
    ...pick({ dhtNodes, listen }, 'dhtNodes', 'listen'),
    ...pick(options, 'bind', 'down', 'encryption', 'maxPeers', 'memory', 'port', 'up'),
  })
  client.on('warning', ({ code, message }) => reporter.warning(code, message))
  return client
}

/** What each torrent of a run is told. */
export function torrentOptions(options: PeerOptions & ExchangeOptions): AddOptions {
  const { peer: peers, webSeed: webSeedUrls } = options
  return {
    ...pick({ peers, webSeedUrls }, 'peers', 'webSeedUrls'),
    ...pick(options, 'allowLocal', 'maxPeers', 'maxPeersPerAddress', 'webSeeds'),
  }
}
