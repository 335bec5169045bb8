/** An HTTP server on loopback that serves the files of a torrent, and answers by a script. */
import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { MadeTorrent } from './metainfo.ts'

export interface WebRequest {
  /** Path and query, as received. */
  readonly target: string
  readonly headers: http.IncomingHttpHeaders
  /** The first and the last requested byte, of a request with a range. */
  readonly range: readonly [number, number] | undefined
  /** Sends the correct answer. */
  readonly serve: (change?: (bytes: Buffer) => Buffer) => void
}

export type WebScript = (request: WebRequest, response: http.ServerResponse, n: number) => void

export interface WebServer {
  /** `http://127.0.0.1:PORT` */
  readonly origin: string
  readonly requests: readonly WebRequest[]
  /** The number of connections so far. */
  readonly connections: number
  /** Resolves when `isMet` returns true. It is called at each request. */
  until(isMet: () => boolean): Promise<void>
}

/**
 * Opens a server until the end of test `t`. Without a script its answers are correct. The files are below `/`, with the
 * paths of the torrent.
 */
export async function webServer(
  t: { teardown(call: () => unknown): unknown },
  { metainfo, content }: MadeTorrent,
  script: WebScript = ({ serve }) => serve(),
): Promise<WebServer> {
  const files = new Map(metainfo.files.map(file => [`/${file.path}`, file]))
  const requests: WebRequest[] = []
  const sockets = new Set<Socket>()
  const waiting = new Set<() => void>()
  const state = { connections: 0 }
  const server = http.createServer((incoming, response) => {
    const { url: target = '', headers } = incoming
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? '') ?? []
    const range = from === undefined ? undefined : ([Number(from), Number(to)] as const)
    const serve: WebRequest['serve'] = (change = bytes => bytes) => {
      const file = files.get(decodeURIComponent(target.replace(/\?.*$/, '')))
      if (!file || file.pad) {
        response.writeHead(404).end('none')
        return
      }
      const bytes = content.subarray(file.offset, file.offset + file.length)
      const [first, last] = range ?? [0, file.length - 1]
      const body = change(Buffer.from(bytes.subarray(first, last + 1)))
      response.writeHead(range ? 206 : 200, {
        'Content-Length': body.length,
        ...(range ? { 'Content-Range': `bytes ${first}-${last}/${file.length}` } : {}),
      })
      response.end(body)
    }
    const request = { target, headers, range, serve }
    requests.push(request)
    script(request, response, requests.length - 1)
    for (const check of waiting) check()
  })
  server.on('connection', socket => {
    state.connections++
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(async () => {
    const closed = once(server, 'close')
    server.close()
    for (const socket of sockets) socket.destroy()
    await closed
  })
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    get connections() {
      return state.connections
    },
    until: isMet =>
      new Promise<void>(resolve => {
        const check = () => {
          if (!isMet()) return
          waiting.delete(check)
          resolve()
        }
        waiting.add(check)
        check()
      }),
  }
}
