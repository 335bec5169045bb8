import type { ArgumentKind } from '../../codec/check-arguments.ts'
import type { ClientOptions } from './client-options.ts'

/** The kind of each option of `Client`. */
export const CLIENT_OPTION_KINDS = {
  bind: 'address',
  blocklist: 'blocklist',
  clock: 'object',
  connect: 'function',
  createServer: 'function',
  createSocket: 'function',
  dht: 'boolean',
  dhtNodes: 'addresses',
  down: 'number',
  encryption: 'encryption',
  family: 'family',
  fs: 'object',
  hashThreads: 'number',
  http: 'function',
  lastPort: 'port',
  listen: 'boolean',
  lsd: 'boolean',
  maxOpenFiles: 'positive',
  maxPeers: 'positive',
  memory: 'positive',
  peerId: 'id',
  pex: 'boolean',
  port: 'port',
  random: 'function',
  stateDirectory: 'text',
  trackers: 'boolean',
  up: 'number',
} as const satisfies Readonly<Record<keyof ClientOptions, ArgumentKind>>
