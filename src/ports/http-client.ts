import type { LookupAddress } from 'node:dns'
import { addAbortListener } from 'node:events'
import type { Agent, ClientRequest, IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { addressBytes } from '../codec/address-bytes.ts'
import { type AddressFamily, isOfFamily } from '../codec/address-family.ts'
import { canonicalHost } from '../codec/compact.ts'
import { type AllowedScope, isAllowedAddress } from './address-policy.ts'

/** A response: its head, and its body as a stream. */
export interface HttpResponse {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  /** The caller has to read it to its end or destroy it. */
  readonly body: AsyncIterable<Uint8Array> & { destroy(): void }
  /** The IP address of the server; '' if it is unknown. Undefined if no network is involved. */
  readonly address?: string
}

/** Options of an HTTP request. */
export interface HttpOpenOptions {
  readonly headers: Readonly<Record<string, string>>
  /** A body to send with POST. @default GET without a body */
  readonly body?: Uint8Array
  /** Aborts the exchange, including the body. */
  readonly signal: AbortSignal
  /** The allowed addresses, checked after names are resolved. */
  readonly allowedScope: AllowedScope
}

/** Sends one request without following redirects. Rejects with a system error or a plain Error. */
export type HttpOpen = (url: URL, options: HttpOpenOptions) => Promise<HttpResponse>

/** Resolves a name, as node:dns does. */
export type DnsLookup = typeof import('node:dns').lookup

export interface HttpClientOptions {
  /** True to keep connections for the next request to the same host. @default false */
  readonly keepAlive?: boolean
  /** The only address family to connect with. @default both */
  readonly family?: AddressFamily | undefined
  /** @default node:dns */
  readonly lookup?: DnsLookup
}

/** Maximum number of idle connections to one host. */
const MAX_IDLE_CONNECTIONS = 4

/**
 * Sends requests with node:http and node:https. It does not use `fetch`: its first use costs 35 ms of CPU and 12 MB
 * more, it accepts no `lookup` function, and it blocks a list of ports.
 */
export class HttpClient {
  readonly #options: HttpClientOptions
  /** By scheme and allowed scope: a connection to a local server is never used for a request that may not go there. */
  readonly #agents = new Map<string, Agent>()
  #closed = false

  constructor(options: HttpClientOptions = {}) {
    this.#options = options
  }

  readonly open: HttpOpen = async (url, { allowedScope, body, headers, signal }) => {
    signal.throwIfAborted()
    const { hostname, protocol } = url
    const host = hostname.replace(/^\[(.*)\]$/, '$1')
    if (addressBytes(host) && !isAllowedAddress(host, allowedScope)) throw notAllowed(host)
    const { family } = this.#options
    if (!isOfFamily(host, family)) throw new Error(`${host} is not an IPv${family} address`)
    // Imported at first use, because many runs need no HTTP, and most need no TLS.
    const { Agent, request } = protocol === 'https:' ? await import('node:https') : await import('node:http')
    const { lookup = (await import('node:dns')).lookup, keepAlive = false } = this.#options
    signal.throwIfAborted()
    if (this.#closed) throw new Error('closed')
    const key = `${protocol} ${allowedScope}`
    const agent = keepAlive
      ? (this.#agents.get(key) ?? new Agent({ keepAlive: true, maxFreeSockets: MAX_IDLE_CONNECTIONS }))
      : false
    if (agent) this.#agents.set(key, agent)
    const send = () =>
      request(url, {
        ...(body ? { method: 'POST' } : {}),
        agent,
        headers: agent ? headers : { ...headers, Connection: 'close' },
        lookup: lookupAllowed(lookup, allowedScope, family),
      })
    const response = await responseOf(send, body, signal)
    return {
      status: response.statusCode ?? 0,
      headers: response.headers,
      body: response,
      address: canonicalHost(response.socket?.remoteAddress ?? ''),
    }
  }

  /** Closes the idle connections. */
  close(): void {
    this.#closed = true
    for (const agent of this.#agents.values()) agent.destroy()
  }
}

/** Sends a request. Retries once if the server had closed the idle connection. */
async function responseOf(
  send: () => ClientRequest,
  body: Uint8Array | undefined,
  signal: AbortSignal,
  retry = true,
): Promise<IncomingMessage> {
  const out = send()
  // The option `signal` would also destroy the connection later, when another request uses it.
  const listener = addAbortListener(signal, () => out.destroy())
  out.on('close', () => listener[Symbol.dispose]())
  try {
    return await new Promise<IncomingMessage>((resolve, reject) => {
      // The listeners stay, because an error can come after the response.
      out.on('error', reject)
      out.on('close', () => reject(new Error('the connection was closed'))) // after an upgrade, for example
      out.on('response', response => {
        response.on('error', () => {})
        resolve(response)
      })
      out.end(body)
    })
  } catch (error) {
    signal.throwIfAborted()
    if (retry && out.reusedSocket && (error as NodeJS.ErrnoException).code === 'ECONNRESET')
      return responseOf(send, body, signal, false)
    throw error
  }
}

type Found = (error: NodeJS.ErrnoException | null, address: string | LookupAddress[], family?: number) => void

/** Resolves names as `lookup` does, without the addresses that are not allowed. Fails if there is no other. */
function lookupAllowed(lookup: DnsLookup, allowedScope: AllowedScope, family: AddressFamily | undefined) {
  return (name: string, options: object, found: Found): void => {
    const onFound: Found = (error, address, family) => {
      if (error || address === undefined) return found(error, address, family)
      const all = typeof address === 'string' ? [{ address, family: family ?? 0 }] : address
      const allowed = all.filter(({ address }) => isAllowedAddress(address, allowedScope))
      if (allowed.length === 0 && all.length > 0)
        found(notAllowed(`${name}, ${all[0]!.address},`), address, family)
      else if (typeof address === 'string') found(null, address, family)
      else found(null, allowed)
    }
    // the family is given here, because as an option of the request it makes Node try one address only
    lookup(name, family === undefined ? options : { ...options, family }, onFound)
  }
}

function notAllowed(name: string): Error {
  return new Error(
    `${name} is on this machine or its network, which is not allowed for this request (see --allow-local)`,
  )
}
