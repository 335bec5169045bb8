import t from 'tap'
import { formatAddress } from '../../src/codec/compact.ts'
import { parse } from '../../src/metainfo/parse.ts'
import { type MadeTorrent, noise } from '../helpers/metainfo.ts'
import { scriptedPeer } from '../helpers/scripted-peer.ts'
import { client, run } from '../helpers/swarm.ts'
import {
  HYBRID_PIECE_LENGTH,
  hybridFiles,
  hybridFilesTorrent,
  hybridInfo,
  torrentOfFiles,
  v2Torrent,
} from '../helpers/v2-torrent.ts'
import { webServer } from '../helpers/web-server.ts'

const PIECE_LENGTH = HYBRID_PIECE_LENGTH

for (const format of ['v2', 'hybrid'] as const) {
  t.test(`${format}: a download from one seed gets the right files`, async t => {
    const torrent = hybridFilesTorrent(format)
    const seed = await scriptedPeer(t, torrent)
    const { torrent: leech, file, warnings } = run(t, torrent, { peers: [seed.address] })
    await leech.done
    for (const [name, bytes] of Object.entries(hybridFiles)) t.same(await file(`d/${name}`), bytes, name)
    t.same(warnings, [])
  })
}

t.test('v2: no padding is requested, and the last block of a file has its own length', async t => {
  const torrent = hybridFilesTorrent('v2')
  const peer = await scriptedPeer(t, torrent)
  const { torrent: leech, file } = run(t, torrent, { peers: [peer.address] })
  await leech.done
  t.same(await file('d/b'), hybridFiles.b)
  const size = (wanted: number) =>
    peer.requests.filter(({ index }) => index === wanted).reduce((sum, { length }) => sum + length, 0)
  t.same([0, 1, 2, 3, 4, 5].map(size), [10, PIECE_LENGTH, PIECE_LENGTH, PIECE_LENGTH, 100, PIECE_LENGTH])
})

for (const format of ['v2', 'hybrid'] as const) {
  t.test(`${format}: a web seed alone sends the right files, and is named as their source`, async t => {
    const torrent = hybridFilesTorrent(format)
    const server = await webServer(t, torrent)
    const { torrent: leech, file } = run(t, torrent, { webSeedUrls: [`${server.origin}/`] })
    await leech.done
    for (const [name, bytes] of Object.entries(hybridFiles)) t.same(await file(`d/${name}`), bytes, name)
    for (const [index, { length, pad }] of torrent.metainfo.files.entries()) {
      const expected = length === 0 ? [] : [{ address: `${server.origin}/`, bytes: length }]
      if (!pad) t.same(leech.contributionsTo(index), expected)
    }
  })
}

t.test('v2: each byte of a file is counted for the peer that sent it', async t => {
  const torrent = hybridFilesTorrent('v2')
  const peers = [
    await scriptedPeer(t, torrent, { has: index => index < 2 }),
    await scriptedPeer(t, torrent, { has: index => index >= 2 }),
  ]
  const [low, high] = peers.map(({ address }) => formatAddress(address))
  const { torrent: leech } = run(t, torrent, { peers: peers.map(({ address }) => address) })
  await leech.done
  const b = leech.metainfo.files.findIndex(({ path }) => path === 'd/b')
  const byAddress = Object.fromEntries(leech.contributionsTo(b).map(({ address, bytes }) => [address, bytes]))
  t.same(byAddress, { [low!]: PIECE_LENGTH, [high!]: 2 * PIECE_LENGTH + 100 })
})

t.test('v2: a super-seed reveals its pieces one by one, and two leechers get them all', async t => {
  const files = { a: noise(3 * PIECE_LENGTH + 100, 7) }
  const torrent = torrentOfFiles(v2Torrent(files, PIECE_LENGTH), files)
  const seed = await client(t, torrent, { superSeed: true })
  const first = await client(t, torrent, { has: () => false, peers: [seed.address] })
  const second = run(t, torrent, { peers: [seed.address, first.address] })
  await Promise.all([first.torrent.done, second.torrent.done])
  for (const { file } of [first, second]) t.same(await file('a'), files.a)
  t.ok(seed.torrent.progress.uploaded < 2 * files.a.length, 'the leechers share what each was shown')
})

