import t, { type Test } from 'tap'
import { applyMergePatch, type JsonObject } from '../../../src/codec/merge-patch.ts'
import { torrentOf } from '../../../src/metainfo/torrent.ts'
import { HttpServer, type HttpServerOptions } from '../../../src/server/http-server.ts'
import { createPage } from '../../../src/server/page/create-page.ts'
import type { ListDocument } from '../../../src/server/page/documents.ts'
import { MAX_PREVIEWS, PREVIEW_LIFETIME_MS } from '../../../src/server/page/previews.ts'
import { makeTorrent } from '../../helpers/metainfo.ts'
import { openSession, shareAll, smallTorrent } from '../../helpers/session.ts'
import { VirtualClock } from '../../helpers/virtual-clock.ts'

interface StreamEvent {
  readonly name: string
  // biome-ignore lint/suspicious/noExplicitAny: tests read any field of an event
  readonly data: any
}

const ALBUM_TORRENT = makeTorrent({
  name: 'album',
  files: [
    { path: 'album/one', length: 20_000 },
    { path: 'album/two', length: 30_000 },
  ],
})

async function openPage(t: Test, options: Partial<HttpServerOptions> = {}) {
  const clock = new VirtualClock()
  const opened = await openSession(t)
  const warnings: unknown[] = []
  const page = createPage({ ...opened, clock, onWarning: error => void warnings.push(error) })
  const server = await new HttpServer(new Map(), { page, ...options }).listen()
  t.teardown(() => server.close())
  const base = new URL(server.url).origin
  /** Opens a stream, and returns a function that reads its next event. */
  const follow = async (query: string) => {
    const abort = new AbortController()
    t.teardown(() => abort.abort())
    const response = await fetch(`${base}/page/updates?${query}`, { signal: abort.signal })
    const events = readEvents(response)
    return { abort, next: async () => (await events.next()).value as StreamEvent }
  }
  const act = async (name: string, body: unknown, headers: Record<string, string>) => {
    const response = await fetch(`${base}/page/actions/${name}`, {
      method: 'POST',
      headers,
      body: JSON.stringify(body),
    })
    const text = await response.text()
    return { status: response.status, text, json: text.startsWith('{') ? JSON.parse(text) : undefined }
  }
  return { ...opened, clock, base, follow, act, warnings }
}

async function* readEvents(response: Response): AsyncGenerator<StreamEvent> {
  let text = ''
  const decoder = new TextDecoder()
  for await (const chunk of response.body!) {
    text += decoder.decode(chunk, { stream: true })
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const lines = text.slice(0, end).split('\n')
      text = text.slice(end + 2)
      const field = (name: string) =>
        lines
          .find(line => line.startsWith(`${name}:`))
          ?.slice(name.length + 1)
          .trim()
      const data = field('data')
      yield { name: field('event') ?? 'message', data: data ? JSON.parse(data) : undefined }
    }
  }
}

t.test('a page gets the whole list first, and then what has changed, once a second', async t => {
  const { clock, follow, session } = await openPage(t)
  const first = await session.add(torrentOf(smallTorrent('one').metainfo), { start: false })
  const { next } = await follow('topic=list')
  const welcome = await next()
  t.equal(welcome.name, 'welcome')
  t.ok(welcome.data.actions.includes('remove'))
  const { data } = await next()
  t.equal(data.topic, 'list')
  t.match(data.full.torrents[first.infoHash], { name: 'one', status: 'stopped', size: 100_000 })

  const second = await session.add(torrentOf(smallTorrent('two', 2).metainfo), { start: false })
  await first.set({ labels: ['film'] })
  await clock.advance(1000)
  const added = await next()
  t.strictSame(added.data.patch.torrents[first.infoHash], { labels: ['film'] })
  t.equal(added.data.patch.torrents[second.infoHash].name, 'two')

  await session.remove(first)
  await clock.advance(1000)
  const removed = await next()
  t.strictSame(removed.data.patch.torrents, { [first.infoHash]: null })

  let document: JsonObject = data.full
  for (const { data } of [added, removed]) document = applyMergePatch(document, data.patch)
  t.strictSame(Object.keys((document as ListDocument).torrents), [second.infoHash])
})

