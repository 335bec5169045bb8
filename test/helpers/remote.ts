/** A session behind a server with all APIs, for tests. */
import type { Test } from 'tap'
import { HttpServer, type HttpServerOptions } from '../../src/server/http-server.ts'
import { createRemoteControl, type RemoteControlOptions } from '../../src/server/remote-control.ts'
import { type OpenedSession, openSession, type SessionDisk } from './session.ts'

export interface Remote extends OpenedSession {
  readonly server: HttpServer
  /** The base of its URLs, without a slash at the end. */
  readonly base: string
  readonly warnings: unknown[]
  /** Sends a request of Transmission's legacy dialect, and returns the whole reply. */
  rpc(method: string, args?: object, tag?: number): Promise<RpcReply>
  /** Sends a request of JSON-RPC 2. */
  call(method: string, params?: object): Promise<RpcReply>
  /** Sends a request with any body. */
  post(body: string, headers?: Record<string, string>): Promise<Response>
}

// biome-ignore lint/suspicious/noExplicitAny: tests read any field of a reply
export type RpcReply = any

export interface RemoteOptions {
  readonly server?: Partial<HttpServerOptions>
  readonly control?: Partial<RemoteControlOptions>
  readonly disk?: SessionDisk
  readonly session?: Parameters<typeof openSession>[2]
}

export const FIXED_OPTIONS = {
  dht: false,
  encryption: 'prefer',
  lsd: false,
  maxPeers: 200,
  pex: true,
} as const

export async function openRemote(t: Test, options: RemoteOptions = {}): Promise<Remote> {
  const opened = await openSession(t, options.disk, options.session)
  const warnings: unknown[] = []
  const apis = createRemoteControl({
    ...{ session: opened.session, client: opened.client, fixed: FIXED_OPTIONS },
    onWarning: error => void warnings.push(error),
    ...options.control,
  })
  const server = await new HttpServer(new Map(), { apis, ...options.server }).listen()
  t.teardown(() => server.close())
  const base = new URL(server.url).origin
  let sessionId = ''
  const post = async (body: string, headers: Record<string, string> = {}): Promise<Response> => {
    const response = await fetch(`${base}/transmission/rpc`, {
      method: 'POST',
      body,
      headers: { 'x-transmission-session-id': sessionId, ...headers },
    })
    if (response.status !== 409) return response
    await response.arrayBuffer()
    sessionId = response.headers.get('x-transmission-session-id')!
    return post(body, headers)
  }
  return {
    ...opened,
    ...{ server, base, warnings, post },
    rpc: async (method, args = {}, tag) =>
      (await post(JSON.stringify({ method, arguments: args, tag }))).json(),
    call: async (method, params) =>
      (await post(JSON.stringify({ jsonrpc: '2.0', method, params, id: 1 }))).json(),
  }
}
