import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { torrentOf } from '../../../src/metainfo/torrent.ts'
import { TORRENT_FIELDS } from '../../../src/server/transmission/torrent-fields.ts'
import { RPC_METHODS } from '../../../src/server/transmission/transmission-api.ts'
import { checkTested, readDocumented, recordCalls } from '../../helpers/documented-calls.ts'
import { makeTorrent } from '../../helpers/metainfo.ts'
import { openRemote } from '../../helpers/remote.ts'
import { shareAll, smallTorrent, waitForSession } from '../../helpers/session.ts'

const called = recordCalls(t, RPC_METHODS)

const base64 = (metainfo: Parameters<typeof torrentOf>[0]) =>
  Buffer.from(torrentOf(metainfo)).toString('base64')

t.test('every request without the session id gets 409 with it, GET too', async t => {
  const { base } = await openRemote(t)
  for (const method of ['GET', 'POST', 'HEAD', 'PUT']) {
    const response = await fetch(`${base}/transmission/rpc`, { method })
    t.equal(response.status, 409, method)
    t.match(response.headers.get('x-transmission-session-id'), /^.{20,}$/)
    t.equal(response.headers.get('x-transmission-rpc-version'), '6.0.1')
  }
})

t.test('a torrent is added, listed, changed and removed, in the legacy dialect', async t => {
  const { rpc, session } = await openRemote(t)
  const { metainfo } = smallTorrent('a')
  const hash = metainfo.infoHash.toString('hex')
  const add = { metainfo: base64(metainfo), paused: true, labels: ['x'], 'download-dir': '/data' }
  t.strictSame(await rpc('torrent-add', add, 7), {
    arguments: { 'torrent-added': { hashString: hash, id: 1, name: 'a' } },
    result: 'success',
    tag: 7,
  })
  t.match(await rpc('torrent-add', add), { arguments: { 'torrent-duplicate': { id: 1 } }, result: 'success' })
  const fields = [
    'id',
    'hashString',
    'status',
    'totalSize',
    'downloadDir',
    'labels',
    'peer-limit',
    'file-count',
    'nonsense',
  ]
  const { arguments: got } = await rpc('torrent-get', { fields, ids: [hash] })
  t.strictSame(got, {
    torrents: [
      {
        ...{ id: 1, hashString: hash, status: 0, totalSize: 100_000, downloadDir: '/data', labels: ['x'] },
        ...{ 'peer-limit': 50, 'file-count': 1 },
      },
    ],
  })
  const set = {
    ids: [1],
    downloadLimit: 50,
    downloadLimited: true,
    seedRatioLimit: 1.5,
    seedRatioMode: 1,
    seedIdleMode: 2,
  }
  t.strictSame(await rpc('torrent-set', set), { arguments: {}, result: 'success' })
  t.match(session.get(1)!.record, {
    down: { enabled: true, value: 50_000 },
    seedRatio: { mode: 'own', value: 1.5 },
    seedIdle: { mode: 'none' },
  })
  t.match(await rpc('torrent-remove', { ids: hash }), { result: 'success' })
  t.equal(session.torrents.length, 0)
  t.strictSame((await rpc('torrent-get', { fields: ['id'], ids: 'recently-active' })).arguments, {
    removed: [1],
    torrents: [],
  })
})