t.test('a stream without changes gets beats, and an unknown topic is reported as gone', async t => {
  const { clock, follow } = await openPage(t)
  const { next } = await follow('topic=nothing')
  await next()
  t.strictSame((await next()).data, { topic: 'nothing', gone: true })
  await clock.advance(10_000)
  t.equal((await next()).name, 'beat')
})

t.test('an action needs the key of the page, POST, and a request of the same site', async t => {
  const { act, base, follow, session } = await openPage(t)
  const torrent = await session.add(torrentOf(smallTorrent('one').metainfo), { start: false })
  const body = { torrents: [torrent.infoHash] }
  t.equal((await act('start', body, {})).status, 409)
  const { next } = await follow('topic=list')
  const headers = { 'x-tsdl-page': (await next()).data.key }
  t.equal((await act('start', body, { ...headers, origin: 'http://example.com' })).status, 403)
  t.equal((await fetch(`${base}/page/actions/start`, { headers })).status, 405)
  t.equal((await act('nothing', body, headers)).status, 404)
  t.equal(torrent.intent, 'stopped')
  t.strictSame((await act('start', body, headers)).json, { count: 1 })
  t.equal(torrent.intent, 'started')
})

t.test('actions add, label, limit and remove torrents, and reject what is invalid', async t => {
  const { act, clock, follow, session, warnings } = await openPage(t)
  const { next } = await follow('topic=list')
  const headers = { 'x-tsdl-page': (await next()).data.key }
  const metainfo = Buffer.from(torrentOf(smallTorrent('one').metainfo)).toString('base64')
  const added = await act('add', { metainfo, start: false, labels: ['a'] }, headers)
  const [torrent] = session.torrents
  t.strictSame(added.json, { infoHash: torrent!.infoHash, name: 'one' })
  t.match(await act('add', { metainfo }, headers), {
    status: 400,
    json: { error: /has this torrent already/ },
  })
  t.match(await act('add', { source: '/etc/passwd' }, headers), {
    status: 400,
    json: { error: /no magnet link/ },
  })
  t.match(await act('add', { surprise: 1 }, headers), {
    status: 400,
    json: { error: 'surprise: unknown option' },
  })

  const torrents = [torrent!.infoHash]
  await act('label', { torrents, add: ['b', 'c'], remove: ['a'] }, headers)
  t.strictSame(torrent!.record.labels, ['b', 'c'])
  await act('set', { torrents, options: { down: { enabled: true, value: 5000 } } }, headers)
  t.strictSame(torrent!.record.down, { enabled: true, value: 5000 })
  await act('settings', { up: { enabled: true, value: 7000 } }, headers)
  t.strictSame(session.settings.up, { enabled: true, value: 7000 })
  await session.set({ alternative: { enabled: false, up: 1000, down: 2000 } })
  await act('settings', { isSlow: true }, headers)
  await act('settings', { down: { enabled: true, value: 9000 } }, headers)
  t.strictSame(
    session.settings.alternative,
    { enabled: true, up: 1000, down: 2000 },
    'a limit changes no other',
  )
  await clock.advance(1000)
  const later = await follow('topic=list')
  await later.next()
  t.match((await later.next()).data.full.client, {
    ...{ isSlow: true, downLimit: 2000, upLimit: 1000 },
    settings: { downLimit: 9000, upLimit: 7000, slowDown: 2000, slowUp: 1000 },
  })
  t.equal((await act('settings', { directory: '/' }, headers)).status, 400)
  t.equal((await act('remove', { torrents, withData: false }, headers)).status, 200)
  t.equal(session.torrents.length, 0)
  t.strictSame(warnings, [])
})

t.test('without the token nothing is sent but an error', async t => {
  const { base } = await openPage(t, { token: 'sesame' })
  for (const path of ['page/updates', 'page/state', 'page/page.js', ''])
    t.equal((await fetch(`${base}/${path}`)).status, 401)
  t.equal((await fetch(`${base}/page/state?token=sesame`)).status, 200)
  const html = await (await fetch(`${base}/?token=sesame`)).text()
  t.match(html, 'page/page.js?token=sesame')
})

