import type { LookupAddress } from 'node:dns'
import type { Agent, ClientRequest, IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { isGlobalAddress } from '../codec/address-scope.ts'
import { addressBytes } from '../codec/compact.ts'

/** An answer's head, and its body as it comes. */
export interface HttpReply {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  /** To be read to its end, or destroyed. */
  readonly body: AsyncIterable<Uint8Array> & { destroy(): void }
  /** Whether who answered is of the public Internet. */
  readonly global: boolean
}

export interface HttpOpenOptions {
  readonly headers: Readonly<Record<string, string>>
  /** Ends the exchange, body included. */
  readonly signal: AbortSignal
  /** Refuses to ask anybody who is not of the public Internet. */
  readonly onlyGlobal: boolean
}

/** One GET, no redirect followed; rejects with the system's error or a plain one. */
export type HttpOpen = (url: URL, options: HttpOpenOptions) => Promise<HttpReply>

/** Connections to one host that are kept for the next request. */
const KEPT = 4

/** HttpOpen on node:http and node:https, with connections that are kept. */
export class HttpClient {
  /** One for each scheme, and for whom they may reach: a connection to somebody local is never used for others. */
  readonly #agents = new Map<string, Agent>()
  #closed = false

  readonly open: HttpOpen = async (url, options) => {
    const { hostname, protocol } = url
    const host = hostname.replace(/^\[(.*)\]$/, '$1')
    if (options.onlyGlobal && addressBytes(host) && !isGlobalAddress(host)) throw notGlobal(host)
    // Imported at first use: a run that meets no web seed pays nothing, one of plain http no TLS.
    const { Agent, request } = protocol === 'https:' ? await import('node:https') : await import('node:http')
    const { lookup } = await import('node:dns')
    options.signal.throwIfAborted()
    if (this.#closed) throw new Error('closed')
    const key = `${protocol} ${options.onlyGlobal}`
    const agent: Agent = this.#agents.get(key) ?? new Agent({ keepAlive: true, maxFreeSockets: KEPT })
    this.#agents.set(key, agent)
    const ask = () =>
      request(url, {
        agent,
        headers: options.headers,
        ...(options.onlyGlobal ? { lookup: globalOnly(lookup) } : {}),
      })
    const response = await answerOf(ask, options.signal)
    return {
      status: response.statusCode ?? 0,
      headers: response.headers,
      body: response,
      global: !isLocal(response.socket.remoteAddress),
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
    if (again && out.reusedSocket && (error as NodeJS.ErrnoException).code === 'ECONNRESET')
      return answerOf(ask, signal, false)
    throw error
  }
}

/** Not knowing, nobody is taken for local: that would allow more. */
function isLocal(address: string | undefined): boolean {
  return address !== undefined && !isGlobalAddress(address)
}

type Lookup = typeof import('node:dns').lookup
type Found = (error: NodeJS.ErrnoException | null, address: string | LookupAddress[], family?: number) => void

/** Looks names up as `lookup` does, and fails for those that stand for anybody who is not of the public Internet. */
function globalOnly(lookup: Lookup) {
  return (name: string, options: object, found: Found): void => {
    lookup(
      name,
      options,
      (error: NodeJS.ErrnoException | null, address: string | LookupAddress[], family?: number) => {
        const all = typeof address === 'string' ? [{ address }] : (address ?? [])
        const local = error ? undefined : all.find(({ address }) => !isGlobalAddress(address))
        if (local) found(notGlobal(`${name}, ${local.address},`), address, family)
        else found(error, address, family)
      },
    )
  }
}

function notGlobal(name: string): Error {
  return new Error(`${name} is of this machine or its network, and may not be asked for that`)
}
