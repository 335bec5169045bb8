import type { IncomingMessage, RequestOptions } from 'node:http'
import { json } from 'node:stream/consumers'
import { type AddressFamily, isOfFamily } from '../../codec/index.ts'
import { InputError } from '../../errors.ts'
import type { DiagnosedTorrent } from '../../server/index.ts'

/** A running `serve` or `daemon`. */
export interface Server {
  readonly origin: string
  /** The torrent that is asked about; undefined for all. */
  readonly infoHash: string | undefined
  /** The values of the `Authorization` header, or of the query, if the URL has them. */
  readonly authorization: string | undefined
  readonly token: string | undefined
}

/** Milliseconds until a server has to answer. */
const ANSWER_TIMEOUT_MS = 10_000

/** Parses the URL of a server: its path is empty, or begins with the info-hash of a torrent. Undefined for any other SOURCE. */
export function parseServerUrl(source: string): Server | undefined {
  if (!/^https?:\/\//i.test(source) || !URL.canParse(source)) return undefined
  const { origin, password, pathname, searchParams, username } = new URL(source)
  const [, infoHash] = /^\/([0-9a-f]{40})(?:\/|$)/i.exec(pathname) ?? []
  if (pathname !== '/' && infoHash === undefined) return undefined
  const login = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
  return {
    ...{ origin, infoHash: infoHash?.toLowerCase(), token: searchParams.get('token') ?? undefined },
    authorization: login === ':' ? undefined : `Basic ${Buffer.from(login).toString('base64')}`,
  }
}

/**
 * Asks a server what limits its torrents.
 * @param given the token, if it is not in the URL @param family the only address family to connect with
 * @throws InputError if it does not answer as a server of tsdl
 */
export async function askServer(
  { authorization, infoHash, origin, token }: Server,
  given?: string,
  family?: AddressFamily,
): Promise<DiagnosedTorrent[]> {
  const header = token === undefined && given === undefined ? authorization : `Bearer ${token ?? given}`
  const url = `${origin}/why${infoHash === undefined ? '' : `/${infoHash}`}`
  const fail = (reason: string, cause?: unknown) => new InputError('ERR_USAGE', `${origin}: ${reason}`, cause)
  const host = new URL(origin).hostname.replace(/^\[(.*)\]$/, '$1')
  if (!isOfFamily(host, family)) throw fail(`it has no IPv${family} address`)
  try {
    const response = await get(url, {
      ...{ family, signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) },
      headers: header === undefined ? {} : { Authorization: header },
    })
    const { statusCode } = response
    const body = await json(response).catch(() => undefined)
    if (statusCode === 401) throw fail('it needs a token (--token), or a user and a password in the URL')
    if (statusCode === 404 && infoHash !== undefined) throw fail(`it has no torrent ${infoHash}`)
    const { torrents } = (body ?? {}) as { torrents?: DiagnosedTorrent[] }
    if (statusCode === 200 && Array.isArray(torrents)) return torrents
    throw fail('it does not answer as a running tsdl')
  } catch (error) {
    if (error instanceof InputError) throw error
    const { cause = error } = error as Error
    throw fail(cause instanceof Error ? cause.message : String(cause), error)
  }
}

/** Sends a GET request. It follows no redirect. */
async function get(url: string, options: RequestOptions): Promise<IncomingMessage> {
  const { request } = url.startsWith('https:') ? await import('node:https') : await import('node:http')
  return new Promise((resolve, reject) => request(url, options, resolve).on('error', reject).end())
}