t.test('a torrent is added, listed, changed and removed, in JSON-RPC 2', async t => {
  const { call, post, session } = await openRemote(t)
  const { metainfo } = smallTorrent('a')
  t.match(await call('torrent_add', { metainfo: base64(metainfo), paused: true }), {
    jsonrpc: '2.0',
    result: { torrent_added: { hash_string: metainfo.infoHash.toString('hex'), id: 1, name: 'a' } },
    id: 1,
  })
  t.match(await call('torrent_get', { fields: ['hash_string', 'wanted', 'file_stats'] }), {
    result: {
      torrents: [{ wanted: [true], file_stats: [{ wanted: true, priority: 0, bytes_completed: 0 }] }],
    },
  })
  t.match(await call('torrent_get', { fields: ['id', 'name'], format: 'table' }), {
    result: {
      torrents: [
        ['id', 'name'],
        [1, 'a'],
      ],
    },
  })
  t.match(await call('session_get', { fields: ['rpc_version', 'rpc_version_semver'] }), {
    result: { rpc_version: 18, rpc_version_semver: '6.0.1' },
  })
  t.match(await call('nonsense'), { error: { code: -32601 }, id: 1, jsonrpc: '2.0' })
  t.match(await call('torrent_get', {}), { error: { code: -32602 }, id: 1 })
  const notified = await post(
    JSON.stringify({ jsonrpc: '2.0', method: 'torrent_start', params: { ids: [1] } }),
  )
  t.equal(notified.status, 204)
  t.equal(session.get(1)!.intent, 'started')
  const batch = await post(
    JSON.stringify([
      { jsonrpc: '2.0', method: 'session_stats', id: 'a' },
      { jsonrpc: '2.0', method: 'torrent_stop', params: {} },
      { jsonrpc: '2.0', method: 'free_space', params: { path: 'x' }, id: 2 },
    ]),
  )
  t.match(await batch.json(), [
    { id: 'a', result: { torrent_count: 1 } },
    { id: 2, error: { code: -32602 } },
  ])
})

