import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import { type Encodable, encode } from '../../src/codec/bencode.ts'
import { encodePeers4, type PeerAddress } from '../../src/codec/compact.ts'
import { Conditions } from './conditions.ts'

/** One request that the tracker received. */
export interface SeenAnnounce {
  /** Path and query, as received. */
  readonly target: string
  readonly path: string
  /** The parameters, decoded byte by byte (`+` stays `+`). Of a repeated name the last one counts. */
  readonly params: Readonly<Record<string, Buffer>>
  /** The event, or '' for none. */
  readonly event: string
  readonly headers: http.IncomingHttpHeaders
}

export interface ScriptedReply {
  readonly status?: number
  readonly headers?: Record<string, string>
  /** Bytes, or a value to be bencoded. */
  readonly body?: Buffer | Encodable
  /** Instead of all of the above: the bytes to send, each item in a separate turn of the event loop. */
  readonly raw?: Iterable<Buffer | string>
  /** True to leave the connection open after the answer. */
  readonly hang?: boolean
}

/** The reply to every request, or a function that returns it for a request and its number from 0. */
export type Script =
  | ScriptedReply
  | ((announce: SeenAnnounce, n: number) => ScriptedReply | Promise<ScriptedReply>)

export interface ScriptedTracker {
  /** `http://127.0.0.1:PORT` */
  readonly origin: string
  /** `origin` and `/announce`. */
  readonly url: string
  readonly announces: readonly SeenAnnounce[]
  /** Resolves when this number of requests was received. */
  seen(count: number): Promise<void>
  /** Resolves when no connection is open. */
  idle(): Promise<void>
  /** Ends the tracker and its connections. */
  close(): Promise<void>
}

/** An HTTP tracker on loopback that answers by script; closed at the end of test `t`, if given. */
export async function scriptedTracker(
  t: { teardown(call: () => unknown): unknown } | undefined,
  script: Script,
  host = '127.0.0.1',
): Promise<ScriptedTracker> {
  const announces: SeenAnnounce[] = []
  const sockets = new Set<Socket>()
  const conditions = new Conditions()
  const server = http.createServer((request, response) => {
    const announce = readAnnounce(request)
    announces.push(announce)
    void (async () => {
      const reply = typeof script === 'function' ? await script(announce, announces.length - 1) : script
      await answer(reply, request, response)
    })()
    conditions.check()
  })
  server.on('connection', socket => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => {
      sockets.delete(socket)
      conditions.check()
    })
  })
  server.listen(0, host)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const origin = `http://${host.includes(':') ? `[${host}]` : host}:${port}`

  const close = async () => {
    for (const socket of sockets) socket.destroy()
    if (server.listening) await new Promise(resolve => server.close(resolve))
  }
  t?.teardown(close)
  return {
    origin,
    url: `${origin}/announce`,
    announces,
    seen: count => conditions.wait(() => announces.length >= count),
    idle: () => conditions.wait(() => sockets.size === 0),
    close,
  }
}

/** Returns a body with these peers in compact form (BEP 23). */
export function peersBody(peers: Iterable<PeerAddress>, more: Record<string, Encodable> = {}): Buffer {
  return encode({ interval: 1800, peers: encodePeers4(peers), ...more })
}

function readAnnounce(request: http.IncomingMessage): SeenAnnounce {
  const target = request.url ?? ''
  const [path = '', query = ''] = target.split(/\?(.*)/s)
  const params: Record<string, Buffer> = {}
  for (const field of query.split('&').filter(Boolean)) {
    const [name = '', value = ''] = field.split(/=(.*)/s)
    params[name] = percentDecode(value)
  }
  return { target, path, params, event: params.event?.toString() ?? '', headers: request.headers }
}

/** Decodes %XX and other characters to bytes. `+` is not a space. */
export function percentDecode(text: string): Buffer {
  return Buffer.from(
    text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  )
}

async function answer(reply: ScriptedReply, request: http.IncomingMessage, response: http.ServerResponse) {
  const { status = 200, headers = {}, body = '', raw, hang } = reply
  if (raw) {
    request.socket.setNoDelay()
    for (const part of raw) {
      request.socket.write(part)
      await turn()
      if (request.socket.destroyed) return
    }
    if (!hang) request.socket.end()
  } else if (!hang) {
    response.writeHead(status, headers)
    response.end(Buffer.isBuffer(body) ? body : typeof body === 'string' ? Buffer.from(body) : encode(body))
  }
}
