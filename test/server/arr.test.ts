/** The calls of Sonarr and Radarr, in their order, with the fields that they read of each answer. */
import t from 'tap'
import { torrentOf } from '../../src/metainfo/torrent.ts'
import { READ_ACTIONS } from '../../src/server/qbittorrent/read-actions.ts'
import { WRITE_ACTIONS } from '../../src/server/qbittorrent/write-actions.ts'
import { RPC_METHODS } from '../../src/server/transmission/transmission-api.ts'
import { checkTested, recordCalls } from '../helpers/documented-calls.ts'
import { openRemote } from '../helpers/remote.ts'
import { shareAll, smallTorrent, waitForSession } from '../helpers/session.ts'

const methods = recordCalls(t, RPC_METHODS)
const actions = [recordCalls(t, READ_ACTIONS), recordCalls(t, WRITE_ACTIONS)]

/** The fields that Sonarr requests. `fileCount` is a field of Vuze. */
const REQUESTED_FIELDS = [
  ...['id', 'hashString', 'name', 'downloadDir', 'totalSize', 'leftUntilDone', 'isFinished', 'eta', 'status'],
  ...[
    'secondsDownloading',
    'secondsSeeding',
    'errorString',
    'uploadedEver',
    'downloadedEver',
    'seedRatioLimit',
  ],
  ...['seedRatioMode', 'seedIdleLimit', 'seedIdleMode', 'fileCount', 'file-count', 'labels'],
]