t.test('v2: a wrong byte is found by the tree, and the piece is downloaded again', async t => {
  const torrent = hybridFilesTorrent('v2')
  const bytes = Buffer.from(torrent.content)
  bytes[PIECE_LENGTH + 20_000]! ^= 1
  const liar = await scriptedPeer(t, { ...torrent, content: bytes })
  const honest = await scriptedPeer(t, torrent)
  const { torrent: leech, file } = run(t, torrent, { peers: [liar.address, honest.address] })
  await leech.done
  for (const [name, right] of Object.entries(hybridFiles)) t.same(await file(`d/${name}`), right, name)
})

t.test(
  'hybrid: a piece that matches only one of its two hashes ends the download, and no peer is banned',
  async t => {
    const pieces = Buffer.from(hybridInfo.pieces)
    pieces[0]! ^= 1
    const metainfo = parse(v2Torrent(hybridFiles, PIECE_LENGTH, { info: { ...hybridInfo, pieces } }))
    const torrent = { ...hybridFilesTorrent('hybrid'), metainfo }
    const seed = await scriptedPeer(t, torrent)
    const { torrent: leech, errors } = run(t, torrent, { peers: [seed.address] })
    await t.rejects(leech.done, { code: 'ERR_METAINFO', message: /piece 0 matches only one/ })
    t.match(errors, [{ name: 'InputError' }])
  },
)

const equalFiles = {
  a: hybridFiles.b,
  b: hybridFiles.b,
  c: hybridFiles.c,
  d: hybridFiles.c,
  e: hybridFiles.a,
}

/** A v2 torrent in which two pairs of files are equal: pieces 0 to 3 and 4 to 7, and 8 and 9. */
function madeEqual(): MadeTorrent {
  return torrentOfFiles(v2Torrent(equalFiles, PIECE_LENGTH), equalFiles)
}

t.test('files with the same root are downloaded once', async t => {
  const torrent = madeEqual()
  const peer = await scriptedPeer(t, torrent)
  const { torrent: leech, file, verified } = run(t, torrent, { peers: [peer.address] })
  await leech.done
  for (const [name, bytes] of Object.entries(equalFiles)) t.same(await file(`d/${name}`), bytes, name)
  const requested = peer.requests.reduce((sum, { length }) => sum + length, 0)
  t.equal(requested, hybridFiles.b.length + hybridFiles.c.length + hybridFiles.a.length)
  t.same(
    [...verified].sort((a, b) => a - b),
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
  )
})

t.test('a peer that has only one of two equal files is enough for both', async t => {
  for (const hasFirst of [true, false]) {
    const torrent = madeEqual()
    const has = (index: number) => (hasFirst ? index < 4 : index >= 4 && index < 8) || index > 7
    const peer = await scriptedPeer(t, torrent, { has })
    const { torrent: leech, file } = run(t, torrent, { peers: [peer.address] })
    await leech.done
    for (const name of ['a', 'b'] as const) t.same(await file(`d/${name}`), hybridFiles.b, name)
  }
})

t.test('an equal file that is not selected is not stored', async t => {
  const torrent = madeEqual()
  const peer = await scriptedPeer(t, torrent)
  const select = (index: number) => torrent.metainfo.files[index]!.path !== 'd/b'
  const { torrent: leech, file, verified } = run(t, torrent, { peers: [peer.address], select })
  await leech.done
  t.same(await file('d/a'), hybridFiles.b)
  t.equal(await file('d/b'), undefined)
  t.notOk(verified.includes(5))
})
