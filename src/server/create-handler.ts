import type { IncomingMessage, ServerResponse } from 'node:http'
import { checkArgument } from '../codec/check-arguments.ts'
import { InputError } from '../errors.ts'
import { type Clock, systemClock } from '../ports/clock.ts'
import { DEFAULT_MAX_READERS, DEFAULT_MAX_WAITING } from './reader-slots.ts'
import { RequestHandler } from './request-handler.ts'
import { CollectedTorrents, type ServedTorrents, type TorrentCollection } from './served-torrents.ts'

/** Options of `createHandler`. */
export interface HandlerOptions {
  /**
   * The name or address that clients use for the server. Requests with another `Host` get 421, because a hostile web page
   * can make a browser send requests to this machine under a name of its own. `*` allows every host.
   * @default the address of the connection, and loopback
   */
  readonly host?: string
  /** The path that the handler is mounted at, such as `/torrents`. Links begin with it. @default '' */
  readonly prefix?: string
  /** The token that every request has to carry, as `?token=` or `Authorization: Bearer`; not empty. @default none */
  readonly token?: string
  /** The maximum number of files read at once; further requests wait. @default 32 */
  readonly maxReaders?: number
  /** The maximum number of requests that wait; further ones get 503. @default 64 */
  readonly maxWaiting?: number
  /** Called when a file cannot be read to its end or a client is cut off. The client has been answered. */
  readonly onWarning?: (error: Error) => void
  readonly clock?: Clock
}

/** Answers a request. `node:http`, Express and (with the raw request and response) Fastify take it. */
export type HttpHandler = (request: IncomingMessage, response: ServerResponse) => void

/**
 * Creates a handler that serves the files of torrents over HTTP/1.1, with ranges, conditions and entity tags, and lists
 * them as pages and as JSON (RFC 9110).
 * @param torrents a `Client`, or an array of torrents in an object `{ torrents }`, or a Map by info-hash in hex
 * @throws InputError ERR_USAGE for an empty token or an invalid prefix
 */
export function createHandler(
  torrents: TorrentCollection | ServedTorrents,
  options: HandlerOptions = {},
): HttpHandler {
  checkArgument('torrents', torrents, 'object')
  const { clock = systemClock, host = '127.0.0.1', onWarning, prefix = '', token } = options
  const { maxReaders = DEFAULT_MAX_READERS, maxWaiting = DEFAULT_MAX_WAITING } = options
  if (token === '') throw new InputError('ERR_USAGE', 'token: it is empty')
  if (!/^(\/[\w.~-]+)*$/.test(prefix)) {
    throw new InputError('ERR_USAGE', `prefix: expected a path like /torrents, got ${JSON.stringify(prefix)}`)
  }
  const served = 'torrents' in torrents ? new CollectedTorrents(torrents) : torrents
  const handler = new RequestHandler(served, { host, prefix, token, maxReaders, maxWaiting, clock })
  if (onWarning) handler.on('warning', onWarning)
  return (request, response) => handler.handle(request, response)
}
