import t, { type Test } from 'tap'
import { torrentOf } from '../../../src/metainfo/torrent.ts'
import { READ_ACTIONS } from '../../../src/server/qbittorrent/read-actions.ts'
import { WRITE_ACTIONS } from '../../../src/server/qbittorrent/write-actions.ts'
import { checkTested, readDocumented, recordCalls } from '../../helpers/documented-calls.ts'
import { openRemote, type RemoteOptions } from '../../helpers/remote.ts'
import { shareAll, smallTorrent, waitForSession } from '../../helpers/session.ts'

const actions = [recordCalls(t, READ_ACTIONS), recordCalls(t, WRITE_ACTIONS)]
/** Paths that are not in the tables of actions. */
const OTHER_PATHS = ['auth/login', 'sync/maindata']

async function openApi(t: Test, options: RemoteOptions = {}) {
  const remote = await openRemote(t, options)
  const send = (path: string, init: RequestInit = {}) => fetch(`${remote.base}/api/v2/${path}`, init)
  const get = async (path: string) => {
    const response = await send(path)
    t.equal(response.status, 200, path)
    return response.headers.get('content-type')!.includes('json') ? response.json() : response.text()
  }
  const post = async (path: string, fields: Record<string, string>) => {
    const response = await send(path, { method: 'POST', body: new URLSearchParams(fields) })
    return { status: response.status, text: await response.text() }
  }
  return { ...remote, send, get, post }
}

function torrentForm(
  { metainfo }: ReturnType<typeof smallTorrent>,
  fields: Record<string, string> = {},
): FormData {
  const form = new FormData()
  form.set('torrents', new Blob([new Uint8Array(torrentOf(metainfo))]), 'x.torrent')
  for (const [name, value] of Object.entries(fields)) form.set(name, value)
  return form
}

t.test('a torrent is added as a file, with a category, limits and tags, and removed', async t => {
  const { get, post, send, session } = await openApi(t)
  const made = smallTorrent('a')
  const hash = made.metainfo.infoHash.toString('hex')
  t.match(await post('torrents/createCategory', { category: 'tv', savePath: '/tv' }), { status: 200 })
  t.strictSame(await get('torrents/categories'), { tv: { name: 'tv', savePath: '/tv' } })
  const fields = { category: 'tv', paused: 'true', ratioLimit: '1.5', seedingTimeLimit: '60', tags: 'x, y' }
  const added = await send('torrents/add', { method: 'POST', body: torrentForm(made, fields) })
  t.equal(await added.text(), 'Ok.')
  t.match(await get('torrents/info?category=tv'), [
    {
      ...{ hash, name: 'a', category: 'tv', save_path: '/tv', content_path: '/tv/a', state: 'pausedDL' },
      ...{
        ratio_limit: 1.5,
        seeding_time_limit: 60,
        inactive_seeding_time_limit: -2,
        size: 100_000,
        progress: 0,
      },
      ...{ tags: 'x, y', eta: 8_640_000 },
    },
  ])
  t.strictSame(await get('torrents/info?category=other'), [])
  t.match(await get(`torrents/files?hash=${hash}`), [{ name: 'a', size: 100_000, priority: 1, index: 0 }])
  t.match(await get(`torrents/properties?hash=${hash}`), {
    piece_size: 16_384,
    save_path: '/tv',
    total_size: 100_000,
  })
  t.equal(await (await send('torrents/add', { method: 'POST', body: torrentForm(made) })).text(), 'Fails.')
  await post('torrents/setShareLimits', { hashes: hash, ratioLimit: '-1', seedingTimeLimit: '-2' })
  t.match(session.torrents[0]!.record, { seedRatio: { mode: 'none' }, seedTime: { mode: 'session' } })
  t.match(await post('torrents/setCategory', { hashes: hash, category: 'unknown' }), { status: 409 })
  t.match(await post('torrents/setCategory', { hashes: hash, category: '' }), { status: 200 })
  t.match(await post('torrents/addTags', { hashes: hash, tags: 'z' }), { status: 200 })
  t.strictSame(await get('torrents/tags'), ['x', 'y', 'z'])
  t.match(await post('torrents/setForceStart', { hashes: hash, value: 'true' }), { status: 200 })
  t.equal(session.torrents[0]!.intent, 'forced')
  t.match(await post('torrents/topPrio', { hashes: hash }), { status: 200 })
  t.match(await post('torrents/delete', { hashes: hash, deleteFiles: 'false' }), { status: 200 })
  t.strictSame(await get('torrents/info'), [])
})

