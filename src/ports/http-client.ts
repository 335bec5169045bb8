import type { LookupAddress } from 'node:dns'
import type { Agent, ClientRequest, IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { addressBytes, canonicalHost } from '../codec/compact.ts'
import { isWithin, type Reach } from './address-policy.ts'

/** An answer's head, and its body as it comes. */
export interface HttpReply {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  /** To be read to its end, or destroyed. */
  readonly body: AsyncIterable<Uint8Array> & { destroy(): void }
  /** The IP address that answered; '' if it is not known. Undefined where no network is involved. */
  readonly address?: string
}

export interface HttpOpenOptions {
  readonly headers: Readonly<Record<string, string>>
  /** Ends the exchange, body included. */
  readonly signal: AbortSignal
  /** Addresses that may be asked, judged after names are resolved. */
  readonly reach: Reach
}

/** One GET, no redirect followed; rejects with the system's error or a plain one. */
export type HttpOpen = (url: URL, options: HttpOpenOptions) => Promise<HttpReply>

/** Looks a name up, as node:dns does. */
export type DnsLookup = typeof import('node:dns').lookup

export interface HttpClientOptions {
  /** Whether connections are kept for the next request to the same host. @default false */
  readonly keepAlive?: boolean
  /** @default node:dns */
  readonly lookup?: DnsLookup
}

/** Connections to one host that are kept for the next request. */
const MAX_KEPT = 4

/**
 * HttpOpen on node:http and node:https. Not `fetch`: its first use costs 35 ms of CPU and 12 MB more than these
 * modules do, it takes no look-up of ours, and it refuses a list of ports.
 */
export class HttpClient {
  readonly #options: HttpClientOptions
  /** By scheme and reach: a connection to a local server is never used for requests that may not go there. */
  readonly #agents = new Map<string, Agent>()
  #closed = false

  constructor(options: HttpClientOptions = {}) {
    this.#options = options
  }

  readonly open: HttpOpen = async (url, { headers, reach, signal }) => {
    signal.throwIfAborted()
    const { hostname, protocol } = url
    const host = hostname.replace(/^\[(.*)\]$/, '$1')
    if (addressBytes(host) && !isWithin(host, reach)) throw outOfReach(host)
    // Imported at first use: a run that needs no HTTP pays nothing, one of plain http no TLS.
    const { Agent, request } = protocol === 'https:' ? await import('node:https') : await import('node:http')
    const { lookup = (await import('node:dns')).lookup, keepAlive = false } = this.#options
    signal.throwIfAborted()
    if (this.#closed) throw new Error('closed')
    const key = `${protocol} ${reach}`
    const agent = keepAlive
      ? (this.#agents.get(key) ?? new Agent({ keepAlive: true, maxFreeSockets: MAX_KEPT }))
      : false
    if (agent) this.#agents.set(key, agent)
    const ask = () =>
      request(url, {
        agent,
        headers: agent ? headers : { ...headers, Connection: 'close' },
        lookup: lookupWithin(lookup, reach),
      })
    const response = await answerOf(ask, signal)
    return {
      status: response.statusCode ?? 0,
      headers: response.headers,
      body: response,
      address: canonicalHost(response.socket?.remoteAddress ?? ''),
    }
  }

  /** Ends the connections that are kept. */
  close(): void {
    this.#closed = true
    for (const agent of this.#agents.values()) agent.destroy()
  }
}

/** Asks, and asks again where a connection that was kept had just been ended by the server. */
async function answerOf(
  ask: () => ClientRequest,
  signal: AbortSignal,
  again = true,
): Promise<IncomingMessage> {
  const out = ask()
  // Not by the option of that name: that ends the connection as well, when it has long been kept for another request.
  const abort = () => out.destroy()
  signal.addEventListener('abort', abort)
  out.on('close', () => signal.removeEventListener('abort', abort))
  try {
    return await new Promise<IncomingMessage>((resolve, reject) => {
      // Both stay: an error after the response must find a listener, too.
      out.on('error', reject)
      out.on('close', () => reject(new Error('the connection was closed'))) // after an upgrade, say
      out.on('response', response => {
        response.on('error', () => {})
        resolve(response)
      })
      out.end()
    })
  } catch (error) {
    signal.throwIfAborted()
    if (again && out.reusedSocket && (error as NodeJS.ErrnoException).code === 'ECONNRESET')
      return answerOf(ask, signal, false)
    throw error
  }
}

type Found = (error: NodeJS.ErrnoException | null, address: string | LookupAddress[], family?: number) => void

/** Looks names up as `lookup` does, without the addresses that are out of reach; fails if there is no other. */
function lookupWithin(lookup: DnsLookup, reach: Reach) {
  return (name: string, options: object, found: Found): void => {
    const judge: Found = (error, address, family) => {
      if (error || address === undefined) return found(error, address, family)
      const all = typeof address === 'string' ? [{ address, family: family ?? 0 }] : address
      const within = all.filter(({ address }) => isWithin(address, reach))
      if (within.length === 0 && all.length > 0)
        found(outOfReach(`${name}, ${all[0]!.address},`), address, family)
      else if (typeof address === 'string') found(null, address, family)
      else found(null, within)
    }
    lookup(name, options, judge)
  }
}

function outOfReach(name: string): Error {
  return new Error(
    `${name} is of this machine or its network, and may not be asked for that (see --allow-local)`,
  )
}
