import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import t from 'tap'
import { openRemote } from '../../helpers/remote.ts'
import { smallTorrent } from '../../helpers/session.ts'

const promtool = spawnSync('promtool', ['--version']).status === 0

t.test('/metrics is in the format of Prometheus', async t => {
  const { base, session } = await openRemote(t)
  await session.add(smallTorrent('a').metainfo, { start: false })
  const response = await fetch(`${base}/metrics`)
  t.match(response.headers.get('content-type'), /^text\/plain; version=0\.0\.4/)
  const text = await response.text()
  t.match(text, /^tsdl_torrents\{status="stopped"\} 1$/m)
  t.match(text, /^tsdl_torrents_added_total 1$/m)
  t.test(
    'promtool accepts the metrics',
    { skip: promtool ? false : 'promtool is not installed' },
    async t => {
      const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input: text })
      t.equal(status, 0, `${stdout}${stderr}`)
    },
  )
})

t.test('/events sends events, and goes on after the last one that a client has', async t => {
  const { base, session, server } = await openRemote(t)
  const follow = async (headers: Record<string, string> = {}) => {
    const response = await fetch(`${base}/events`, { headers })
    t.match(response.headers.get('content-type'), /^text\/event-stream/)
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
    let text = ''
    return {
      async until(expected: RegExp) {
        while (!expected.test(text)) {
          const { done, value } = await reader.read()
          if (done) throw new Error(`ended: ${text}`)
          text += value
        }
        return text
      },
      cancel: () => reader.cancel(),
      async ended() {
        for (;;) if ((await reader.read().catch(() => ({ done: true }))).done) return true
      },
    }
  }
  const first = await follow()
  await session.add(smallTorrent('a').metainfo, { start: false })
  const text = await first.until(/\n\n[\s\S]*\n\n/)
  t.match(
    text,
    /^id: \d+\nevent: added\ndata: \{"event":"added","time":\d+,"id":1,"infoHash":"[\da-f]{40}","name":"a"\}$/m,
  )
  await first.cancel()
  const id = Number(/^id: (\d+)$/m.exec(text)![1])
  t.ok(id > 1_600_000_000_000, 'the numbers of a later run are greater')
  await session.add(smallTorrent('b', 2).metainfo, { start: false })
  await session.remove(session.torrents[0]!)
  const second = await follow({ 'last-event-id': `${id}` })
  const rest = await second.until(/removed/)
  t.notMatch(rest, `id: ${id}\n`)
  t.match(rest, new RegExp(`id: ${id + 1}\nevent: added[^]*id: ${id + 2}\nevent: removed`))
  await second.cancel()
  const third = await follow()
  await server.close()
  t.ok(await third.ended())
})

t.test('/why names the limit of each torrent, and an event is sent when the limit changes', async t => {
  const { base, session } = await openRemote(t)
  const stopped = await session.add(smallTorrent('a').metainfo, { start: false })
  const torrent = await session.add(smallTorrent('b', 2).metainfo)
  const [changed, { kind, sentence }] = await once(session, 'bottleneck')
  t.equal(changed, torrent)
  t.strictSame([kind, sentence], ['no-peers', 'no peers are known, and no tracker is asked'])
  const all = await (await fetch(`${base}/why`)).json()
  t.match(all, {
    torrents: [
      { name: 'a', infoHash: stopped.infoHash, status: 'stopped', bottleneck: null },
      { name: 'b', infoHash: torrent.infoHash, status: 'downloading', bottleneck: { kind, sentence } },
    ],
  })
  const one = await (await fetch(`${base}/why/${torrent.infoHash}`)).json()
  t.same(one.torrents, [all.torrents[1]])
  t.equal((await fetch(`${base}/why/${'0'.repeat(40)}`)).status, 404)
  t.equal((await fetch(`${base}/why`, { method: 'POST' })).status, 405)
  await session.remove(torrent)
  await session.remove(stopped)
  t.strictSame(await (await fetch(`${base}/why`)).json(), { torrents: [] })
})

t.test('all reports need the token or the password, and pages of other sites cannot read them', async t => {
  const { base } = await openRemote(t, { server: { token: 'sesame' } })
  for (const path of ['metrics', 'events', 'why']) {
    t.equal((await fetch(`${base}/${path}`)).status, 401)
    const headers = { authorization: `Basic ${Buffer.from('any:sesame').toString('base64')}` }
    t.equal(
      (await fetch(`${base}/${path}`, { headers: { ...headers, origin: 'http://evil.example' } })).status,
      403,
    )
  }
  t.equal((await fetch(`${base}/metrics?token=sesame`)).status, 200)
})