t.test('a magnet link downloads and shares, until a rule ends it', async t => {
  const { get, post, session } = await openApi(t)
  const made = smallTorrent('a')
  const { port } = await shareAll(t, [made])
  const hash = made.metainfo.infoHash.toString('hex')
  await post('torrents/add', {
    urls: `magnet:?xt=urn:btih:${hash}&x.pe=127.0.0.1:${port}\n`,
    category: 'new',
  })
  await waitForSession(session, () => session.torrents[0]!.status === 'seeding')
  t.match(await get('torrents/info'), [
    { progress: 1, amount_left: 0, state: /UP$|uploading/, save_path: '/home/new' },
  ])
  await post('torrents/setShareLimits', { hashes: hash, ratioLimit: '0' })
  session.torrents[0]!.measure()
  await waitForSession(session, () => session.torrents[0]!.record.isFinished)
  t.match(await get('torrents/info'), [{ state: 'pausedUP', progress: 1 }])
})

t.test('sync/maindata answers everything once, and then what changed', async t => {
  const { get, post, session } = await openApi(t)
  const [a, b] = await Promise.all(
    ['a', 'b'].map(name => session.add(torrentOf(smallTorrent(name).metainfo), { start: false })),
  )
  await a!.set({ labels: ['x'] })
  const first = await get('sync/maindata')
  t.match(first, {
    ...{ full_update: true, categories: {}, tags: ['x'] },
    torrents: { [a!.infoHash]: { name: 'a', state: 'pausedDL', tags: 'x' }, [b!.infoHash]: { name: 'b' } },
    server_state: {
      alltime_dl: 0,
      connection_status: 'firewalled',
      dl_rate_limit: 0,
      queueing: true,
      refresh_interval: 1500,
    },
  })
  t.notOk('torrents_removed' in first)
  const unchanged = await get(`sync/maindata?rid=${first.rid}`)
  t.match(unchanged, { torrents: {}, tags: [], torrents_removed: [], tags_removed: [] })
  t.notOk('full_update' in unchanged)
  await a!.set({ sequential: true, labels: [] })
  await session.set({ down: { enabled: true, value: 5000 } })
  await post('torrents/createCategory', { category: 'tv', savePath: '/tv' })
  await session.remove(b!)
  const changed = await get(`sync/maindata?rid=${unchanged.rid}`)
  t.match(changed, {
    torrents: { [a!.infoHash]: { seq_dl: true, tags: '' } },
    ...{ categories: { tv: { name: 'tv', savePath: '/tv' } }, categories_removed: [] },
    ...{ tags_removed: ['x'], torrents_removed: [b!.infoHash], server_state: { dl_rate_limit: 5000 } },
  })
  t.strictSame(Object.keys(changed.torrents[a!.infoHash]).sort(), ['seq_dl', 'tags'])
  // a client that missed an answer gets its changes again
  t.match(await get(`sync/maindata?rid=${first.rid}`), { torrents_removed: [b!.infoHash] })
  await session.add(torrentOf(smallTorrent('b').metainfo), { start: false })
  const again = await get(`sync/maindata?rid=${changed.rid}`)
  t.match(again, { torrents: { [b!.infoHash]: { name: 'b' } }, torrents_removed: [] })
  for (const rid of ['0', '1', 'x', String(again.rid + 1000)])
    t.match(
      await get(`sync/maindata?rid=${rid}`),
      { full_update: true, torrents: { [a!.infoHash]: { name: 'a' } } },
      rid,
    )
  t.match(await get('transfer/info'), { dl_info_speed: 0, dl_rate_limit: 5000, up_rate_limit: 0 })
})

t.test('a login with a cookie or a token gives access, and pages of other sites have none', async t => {
  const { post, send } = await openApi(t, { server: { user: 'me', password: 'secret', token: 'key' } })
  t.equal((await send('app/webapiVersion')).status, 403)
  t.equal((await send('torrents/info')).status, 403)
  t.equal((await post('auth/login', { username: 'me', password: 'wrong' })).text, 'Fails.')
  const login = await send('auth/login', {
    method: 'POST',
    body: new URLSearchParams({ username: 'me', password: 'secret' }),
  })
  t.equal(await login.text(), 'Ok.')
  const cookie = login.headers.get('set-cookie')!.split(';')[0]!
  t.match(cookie, /^SID=/)
  t.equal((await send('torrents/info', { headers: { cookie } })).status, 200)
  t.equal((await send('torrents/info', { headers: { cookie: 'SID=x' } })).status, 403)
  t.equal((await send('torrents/info', { headers: { authorization: 'Bearer key' } })).status, 200)
  for (const headers of [{ origin: 'http://evil.example' }, { referer: 'http://evil.example/x' }])
    t.equal((await send('torrents/info', { headers: { cookie, ...headers } })).status, 403)
})

