import { request } from 'node:http'
import t from 'tap'
import { MAX_BODY_BYTES } from '../../src/server/api/read-body.ts'
import { openRemote } from '../helpers/remote.ts'
import { smallTorrent } from '../helpers/session.ts'

t.test('a body of 100 MB gets 413, with a length or without, and the service goes on', async t => {
  const { base, post, rpc } = await openRemote(t)
  await rpc('session-stats')
  const id = (await fetch(`${base}/transmission/rpc`)).headers.get('x-transmission-session-id')!
  const send = (path: string, headers: Record<string, string | number>, length: number) =>
    new Promise<number | undefined>((resolve, reject) => {
      const req = request(base + path, {
        method: 'POST',
        headers: { 'x-transmission-session-id': id, ...headers },
      })
      req.on('response', response => {
        response.resume()
        resolve(response.statusCode)
        req.destroy()
      })
      // the connection may end before the whole body is sent
      req.on('error', error =>
        (error as NodeJS.ErrnoException).code === 'EPIPE' ? undefined : reject(error),
      )
      const chunk = Buffer.alloc(1 << 20)
      let sent = 0
      const write = () => {
        while (sent < length && !req.destroyed) {
          sent += chunk.length
          if (!req.write(chunk)) return req.once('drain', write)
        }
        return req.end()
      }
      write()
    })
  for (const path of ['/transmission/rpc', '/api/v2/torrents/add']) {
    t.equal(await send(path, { 'content-length': 100 << 20 }, 1 << 20), 413, path)
    t.equal(await send(path, {}, MAX_BODY_BYTES + (4 << 20)), 413, path)
  }
  t.equal((await post('{"method":"session-stats"}')).status, 200)
})

t.test(
  '1,000 requests at once are answered or their connections are refused, and the service goes on',
  async t => {
    const { base, rpc, session } = await openRemote(t)
    await session.add(smallTorrent('a').metainfo, { start: false })
    const all = await Promise.allSettled(
      Array.from({ length: 1000 }, (_, index) =>
        index % 2 === 0
          ? rpc('torrent-get', { fields: ['id', 'name', 'files'] })
          : fetch(`${base}/api/v2/torrents/info`).then(response => response.json()),
      ),
    )
    const answered = all.filter(({ status }) => status === 'fulfilled')
    t.ok(answered.length >= 64, `${answered.length} were answered`)
    t.match(await rpc('session-stats'), { arguments: { torrentCount: 1 } })
  },
)

t.test('a long list leaves turns of the event loop to others', async t => {
  const { rpc, session } = await openRemote(t)
  for (let index = 0; index < 1500; index++)
    await session.add(`magnet:?xt=urn:btih:${index.toString(16).padStart(40, '0')}`, { start: false })
  let turns = 0
  let isDone = false
  const count = () => {
    turns++
    if (!isDone) setImmediate(count)
  }
  setImmediate(count)
  const reply = await rpc('torrent-get', { fields: ['id', 'name', 'trackers', 'labels', 'status'] })
  isDone = true
  t.equal(reply.arguments.torrents.length, 1500)
  t.ok(turns > 5, `${turns} turns`)
})
