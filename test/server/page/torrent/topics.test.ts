import t, { type Test } from 'tap'
import { Bitfield } from '../../../../src/codec/bitfield.ts'
import { decodePieceCells } from '../../../../src/codec/piece-cells.ts'
import { parse } from '../../../../src/metainfo/parse.ts'
import { torrentOf } from '../../../../src/metainfo/torrent.ts'
import { systemClock } from '../../../../src/ports/clock.ts'
import { HttpServer } from '../../../../src/server/http-server.ts'
import { ClientPageTorrents } from '../../../../src/server/page/client-page-torrents.ts'
import { createPage } from '../../../../src/server/page/create-page.ts'
import type { PageTorrent } from '../../../../src/server/page/page-torrents.ts'
import { SessionPageTorrents } from '../../../../src/server/page/session-page-torrents.ts'
import { openTopic } from '../../../../src/server/page/topics.ts'
import { MediaFiles } from '../../../../src/server/page/torrent/media-files.ts'
import type {
  FilesDocument,
  PeersDocument,
  TorrentDocument,
} from '../../../../src/server/page/torrent-documents.ts'
import { makeTorrent } from '../../../helpers/metainfo.ts'
import { openSession, shareAll, waitForSession } from '../../../helpers/session.ts'

const made = makeTorrent({
  files: [
    { path: 'one', length: 50_000 },
    { path: 'more/two', length: 30_000 },
    { path: 'more/three', length: 5 },
  ],
  pieceLength: 16_384,
  multiFile: true,
})

async function openTopics(t: Test) {
  const opened = await openSession(t)
  const { session } = opened
  const torrents = new SessionPageTorrents(session, { read: () => undefined } as never)
  t.teardown(() => torrents.close())
  const open = <T>(name: string) => {
    const topic = openTopic(name, { torrents, previews: undefined, clock: systemClock, now: () => 1e12 })
    t.teardown(() => topic.close())
    return () => topic.describe() as T | undefined
  }
  return { ...opened, open }
}

t.test('the topics of a torrent follow it from its start to its last piece', async t => {
  const { open, session } = await openTopics(t)
  const { client: seed, port } = await shareAll(t, [made])
  const added = await session.add(torrentOf(made.metainfo), { start: false })
  const { infoHash } = added
  const describe = open<TorrentDocument>(`torrent:${infoHash}`)
  const describePeers = open<PeersDocument>(`peers:${infoHash}`)
  const describeFiles = open<FilesDocument>(`files:${infoHash}`)

  t.match(describe(), { torrent: { name: 'torrent', status: 'stopped' }, trackers: {}, webSeeds: {} })
  t.strictSame(describePeers(), { peers: {}, more: 0, departed: {} })
  t.equal(describeFiles()!.isKnown, false)
  await added.loadMetainfo()
  await new Promise(resolve => setImmediate(resolve))
  t.strictSame(describeFiles(), {
    ...{ isKnown: true, total: 3 },
    files: {
      0: { path: 'torrent/one', length: 50_000, have: 0, priority: 'normal' },
      1: { path: 'torrent/more/two', length: 30_000, have: 0, priority: 'normal' },
      2: { path: 'torrent/more/three', length: 5, have: 0, priority: 'normal' },
    },
  })
  t.match(describe(), {
    facts: { size: 80_005, files: 3, pieceLength: 16_384, directory: '/home' },
    magnet: `magnet:?xt=urn:btih:${infoHash}&dn=torrent`,
  })

  await added.setPriority([2], 'off')
  t.equal(describeFiles()!.files[2]!.priority, 'off')
  const unchanged = describeFiles()!.files[0]
  await added.set({ peers: [`127.0.0.1:${port}`] })
  await added.start()
  await waitForSession(session, () => added.isComplete)
  const { pieces, rates } = describe()!
  t.match(pieces, { count: 5, cellSize: 1, have: added.torrent!.verified.count, active: 0, missing: 0 })
  t.equal(decodePieceCells(pieces!.rows[0]!).length, 5)
  t.ok(Object.values(rates.samples).reduce((sum, [down]) => sum + down, 0) <= 80_005)
  const [peer] = Object.values(describePeers()!.peers)
  if (peer) {
    t.match(peer, { address: `127.0.0.1:${port}`, source: 'option', isEncrypted: false, part: 1 })
    t.ok(peer.downloaded > 60_000)
  }
  const { files } = describeFiles()!
  t.match(files[0], { have: 50_000 })
  t.not(files[0], unchanged)
  t.equal(describeFiles()!.files[0], files[0], 'without a change it is the same object')

  await seed.close()
  await added.stop()
  await waitForSession(session, () => added.status === 'stopped')
  t.strictSame(describePeers()!.peers, {})
  t.match(describe(), { torrent: { status: 'finished' } })
  t.equal(describe()!.pieces, undefined)
  t.equal(describeFiles()!.files[0]!.have, 50_000, 'what a session remembers')
  await session.remove(added)
  t.equal(describe(), undefined)
  t.equal(describePeers(), undefined)
  t.equal(describeFiles(), undefined)
})

