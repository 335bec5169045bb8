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
 * @throws InputError if it does not answer as a server of tsdl
 */
export async function askServer(
  { authorization, infoHash, origin, token }: Server,
  given?: string,
): Promise<DiagnosedTorrent[]> {
  const header = token === undefined && given === undefined ? authorization : `Bearer ${token ?? given}`
  const url = `${origin}/why${infoHash === undefined ? '' : `/${infoHash}`}`
  const fail = (reason: string, cause?: unknown) => new InputError('ERR_USAGE', `${origin}: ${reason}`, cause)
  try {
    const response = await fetch(url, {
      ...{ redirect: 'error', signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) },
      headers: header === undefined ? {} : { Authorization: header },
    })
    if (response.status === 401) throw fail('it needs a token (--token), or a user and a password in the URL')
    if (response.status === 404 && infoHash !== undefined) throw fail(`it has no torrent ${infoHash}`)
    const body: unknown = response.ok ? await response.json().catch(() => undefined) : undefined
    const { torrents } = (body ?? {}) as { torrents?: DiagnosedTorrent[] }
    if (Array.isArray(torrents)) return torrents
    throw fail('it does not answer as a running tsdl')
  } catch (error) {
    if (error instanceof InputError) throw error
    const { cause = error } = error as Error
    throw fail(cause instanceof Error ? cause.message : String(cause), error)
  }
}
