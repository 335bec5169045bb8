import t from 'tap'
import { parse } from '../../src/metainfo/parse.ts'
import type { MadeTorrent } from '../helpers/metainfo.ts'
import { scriptedPeer } from '../helpers/scripted-peer.ts'
import { run } from '../helpers/swarm.ts'
import { HYBRID_PIECE_LENGTH, hybridFiles, hybridInfo, v2Torrent } from '../helpers/v2-torrent.ts'

const P = HYBRID_PIECE_LENGTH

/** The torrent of `hybridFiles` in a format, with its content and the padding between the files. */
function made(format: 'hybrid' | 'v2'): MadeTorrent {
  const metainfo = parse(v2Torrent(hybridFiles, P, format === 'hybrid' ? { info: hybridInfo } : {}))
  const content = Buffer.alloc(metainfo.length)
  for (const { offset, pad, path } of metainfo.files) {
    if (!pad) content.set(hybridFiles[path.slice(2) as keyof typeof hybridFiles], offset)
  }
  return { metainfo, content, info: metainfo.info }
}

for (const format of ['v2', 'hybrid'] as const) {
  t.test(`${format}: a download from one seed gets the right files`, async t => {
    const torrent = made(format)
    const seed = await scriptedPeer(t, torrent)
    const { torrent: leech, file, warnings } = run(t, torrent, { peers: [seed.address] })
    await leech.done
    for (const [name, bytes] of Object.entries(hybridFiles)) t.same(await file(`d/${name}`), bytes, name)
    t.same(warnings, [])
  })
}

t.test('v2: no padding is requested, and the last block of a file has its own length', async t => {
  const torrent = made('v2')
  const peer = await scriptedPeer(t, torrent)
  const { torrent: leech, file } = run(t, torrent, { peers: [peer.address] })
  await leech.done
  t.same(await file('d/b'), hybridFiles.b)
  const size = (wanted: number) =>
    peer.requests.filter(({ index }) => index === wanted).reduce((sum, { length }) => sum + length, 0)
  t.same([0, 1, 2, 3, 4, 5].map(size), [10, P, P, P, 100, P])
})

t.test('v2: a wrong byte is found by the tree, and the piece is downloaded again', async t => {
  const torrent = made('v2')
  const bytes = Buffer.from(torrent.content)
  bytes[P + 20_000]! ^= 1
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
    const metainfo = parse(v2Torrent(hybridFiles, P, { info: { ...hybridInfo, pieces } }))
    const torrent = { ...made('hybrid'), metainfo }
    const seed = await scriptedPeer(t, torrent)
    const { torrent: leech, errors } = run(t, torrent, { peers: [seed.address] })
    await t.rejects(leech.done, { code: 'ERR_METAINFO', message: /piece 0 matches only one/ })
    t.match(errors, [{ name: 'InputError' }])
  },
)