t.test('a peer that left is listed with the reason', async t => {
  const { client, port } = await shareAll(t, [made])
  const torrents = new ClientPageTorrents(client)
  const infoHash = made.metainfo.infoHash.toString('hex')
  const { open: openLeech, session } = await openTopics(t)
  const leech = await session.add(torrentOf(made.metainfo))
  await leech.set({ peers: [`127.0.0.1:${port}`] })
  await waitForSession(session, () => leech.isComplete)
  const [seeding] = client.torrents
  if (seeding!.peers.length > 0)
    await new Promise<void>(resolve => seeding!.once('disconnected', () => resolve()))
  const topic = openTopic(`peers:${infoHash}`, {
    torrents,
    previews: undefined,
    clock: systemClock,
    now: () => 1e12,
  })
  const { departed } = topic.describe() as PeersDocument
  t.ok(Object.values(departed).length > 0)
  t.match(Object.values(departed)[0], { address: /^127\.0\.0\.1:\d+$/, client: /^tsdl/, reason: /./ })
  t.strictSame(topic.describe(), topic.describe(), 'nothing changes by itself')
  topic.close()
  t.equal(openLeech<object>('torrent:ffff')(), undefined)
})

t.test('the .torrent can be downloaded, and priorities are set by an action', async t => {
  const { client, session } = await openSession(t)
  const page = createPage({ session, client })
  const server = await new HttpServer(new Map(), { page }).listen()
  t.teardown(() => server.close())
  const base = new URL(server.url).origin
  const added = await session.add(torrentOf(made.metainfo), { start: false })
  const response = await fetch(`${base}/page/metainfo/${added.infoHash}`)
  t.equal(response.headers.get('content-disposition'), 'attachment; filename=torrent.torrent')
  t.strictSame(parse(Buffer.from(await response.arrayBuffer())).infoHash, made.metainfo.infoHash)
  t.equal((await fetch(`${base}/page/metainfo/${'0'.repeat(40)}`)).status, 404)

  const updates = await fetch(`${base}/page/updates?topic=list`)
  const reader = updates.body!.getReader()
  const { key } = JSON.parse(/data: (.*)/.exec(new TextDecoder().decode((await reader.read()).value))![1]!)
  await reader.cancel()
  const act = (body: object) =>
    fetch(`${base}/page/actions/priority`, {
      method: 'POST',
      headers: { 'x-tsdl-page': key },
      body: JSON.stringify(body),
    })
  const { infoHash } = added
  t.equal((await act({ infoHash, files: [0, 2], priority: 'high' })).status, 200)
  t.strictSame(
    (await added.listFiles()).map(({ priority }) => priority),
    ['high', 'normal', 'high'],
  )
  t.equal((await act({ infoHash, files: [9], priority: 'low' })).status, 400)
  t.equal((await act({ infoHash, files: [0], priority: 'urgent' })).status, 400)
  t.equal((await act({ infoHash: '0'.repeat(40), files: [0], priority: 'low' })).status, 400)
})

t.test('the film to play is the largest that can be opened', async t => {
  const { metainfo } = makeTorrent({
    files: [
      { path: 'long.mkv', length: 60_000 },
      { path: 'short.webm', length: 40_000 },
      { path: 'song.flac', length: 90_000 },
      { path: 'notes.txt', length: 5 },
    ],
    pieceLength: 16_384,
  })
  const media = new MediaFiles(metainfo)
  const verified = new Bitfield(metainfo.pieceCount)
  const find = (options: object) => media.findPlayable(options as PageTorrent)
  const running = (off: number[]) => ({
    torrent: { details: { isSelected: (index: number) => !off.includes(index) } },
  })
  t.equal(find(running([])), 'long.mkv')
  t.equal(find(running([0])), 'short.webm')
  t.equal(find(running([0, 1])), 'long.mkv', 'none can be opened')
  const stored = { record: { priorities: { off: '0', low: '1', high: '' } } }
  t.equal(find({ stored }), 'short.webm')
  const seed = { servesVerified: true, torrent: { verified, state: 'seeding' } }
  for (let index = 3; index < 7; index++) verified.add(index)
  t.equal(find(seed), 'short.webm')
  for (let index = 0; index < 3; index++) verified.add(index)
  t.equal(find(seed), 'long.mkv')
  const sounds = makeTorrent({ files: [{ path: 'a.flac', length: 5 }] })
  t.match(new MediaFiles(sounds.metainfo).findPlayable(running([]) as never), /a\.flac$/)
  t.equal(new MediaFiles(made.metainfo).findPlayable(running([]) as never), undefined)
})
