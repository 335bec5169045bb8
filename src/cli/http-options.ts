import { pick } from '../ports/pick.ts'
import type { HttpAddress } from './http-address.ts'

/** The options of commands with an HTTP server. */
export interface HttpOptions {
  /** The address to serve HTTP at. @default 127.0.0.1 and a fixed port of the command */
  readonly http?: HttpAddress
  /** The maximum number of files read at once. @default 32 */
  readonly maxReaders?: number
  /** The maximum number of HTTP connections. @default 1280 */
  readonly maxClients?: number
  /** The maximum number of HTTP connections per address. @default 32, from loopback 1,024 */
  readonly maxClientsPerAddress?: number
}

/** Returns the limits of `HttpServer` that options set. */
export function httpLimitsOf({ maxReaders, maxClients, maxClientsPerAddress }: HttpOptions) {
  const limits = { maxReaders, maxConnections: maxClients, maxConnectionsPerAddress: maxClientsPerAddress }
  return pick(limits, 'maxReaders', 'maxConnections', 'maxConnectionsPerAddress')
}
