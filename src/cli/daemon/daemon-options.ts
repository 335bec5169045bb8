import { resolve } from 'node:path'
import {
  formatAddress,
  type Limit,
  type NameOptions,
  type NewTorrentOptions,
  type SessionSettings,
} from '../../index.ts'
import { pick } from '../../ports/pick.ts'
import type { ExchangeOptions, PeerOptions } from '../client.ts'
import type { HttpOptions } from '../http-options.ts'
import type { PasswordOptions, TokenOptions } from '../token.ts'

/** The options of `tsdl daemon`. */
export interface DaemonOptions
  extends PeerOptions,
    ExchangeOptions,
    TokenOptions,
    PasswordOptions,
    NameOptions,
    HttpOptions {
  readonly output?: string
  readonly state?: string
  readonly watch?: readonly string[]
  readonly root?: readonly string[]
  /** A directory with a page for Transmission. */
  readonly web?: string
  readonly hook?: readonly string[]
  readonly webhook?: readonly string[]
  readonly maxDownloads?: number
  readonly maxSeeds?: number
  readonly seedRatio?: number
  /** Milliseconds. */
  readonly seedTime?: number
  readonly seedIdle?: number
  readonly json?: boolean
  readonly quiet?: boolean
  readonly verbose?: boolean
}

/** Returns the settings that options replace. Settings that no option names keep their remembered values. */
export function settingsOf(options: DaemonOptions): Partial<SessionSettings> {
  const { blocklist, down, maxDownloads, maxSeeds, output, seedIdle, seedRatio, seedTime, up } = options
  const limits = {
    ...{ up: limitOf(up), down: limitOf(down) },
    ...{ downloadQueue: limitOf(maxDownloads), seedQueue: limitOf(maxSeeds) },
    ...{ seedRatio: limitOf(seedRatio), seedTime: limitOf(seedTime), seedIdle: limitOf(seedIdle) },
  }
  return {
    ...pick(limits, 'up', 'down', 'downloadQueue', 'seedQueue', 'seedRatio', 'seedTime', 'seedIdle'),
    ...(blocklist === undefined ? {} : { blocklist: { enabled: true, url: locate(blocklist) } }),
    ...(output === undefined ? {} : { directory: resolve(output) }),
  }
}

/** Returns the options of torrents that the command line names. */
export function newTorrentOptionsOf({ peer }: DaemonOptions): NewTorrentOptions {
  return peer ? { peers: peer.map(address => formatAddress(address)) } : {}
}

/** Returns a URL as it is, and a path as an absolute one. */
function locate(source: string): string {
  return /^https?:\/\//i.test(source) ? source : resolve(source)
}

function limitOf(value: number | undefined): Limit | undefined {
  return value === undefined ? undefined : { enabled: true, value }
}