t.test('every field and every setting is answered in both dialects', async t => {
  const { call, rpc, session } = await openRemote(t)
  const made = makeTorrent({
    files: [
      { path: 'd/x', length: 40_000 },
      { path: 'd/y', length: 60_000 },
    ],
    name: 'd',
    pieceLength: 16_384,
  })
  await session.add(
    { ...made.metainfo, source: 'tag', trackers: [['http://t.example/announce'], ['udp://u.example:1']] },
    { start: false },
  )
  const fields = [...TORRENT_FIELDS.keys()]
  const [torrent] = (await call('torrent_get', { fields })).result.torrents
  t.strictSame(Object.keys(torrent).sort(), fields.toSorted())
  for (const [name, value] of Object.entries(torrent)) t.not(value, undefined, name)
  t.match(torrent, {
    files: [
      { length: 40_000, begin_piece: 0, end_piece: 3 },
      { length: 60_000, begin_piece: 2, end_piece: 7 },
    ],
    bytes_completed: [0, 0],
    source: 'tag',
    sequential_download_from_piece: 0,
    wanted: [true, true],
    tracker_list: 'http://t.example/announce\n\nudp://u.example:1',
    trackers: [
      { id: 0, tier: 0, sitename: 't' },
      { id: 1, tier: 1 },
    ],
    tracker_stats: [{ has_announced: false, seeder_count: -1 }, {}],
    left_until_done: 100_000,
    eta: -1,
    piece_size: 16_384,
    magnet_link: /^magnet:\?xt=urn:btih:/,
  })
  const [old] = (await rpc('torrent-get', { fields: ['fileStats', 'wanted', 'trackerStats', 'peersFrom'] }))
    .arguments.torrents
  t.match(old, {
    wanted: [1, 1],
    fileStats: [{ bytesCompleted: 0, wanted: true }, {}],
    trackerStats: [{ lastAnnounceResult: '', hasAnnounced: false }, {}],
    peersFrom: { fromTracker: 0 },
  })
  const legacy = (await rpc('session-get')).arguments
  t.match(legacy, {
    'rpc-version': 18,
    'rpc-version-minimum': 14,
    'download-dir': '/home',
    seedRatioLimit: 2,
    seedRatioLimited: false,
    'speed-limit-down-enabled': false,
    'alt-speed-time-day': 127,
    units: { 'speed-bytes': 1000 },
    version: /^4\.\d+\.\d+ \(tsdl /,
    'session-id': /^.{20,}$/,
  })
  t.match(await call('session_get'), { result: { seed_ratio_limit: 2, units: { speed_bytes: 1000 } } })
})

t.test(
  'the statistics of trackers have the same members while a torrent runs and while it does not',
  async t => {
    const { call, rpc, session } = await openRemote(t)
    const tiers = [['http://127.0.0.1:9/"announce"'], ['udp://127.0.0.1:9']]
    await session.add({ ...smallTorrent('a').metainfo, trackers: tiers }, { start: false })
    await session.add({ ...smallTorrent('b', 2).metainfo, trackers: tiers })
    await waitForSession(session, () => session.get(2)!.status === 'downloading')
    const read = async (fields: string[]) => [
      (await call('torrent_get', { fields })).result.torrents,
      (await rpc('torrent-get', { fields })).arguments.torrents,
    ]
    const [inSnakeCase, inCamelCase] = await read(['tracker_stats', 'trackers'])
    for (const [torrents, name] of [
      [inSnakeCase, 'last_announce_timed_out'],
      [inCamelCase, 'lastAnnounceTimedOut'],
    ]) {
      const [stopped, running] = torrents
      t.equal(stopped.tracker_stats.length, 2)
      t.equal(stopped.tracker_stats[0].announce, tiers[0]![0])
      t.equal(stopped.tracker_stats[1][name], false)
      for (const at of [0, 1]) {
        const names = Object.keys(stopped.tracker_stats[at]).sort()
        t.strictSame(names, Object.keys(running.tracker_stats[at]).sort())
        t.match(stopped.tracker_stats[at], { ...stopped.trackers[at], host: '127.0.0.1:9' })
      }
      t.strictSame(stopped.trackers, running.trackers)
    }
    await session.get(1)!.set({ trackers: [['http://other.example/announce']] })
    const [[other]] = await read(['tracker_stats'])
    t.match(other.tracker_stats, [{ host: 'other.example', sitename: 'other', has_announced: false }])
  },
)

t.test('the files of a stopped torrent are read once, and a change of it shows', async t => {
  const { call, session } = await openRemote(t)
  const torrent = await session.add(smallTorrent('a').metainfo, { start: false })
  let loads = 0
  const { listFiles } = torrent
  torrent.listFiles = () => {
    loads++
    return listFiles.call(torrent)
  }
  const read = async () => (await call('torrent_get', { fields: ['files', 'wanted'] })).result.torrents[0]
  const first = await read()
  t.match(first, { files: [{ name: 'a', length: 100_000 }], wanted: [true] })
  t.strictSame(await read(), first)
  t.equal(loads, 1)
  await call('torrent_set', { ids: [1], files_unwanted: [0] })
  t.strictSame((await read()).wanted, [false])
  await torrent.rename('a', 'b')
  t.match(await read(), { files: [{ name: 'b' }] })
  const link = await session.add(`magnet:?xt=urn:btih:${'1'.repeat(40)}`, { start: false })
  t.strictSame((await call('torrent_get', { fields: ['files'], ids: [link.id] })).result.torrents, [
    { files: [] },
  ])
})

t.test('session-set changes what it can, and rejects the rest unless it is so already', async t => {
  const { rpc, session } = await openRemote(t)
  const set = {
    ...{
      'speed-limit-down': 100,
      'speed-limit-down-enabled': true,
      'alt-speed-up': 5,
      seedRatioLimited: true,
    },
    ...{ 'download-queue-size': 3, 'idle-seeding-limit': 10, 'start-added-torrents': false },
    ...{
      'alt-speed-time-day': 65,
      'download-dir': '/other',
      'pex-enabled': true,
      'peer-limit-per-torrent': 9,
    },
  }
  t.match(await rpc('session-set', set), { result: 'success' })
  t.match(session.settings, {
    down: { enabled: true, value: 100_000 },
    alternative: { up: 5000 },
    seedRatio: { enabled: true, value: 2 },
    downloadQueue: { enabled: true, value: 3 },
    seedIdle: { enabled: false, value: 600_000 },
    startsAdded: false,
    alternativeTimes: { days: [0, 6] },
    directory: '/other',
    maxPeersPerTorrent: 9,
  })
  t.match(await rpc('session-set', { 'dht-enabled': false, preferred_transports: ['tcp'] }), {
    result: 'success',
  })
  t.match(await rpc('session-set', { 'dht-enabled': true }), { result: /^dht-enabled: cannot be changed/ })
})

t.test('a torrent that downloads and shares shows its peers, and its end by a seed rule', async t => {
  const { rpc, session } = await openRemote(t)
  const made = smallTorrent('a')
  const { port } = await shareAll(t, [made])
  const link = `magnet:?xt=urn:btih:${made.metainfo.infoHash.toString('hex')}&x.pe=127.0.0.1:${port}`
  t.match(await rpc('torrent-add', { filename: link }), { arguments: { 'torrent-added': { id: 1 } } })
  await waitForSession(session, () => session.get(1)!.status === 'seeding')
  const fields = [
    'status',
    'percentDone',
    'leftUntilDone',
    'peers',
    'metadataPercentComplete',
    'isFinished',
    'pieces',
    'haveValid',
  ]
  const read = async () => (await rpc('torrent-get', { fields })).arguments.torrents[0]
  t.match(await read(), {
    ...{ status: 6, percentDone: 1, leftUntilDone: 0, metadataPercentComplete: 1, isFinished: false },
    ...{ haveValid: 100_000, pieces: Buffer.from([0xfe]).toString('base64') },
  })
  const torrent = session.get(1)!
  await rpc('torrent-set', { ids: 1, seedRatioMode: 1, seedRatioLimit: 0 })
  torrent.measure()
  await waitForSession(session, () => torrent.record.isFinished)
  t.match(await read(), { status: 0, isFinished: true, percentDone: 1 })
})

t.test('files are selected by their index, without padding', async t => {
  const { rpc, session } = await openRemote(t)
  const made = makeTorrent({
    files: [
      { path: 'd/x', length: 10 },
      { path: 'd/y', length: 10 },
      { path: 'd/z', length: 10 },
    ],
    name: 'd',
  })
  await session.add(made.metainfo, { start: false })
  await rpc('torrent-set', { ids: [1], 'files-unwanted': [0, 1], 'priority-high': [0, 2] })
  const wanted = async () =>
    (await rpc('torrent-get', { fields: ['wanted', 'priorities'] })).arguments.torrents[0]
  t.strictSame(await wanted(), { wanted: [0, 0, 1], priorities: [0, 0, 1] })
  await rpc('torrent-set', { ids: [1], 'files-wanted': [] })
  t.strictSame(await wanted(), { wanted: [1, 1, 1], priorities: [0, 0, 1] })
  t.match(await rpc('torrent-set', { ids: [1], 'files-wanted': [3] }), {
    result: 'file index out of range: 3',
  })
})

t.test('trackers are added, replaced and removed', async t => {
  const { rpc, session } = await openRemote(t)
  await session.add({ ...smallTorrent('a').metainfo, trackers: [['http://a/announce']] }, { start: false })
  const list = async () =>
    (await rpc('torrent-get', { fields: ['trackerList'] })).arguments.torrents[0].trackerList
  await rpc('torrent-set', { ids: [1], trackerAdd: ['http://b/announce', 'udp://c:1'] })
  t.equal(await list(), 'http://a/announce\n\nhttp://b/announce\n\nudp://c:1')
  await rpc('torrent-set', { ids: [1], trackerReplace: [1, 'http://d/announce'] })
  await rpc('torrent-set', { ids: [1], trackerRemove: [0, 'udp://c:1'] })
  t.equal(await list(), 'http://d/announce')
  await rpc('torrent-set', { ids: [1], trackerList: 'http://e/announce\nhttp://f/announce\n\nudp://g:1\n' })
  t.equal(await list(), 'http://e/announce\nhttp://f/announce\n\nudp://g:1')
  t.match(await rpc('torrent-set', { ids: [1], trackerAdd: ['ftp://x'] }), {
    result: /^invalid tracker list/,
  })
})

t.test('torrents are moved in the queue', async t => {
  const { rpc, session } = await openRemote(t)
  for (const name of ['a', 'b', 'c'])
    await session.add(smallTorrent(name, name.charCodeAt(0)).metainfo, { start: false })
  const order = async () =>
    (await rpc('torrent-get', { fields: ['name', 'queuePosition'] })).arguments.torrents
      .sort((a: RpcRow, b: RpcRow) => a.queuePosition - b.queuePosition)
      .map(({ name }: RpcRow) => name)
      .join('')
  t.equal(await order(), 'abc')
  await rpc('queue-move-top', { ids: [3] })
  t.equal(await order(), 'cab')
  await rpc('queue-move-down', { ids: [3] })
  t.equal(await order(), 'acb')
  await rpc('queue-move-up', { ids: [2] })
  t.equal(await order(), 'abc')
  await rpc('queue-move-bottom', { ids: [1] })
  t.equal(await order(), 'bca')
  await rpc('torrent-set', { ids: [1], queuePosition: 1 })
  t.equal(await order(), 'bac')
})

interface RpcRow {
  readonly name: string
  readonly queuePosition: number
}

const MAGNET_LINK = `magnet:?xt=urn:btih:${'c'.repeat(40)}`

t.test('invalid requests get the error of the API, and the service goes on', async t => {
  const { base, call, post, rpc, session, warnings } = await openRemote(t, { session: { roots: ['/home'] } })
  await session.add(smallTorrent('a').metainfo, { start: false })
  const rows: [string, object, RegExp][] = [
    ['torrent-get', {}, /no fields/],
    ['torrent-get', { fields: 'id' }, /fields: .*array/],
    ['torrent-get', { fields: ['id'], ids: { x: 1 } }, /ids: expected numbers and info-hashes/],
    ['torrent-get', { fields: ['id'], ids: [1.5] }, /ids: expected/],
    ['torrent-get', { fields: ['id'], format: 'xml' }, /format: .*one of/],
    ['torrent-add', {}, /no filename or metainfo/],
    ['torrent-add', { filename: '/etc/passwd' }, /filename: expected a URL or a magnet link/],
    ['torrent-add', { filename: 'file:///etc/passwd' }, /filename: expected a URL/],
    ['torrent-add', { metainfo: 'AAAA' }, /invalid or corrupt torrent file/],
    ['torrent-add', { filename: 'magnet:?xt=urn:btih:xx' }, /invalid or corrupt torrent file/],
    ['torrent-add', { metainfo: 5 }, /^metainfo: /],
    ['torrent-add', { filename: MAGNET_LINK, 'download-dir': '/etc' }, /^directory: .* outside of/],
    ['torrent-set', { ids: [1], trackerReplace: [0] }, /tracker_replace: expected pairs/],
    ['torrent-set', { ids: [1], trackerReplace: [0, 5] }, /tracker_replace: expected a text/],
    ['torrent-set', { ids: [1], trackerRemove: [null] }, /tracker_remove/],
    ['torrent-set', { ids: [1], seedRatioMode: 9 }, /seed_ratio_mode: expected 0, 1 or 2/],
    ['torrent-set', { ids: [1], labels: 'x' }, /labels/],
    ['torrent-set', { ids: [1], downloadLimit: 'fast' }, /download_limit/],
    ['torrent-set', { ids: [1], sequential_download_from_piece: 1 }, /from_piece: expected 0/],
    ['torrent-set-location', { ids: [1], location: '/etc' }, /outside of \/home/],
    ['torrent-set-location', { ids: [1], location: '/home/../etc' }, /outside of \/home/],
    ['torrent-set-location', { ids: [1], location: 'x' }, /absolute/],
    ['torrent-set-location', { ids: [1] }, /no location/],
    ['torrent-rename-path', { ids: [1], path: 'a', name: '../b' }, /./],
    ['torrent-rename-path', { ids: [], path: 'a', name: 'b' }, /requires 1 torrent/],
    ['session-set', { 'download-dir': '/etc' }, /outside of/],
    ['session-set', { 'download-dir': '' }, /absolute path/],
    ['session-set', { 'speed-limit-up': 'x' }, /speed_limit_up/],
    ['free-space', { path: 'x' }, /not absolute/],
    ['free-space', { path: '/nonexistent' }, /ENOENT|no such/],
    ['blocklist-update', {}, /URL is not set/],
    ['session-set', { 'blocklist-url': '/etc/passwd' }, /blocklist_url: expected an http/],
    ['session-set', { 'blocklist-url': 5 }, /blocklist_url/],
    ['session-set', { 'blocklist-enabled': 'x' }, /blocklist_enabled/],
    ['group-set', {}, /no group name/],
    ['group-set', { name: 'x', 'speed-limit-up': 'fast' }, /speed_limit_up/],
    ['group-get', { group: 5 }, /group/],
    ['torrent-set', { ids: [1], group: 5 }, /group/],
    ['nonsense', {}, /method name not recognized/],
    ['__proto__', {}, /method name not recognized/],
    ['constructor', {}, /method name not recognized/],
  ]
  for (const [method, args, expected] of rows) {
    const { result } = await rpc(method, args)
    t.match(result, expected, `${method} ${JSON.stringify(args)}`)
    t.not(result, 'success')
  }
  t.match(await rpc('torrent-stop', { ids: [99, 'f'.repeat(40)] }), { result: 'success' })
  for (const body of ['', 'x', '[]', '5', 'null', '"x"', '{', '{"method":5}', '[1]', '['.repeat(100_000)]) {
    const reply = await post(body)
    t.equal(reply.status, 200, body.slice(0, 20))
    t.not(((await reply.json()) as { result?: string }).result, 'success')
  }
  const batch = await post(JSON.stringify([5, { jsonrpc: '2.0', method: 'session_stats', id: 1 }]))
  t.match(await batch.json(), [{ jsonrpc: '2.0', error: { code: -32600 }, id: null }, { id: 1 }])
  t.match(await call('session_stats', [] as object), { error: { code: -32602 } })
  t.equal((await fetch(`${base}/transmission/nonsense`)).status, 404)
  t.match(await rpc('session-stats'), { arguments: { torrentCount: 1 } })
  t.strictSame(warnings, [])
})

t.test('methods of 3.00 and of groups succeed in both dialects', async t => {
  const { call, rpc } = await openRemote(t, { control: { shutDown: () => {} } })
  for (const [send, index] of [
    [rpc, 1],
    [call, 2],
  ] as const) {
    const name = `n${index}`
    const ids = [index]
    const metainfo = base64(smallTorrent(name, index).metainfo)
    const rows: [string, object][] = [
      ['torrent_add', { metainfo, paused: true }],
      ['torrent_get', { fields: ['id'] }],
      ['torrent_set', { ids, labels: ['x'] }],
      ['torrent_rename_path', { ids, path: name, name: 'renamed' }],
      ['torrent_set_location', { ids, location: '/other', move: true }],
      ['torrent_start_now', { ids }],
      ['torrent_reannounce', { ids }],
      ['torrent_verify', { ids }],
      ['torrent_stop', { ids }],
      ['torrent_start', { ids }],
      ...['top', 'up', 'down', 'bottom'].map((to): [string, object] => [`queue_move_${to}`, { ids }]),
      ['session_get', {}],
      ['session_set', { speed_limit_up: 5 }],
      ['session_stats', {}],
      ['free_space', { path: '/' }],
      ['port_test', {}],
      ['group_set', { name: 'g' }],
      ['group_get', {}],
      ['torrent_remove', { ids }],
      ['session_close', {}],
    ]
    for (const [method, parameters] of rows) {
      const reply = await send(send === rpc ? method.replaceAll('_', '-') : method, parameters)
      t.match(reply, send === rpc ? { result: 'success' } : { result: Object }, method)
    }
    const missing = Object.keys(RPC_METHODS).filter(one => !rows.some(([method]) => method === one))
    t.strictSame(missing, ['blocklist_update'], 'has its own test')
  }
})

t.test('a torrent has a bandwidth priority', async t => {
  const { rpc, session } = await openRemote(t)
  const metainfo = base64(smallTorrent('a').metainfo)
  await rpc('torrent-add', { metainfo, paused: true, bandwidthPriority: 1 })
  const get = async () =>
    (await rpc('torrent-get', { fields: ['bandwidthPriority'] })).arguments.torrents[0].bandwidthPriority
  t.equal(await get(), 1)
  t.equal(session.get(1)!.record.bandwidthPriority, 'high')
  await rpc('torrent-set', { ids: 1, bandwidthPriority: -1 })
  t.equal(await get(), -1)
  t.match(await rpc('torrent-set', { ids: 1, bandwidthPriority: 2 }), { result: /bandwidth_priority/ })
  t.equal(await get(), -1)
})

t.test('a torrent that cannot be saved gets the error of the disk', async t => {
  const { disk, rpc, session } = await openRemote(t)
  const metainfo = base64(smallTorrent('a').metainfo)
  const { open } = disk
  disk.open = async () => {
    throw Object.assign(new Error('full'), { code: 'ENOSPC' })
  }
  t.match(await rpc('torrent-add', { metainfo }), { result: /^cannot write .*no space left/ })
  disk.open = open
  t.equal(session.torrents.length, 0)
  t.match(await rpc('torrent-add', { metainfo }), { result: 'success' })
})

t.test('cookies are sent to the server of the .torrent, and are not remembered', async t => {
  const { rpc, session } = await openRemote(t)
  const seen: (string | undefined)[] = []
  const server = createServer(({ headers }, response) => {
    seen.push(headers.cookie)
    response.end(torrentOf(smallTorrent('a').metainfo))
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.teardown(() => server.close())
  const filename = `http://127.0.0.1:${(server.address() as AddressInfo).port}/a.torrent`
  t.match(
    await rpc('torrent-add', { filename, cookies: 'a=1\r\nx: y', paused: true }),
    { result: /cannot read/ },
    'a value that is no header',
  )
  t.match(await rpc('torrent-add', { filename, cookies: 'a=1; b=2', paused: true }), { result: 'success' })
  t.strictSame(seen, ['a=1; b=2'])
  t.notOk('headers' in session.get(session.torrents[0]!.id)!.record)
})

t.test('bandwidth groups are set, listed and given to torrents', async t => {
  const { call, rpc, session } = await openRemote(t)
  const torrent = await session.add(smallTorrent('a').metainfo, { start: false })
  const groups = async (args = {}) => (await rpc('group-get', args)).arguments.group
  t.strictSame(await groups(), [])
  const slow = {
    name: 'slow',
    'speed-limit-up': 50,
    'speed-limit-up-enabled': true,
    honorsSessionLimits: false,
  }
  t.match(await rpc('group-set', slow), { result: 'success' })
  t.strictSame(await groups(), [{ ...slow, 'speed-limit-down': 0, 'speed-limit-down-enabled': false }])
  await rpc('group-set', { name: 'slow', 'speed-limit-down': 7 })
  t.match(session.settings.groups, { slow: { up: { enabled: true, value: 50_000 }, down: { value: 7000 } } })
  await rpc('torrent-set', { ids: [1], group: 'slow' })
  t.equal(torrent.record.group, 'slow')
  t.match(await rpc('torrent-get', { fields: ['group'] }), { arguments: { torrents: [{ group: 'slow' }] } })
  await call('torrent_set', { ids: [1], group: 'new' }) // as in Transmission, it is created
  t.match(await call('group_get', { group: 'new' }), {
    result: { group: [{ name: 'new', speed_limit_up_enabled: false }] },
  })
  const names = async (args: object) => (await groups(args)).map((group: { name: string }) => group.name)
  t.strictSame(await names({ group: ['none', 'slow'] }), ['slow'])
  t.strictSame(await names({ name: 'slow' }), ['slow'])
  await rpc('torrent-set', { ids: [1], group: '' })
  t.equal(torrent.record.group, '')
})

t.test('a blocklist is updated from its URL, and an invalid one loses nothing', async t => {
  const { call, client, rpc, session } = await openRemote(t)
  let list = 'a:1.2.3.0-1.2.3.255\n2001:db8::/32\n'
  const lists = createServer((_, response) => void response.end(list)).listen(0, '127.0.0.1')
  t.teardown(() => lists.close())
  await once(lists, 'listening')
  const url = `http://127.0.0.1:${(lists.address() as AddressInfo).port}/list`
  await rpc('session-set', { 'blocklist-url': url, 'blocklist-enabled': true })
  t.equal(client.blocklist, undefined)
  t.match(await rpc('blocklist-update'), { result: 'success', arguments: { 'blocklist-size': 2 } })
  t.equal(client.blocklist?.has('1.2.3.4'), true)
  list = '1.2.3.4\nnonsense\n'
  t.match(await call('blocklist_update'), { error: { message: /list: line 2: expected a range/ } })
  const fields = ['blocklist-enabled', 'blocklist-url', 'blocklist-size']
  t.strictSame((await rpc('session-get', { fields })).arguments, {
    ...{ 'blocklist-enabled': true, 'blocklist-size': 2, 'blocklist-url': url },
  })
  t.equal(client.blocklist?.has('1.2.3.250'), true)
  await call('session_set', { blocklist_enabled: false })
  t.equal(client.blocklist, undefined)
  t.strictSame(session.settings.blocklist, { enabled: false, url })
})

t.test('docs/rpc.md lists all methods, and those that are tested here', async t => {
  const listed = [...readDocumented('Transmission').keys()].map(name => name.replaceAll('-', '_'))
  t.strictSame(listed.sort(), Object.keys(RPC_METHODS).sort())
  checkTested(t, 'Transmission', 'rpc', called)
})