t.test('invalid requests get a status, and the service goes on', async t => {
  const { base, get, post, send, warnings } = await openApi(t, { session: { roots: ['/home'] } })
  const rows: [string, Record<string, string>, number][] = [
    ['nonsense', {}, 404],
    ['__proto__', {}, 404],
    ['torrents/delete', {}, 400],
    ['torrents/add', {}, 400],
    ['torrents/setShareLimits', { hashes: 'all' }, 200],
    ['torrents/createCategory', { category: 'x', savePath: '/etc' }, 400],
    ['torrents/createCategory', { category: '../x' }, 409],
    ['torrents/editCategory', { category: 'none' }, 409],
    ['torrents/setCategory', { category: 'none', hashes: 'all' }, 409],
    ['torrents/add', { urls: `magnet:?xt=urn:btih:${'f'.repeat(40)}`, ratioLimit: 'x' }, 400],
  ]
  for (const [path, fields, status] of rows) t.equal((await post(path, fields)).status, status, path)
  t.equal((await post('torrents/add', { urls: '/etc/passwd' })).text, 'Fails.')
  t.equal((await send('torrents/delete')).status, 405)
  t.equal((await send('torrents/files?hash=x')).status, 404)
  const headers = { 'content-type': 'multipart/form-data; boundary=x' }
  t.equal((await send('torrents/add', { method: 'POST', body: 'nonsense', headers })).status, 400)
  t.equal((await fetch(`${base}/api/v3/x`)).status, 404)
  t.strictSame(await get('torrents/info'), [])
  t.strictSame(warnings, [])
})

t.test('torrents are stopped, started, checked, announced, moved in the queue and tagged', async t => {
  const { get, post, session } = await openApi(t)
  const torrents = []
  for (const name of ['a', 'b', 'c'])
    torrents.push(await session.add(smallTorrent(name, name.charCodeAt(0)).metainfo, { start: false }))
  const [a, , c] = torrents
  const succeeds = async (path: string, fields: Record<string, string>) =>
    t.match(await post(path, fields), { status: 200 }, path)
  for (const [path, intent] of [
    ['start', 'started'],
    ['stop', 'stopped'],
    ['resume', 'started'],
    ['pause', 'stopped'],
  ] as const) {
    await succeeds(`torrents/${path}`, { hashes: 'all' })
    t.strictSame(
      torrents.map(torrent => torrent.intent),
      [intent, intent, intent],
      path,
    )
  }
  const order = () =>
    session.queue
      .list()
      .map(({ name }) => name)
      .join('')
  for (const [path, hash, expected] of [
    ['topPrio', c!.infoHash, 'cab'],
    ['decreasePrio', c!.infoHash, 'acb'],
    ['bottomPrio', a!.infoHash, 'cba'],
    ['increasePrio', a!.infoHash, 'cab'],
  ] as const) {
    await succeeds(`torrents/${path}`, { hashes: hash })
    t.equal(order(), expected, path)
  }
  await session.set({ downloadQueue: { enabled: false, value: 1 } })
  t.match(await post('torrents/topPrio', { hashes: 'all' }), { status: 409 })
  await succeeds('torrents/createTags', { tags: 'x' })
  await succeeds('torrents/addTags', { hashes: a!.infoHash, tags: 'x,y' })
  await succeeds('torrents/removeTags', { hashes: a!.infoHash, tags: 'x' })
  t.strictSame(a!.record.labels, ['y'])
  await succeeds('torrents/createCategory', { category: 'tv', savePath: '/tv' })
  await succeeds('torrents/editCategory', { category: 'tv', savePath: '/films' })
  t.match(session.settings.categories, { tv: '/films' })
  await a!.set({ trackers: [['http://127.0.0.1:9/announce']] })
  t.match(await get(`torrents/trackers?hash=${a!.infoHash}`), [
    { url: 'http://127.0.0.1:9/announce', tier: 0 },
  ])
  await succeeds('torrents/reannounce', { hashes: 'all' })
  await succeeds('torrents/recheck', { hashes: a!.infoHash })
  await waitForSession(session, () => a!.status === 'stopped')
})

t.test('docs/rpc.md lists all paths, and those that are tested here', async t => {
  const paths = [...OTHER_PATHS, ...[READ_ACTIONS, WRITE_ACTIONS].flatMap(table => Object.keys(table))]
  t.strictSame([...readDocumented('qBittorrent').keys()].sort(), paths.sort())
  checkTested(t, 'qBittorrent', 'qbittorrent', [...OTHER_PATHS, ...actions.flatMap(called => [...called])])
})