t.test('Sonarr and Radarr test, add, limit, follow, finish and remove over Transmission RPC', async t => {
  const { base, session } = await openRemote(t, { server: { user: 'arr', password: 'secret' } })
  const made = smallTorrent('Some.Show')
  const { port } = await shareAll(t, [made])
  const url = `${base}/transmission/rpc`
  const authorization = `Basic ${Buffer.from('arr:secret').toString('base64')}`
  // the login is a GET, which must get 409; 401 is a wrong password, and any other status an error
  t.equal((await fetch(url)).status, 401)
  const probe = await fetch(url, { headers: { authorization } })
  t.equal(probe.status, 409)
  const headers = {
    authorization,
    'x-transmission-session-id': probe.headers.get('x-transmission-session-id')!,
  }
  const call = async (method: string, args?: object) => {
    const response = await fetch(url, {
      method: 'POST',
      headers,
      body: JSON.stringify({ method, arguments: args }),
    })
    t.equal(response.status, 200)
    // biome-ignore lint/suspicious/noExplicitAny: the test reads any field
    const reply: any = await response.json()
    t.equal(reply.result, 'success', method)
    return reply.arguments
  }
  const settings = await call('session-get')
  // Sonarr parses the first number outside of parentheses
  const version = Number.parseFloat(/(?<!\(|(\d|\.)+)\d+(\.\d+)*/.exec(settings.version)![0])
  t.ok(version >= 4, settings.version)
  t.match(settings, {
    'download-dir': '/home',
    'rpc-version': Number,
    seedRatioLimited: false,
    'idle-seeding-limit-enabled': false,
  })
  const metainfo = Buffer.from(torrentOf(made.metainfo)).toString('base64')
  const { 'torrent-added': added } = await call('torrent-add', {
    ...{ metainfo, 'download-dir': `${settings['download-dir']}/tv-sonarr`, paused: false },
  })
  const hash = made.metainfo.infoHash.toString('hex')
  t.equal(added.hashString, hash)
  await call('torrent-set', { seedRatioLimit: 0, seedRatioMode: 1, ids: [hash] })
  await call('torrent-set', { labels: ['sonarr'], ids: [hash] })
  await call('queue-move-top', { ids: [hash] })
  session.torrents[0]!.torrent ?? (await waitForSession(session, () => session.torrents[0]!.isRunning))
  const list = async () => (await call('torrent-get', { fields: REQUESTED_FIELDS })).torrents[0]
  t.match(await list(), {
    hashString: hash,
    totalSize: 100_000,
    labels: ['sonarr'],
    'file-count': 1,
    downloadDir: '/home/tv-sonarr',
  })
  await session.torrents[0]!.set({ peers: [`127.0.0.1:${port}`] })
  await waitForSession(session, () => session.torrents[0]!.isComplete)
  session.torrents[0]!.measure()
  await waitForSession(session, () => session.torrents[0]!.record.isFinished)
  // stopped, nothing left, and the ratio reached, so Sonarr imports downloadDir/name and may remove the torrent
  const done = await list()
  t.match(done, { status: 0, isFinished: true, leftUntilDone: 0, errorString: '', seedRatioMode: 1 })
  t.equal(`${done.downloadDir}/${done.name}`, '/home/tv-sonarr/Some.Show')
  await call('torrent-remove', { ids: [hash], 'delete-local-data': true })
  t.equal(await list(), undefined)
  checkTested(t, 'Transmission', 'Sonarr', methods)
})

t.test('Sonarr and Radarr test, add, follow, finish and remove over the API of qBittorrent', async t => {
  const { base, session } = await openRemote(t, { server: { user: 'arr', password: 'secret' } })
  const made = smallTorrent('Some.Show')
  const { port } = await shareAll(t, [made])
  const hash = made.metainfo.infoHash.toString('hex')
  let cookie = ''
  const send = async (path: string, body?: URLSearchParams | FormData) => {
    const response = await fetch(`${base}/api/v2/${path}`, {
      ...(body ? { method: 'POST', body } : {}),
      headers: { cookie },
    })
    return { status: response.status, text: await response.text(), headers: response.headers }
  }
  const read = async (path: string) => JSON.parse((await send(path)).text)
  // 404 would mean an old version without this API; 403 means that a login is required
  t.equal((await send('app/webapiVersion')).status, 403)
  const login = await send('auth/login', new URLSearchParams({ username: 'arr', password: 'secret' }))
  t.equal(login.text, 'Ok.')
  cookie = login.headers.get('set-cookie')!.split(';')[0]!
  const [major = 0, minor = 0] = (await send('app/webapiVersion')).text.split('.').map(Number)
  t.ok(major === 2 && minor >= 8)
  t.match((await send('app/version')).text, /^v4\./)
  const preferences = await read('app/preferences')
  t.match(preferences, {
    ...{ save_path: '/home', max_ratio_enabled: false, max_ratio_act: 0, queueing_enabled: true, dht: false },
    ...{ max_seeding_time_enabled: false, max_inactive_seeding_time_enabled: false },
  })
  t.strictSame(await read('torrents/categories'), {})
  t.equal((await send('torrents/createCategory', new URLSearchParams({ category: 'tv-sonarr' }))).status, 200)
  const form = new FormData()
  form.set('torrents', new Blob([new Uint8Array(torrentOf(made.metainfo))]), 'show.torrent')
  form.set('category', 'tv-sonarr')
  form.set('paused', 'false')
  form.set('contentLayout', 'Original')
  t.equal((await send('torrents/add', form)).text, 'Ok.')
  await send(
    'torrents/setShareLimits',
    new URLSearchParams({ hashes: hash, ratioLimit: '0', seedingTimeLimit: '-2' }),
  )
  t.ok([200, 409].includes((await send('torrents/topPrio', new URLSearchParams({ hashes: hash }))).status))
  await send('torrents/setForceStart', new URLSearchParams({ hashes: hash, value: 'false' }))
  t.match((await read(`torrents/properties?hash=${hash}`)).save_path, '/home/tv-sonarr')
  t.match(await read(`torrents/files?hash=${hash}`), [{ name: 'Some.Show' }])
  await session.torrents[0]!.set({ peers: [`127.0.0.1:${port}`] })
  await waitForSession(session, () => session.torrents[0]!.isComplete)
  session.torrents[0]!.measure()
  await waitForSession(session, () => session.torrents[0]!.record.isFinished)
  const [torrent] = await read('torrents/info?category=tv-sonarr')
  t.match(torrent, {
    ...{ hash, name: 'Some.Show', size: 100_000, progress: 1, state: 'pausedUP', category: 'tv-sonarr' },
    ...{ save_path: '/home/tv-sonarr', content_path: '/home/tv-sonarr/Some.Show', ratio_limit: 0 },
    ...{ eta: Number, ratio: Number, seeding_time: Number, last_activity: Number },
  })
  t.not(torrent.content_path, torrent.save_path)
  await send('torrents/delete', new URLSearchParams({ hashes: hash, deleteFiles: 'true' }))
  t.strictSame(await read('torrents/info'), [])
  checkTested(t, 'qBittorrent', 'arr', ['auth/login', ...actions.flatMap(called => [...called])])
})