t.test('the page runs its own script and style only, and lists files without a script', async t => {
  const { base } = await openPage(t)
  const response = await fetch(base)
  const policy = response.headers.get('content-security-policy')!
  const html = await response.text()
  const nonce = /script-src 'nonce-([^']+)'/.exec(policy)![1]!
  t.match(policy, "default-src 'none'")
  t.notMatch(policy, 'unsafe')
  t.equal(html.split(`nonce="${nonce}"`).length, 3)
  t.match(html, /<noscript>.*<table>.*<\/noscript>/s)
  t.notSame((await fetch(base)).headers.get('content-security-policy'), policy, 'another nonce each time')
  t.equal((await fetch(`${base}/?json`)).headers.get('content-type'), 'application/json; charset=utf-8')
})

t.test('a link that is opened on two pages is fetched once, until both have closed it', async t => {
  const { act, base, client, clock, follow } = await openPage(t)
  const { next } = await follow('topic=client')
  const headers = { 'x-tsdl-page': (await next()).data.key }
  const { port } = await shareAll(t, [ALBUM_TORRENT])
  const link = `magnet:?xt=urn:btih:${ALBUM_TORRENT.metainfo.infoHash.toString('hex')}`
  const open = async (source: string) => (await act('preview', { source }, headers)).json.id as string
  const look = async (id: string) => {
    const response = await fetch(`${base}/page/state?topic=preview:${id}`)
    return response.ok ? (await response.json()).state : response.status
  }
  const first = await open(link)
  t.equal(await open(link), first)
  await act('forget', { preview: first }, headers)
  t.equal(await look(first), 'fetching', 'the other page still shows it')
  await act('forget', { preview: first }, headers)
  t.equal(await look(first), 404)
  // the client may still have the earlier torrent
  const [again, shared] = await Promise.all([open(link), open(`${link}&x.pe=127.0.0.1:${port}`)])
  t.not(again, first)
  t.equal(shared, again)
  while ((await look(again)) === 'fetching') await clock.advance(100)
  t.equal(await look(again), 'ready', 'a peer of the second link was used')
  await act('forget', { preview: again }, headers)
  t.equal(await look(again), 'ready')
  while (client.torrents.length > 0) await clock.advance(100)
})

t.test('a preview lists the files of a torrent, which is then added with those that are wanted', async t => {
  const { act, base, clock, follow, session } = await openPage(t)
  const { next } = await follow('topic=client')
  const headers = { 'x-tsdl-page': (await next()).data.key }
  const body = { metainfo: Buffer.from(torrentOf(ALBUM_TORRENT.metainfo)).toString('base64') }
  const look = async (id: string) => (await fetch(`${base}/page/state?topic=preview:${id}`)).status
  const open = async () => (await act('preview', body, headers)).json.id as string
  const first = await open()
  const shown = await (await fetch(`${base}/page/state?topic=preview:${first}`)).json()
  t.match(shown, { state: 'ready', name: 'album', size: 50_000, fileCount: 2 })
  t.strictSame(shown.files, [
    { index: 0, path: 'album/one', length: 20_000 },
    { index: 1, path: 'album/two', length: 30_000 },
  ])
  t.equal(session.torrents.length, 0)

  // the oldest preview is removed, and all of them end by themselves
  const ids = [first]
  for (let count = 1; count <= MAX_PREVIEWS; count++) ids.push(await open())
  t.equal(await look(first), 404)
  t.match(await act('add', { preview: first }, headers), { status: 400, json: { error: /has ended/ } })
  await act('add', { preview: ids[1], start: false, off: [1] }, headers)
  t.equal(session.torrents[0]!.record.priorities.off, '1')
  t.equal(await look(ids[1]!), 404, 'its preview is over')
  await act('forget', { preview: ids[2] }, headers)
  t.equal(await look(ids[2]!), 404)
  t.equal(await look(ids[3]!), 200)
  const again = await open()
  t.equal((await (await fetch(`${base}/page/state?topic=preview:${again}`)).json()).isKnown, true)
  await clock.advance(PREVIEW_LIFETIME_MS)
  t.equal(await look(ids[3]!), 404)
})
