import t from 'tap'
import { makeTorrent } from '../helpers/metainfo.ts'
import { scriptedPeer } from '../helpers/scripted-peer.ts'
import { memoryDisk, run } from '../helpers/swarm.ts'
import {
  HYBRID_PIECE_LENGTH,
  hybridFiles,
  hybridFilesTorrent,
  torrentOfFiles,
  v2Torrent,
} from '../helpers/v2-torrent.ts'

const PIECE_LENGTH = HYBRID_PIECE_LENGTH

/** A disk with files below /other. */
async function diskWith(files: { readonly [path: string]: Uint8Array }) {
  const disk = memoryDisk()
  await disk.mkdir('/other', { recursive: true })
  await disk.mkdir('/other/deep', { recursive: true })
  for (const [path, bytes] of Object.entries(files)) await disk.writeFile(`/other/${path}`, bytes)
  return disk
}

for (const format of ['v2', 'hybrid'] as const) {
  t.test(`${format}: files on disk are copied, whatever their names, and no peer is needed`, async t => {
    const torrent = hybridFilesTorrent(format)
    const { a, b, c } = hybridFiles
    const disk = await diskWith({ 'one.bin': b, 'deep/two': a, 'deep/three': c })
    const { torrent: leech, file, warnings } = run(t, torrent, { disk, reuse: ['/other'] })
    await leech.done
    for (const [name, bytes] of Object.entries(hybridFiles)) t.same(await file(`d/${name}`), bytes, name)
    t.same(Buffer.from((await disk.readFile('/other/one.bin')) as Uint8Array), b, 'the source is as before')
    t.same(warnings, [])
    const { downloaded, reused, total } = leech.progress
    t.match({ downloaded, reused }, { downloaded: 0, reused: total })
  })
}

t.test('of a file with wrong bytes only the right pieces are taken; the rest is downloaded', async t => {
  const torrent = hybridFilesTorrent('v2')
  const wrong = Buffer.from(hybridFiles.b)
  wrong[PIECE_LENGTH + 5]! ^= 1
  const peer = await scriptedPeer(t, torrent)
  const disk = await diskWith({ wrong, unrelated: Buffer.alloc(hybridFiles.c.length, 1) })
  const { torrent: leech, file } = run(t, torrent, { disk, reuse: ['/other'], peers: [peer.address] })
  await leech.done
  for (const [name, bytes] of Object.entries(hybridFiles)) t.same(await file(`d/${name}`), bytes, name)
  t.same([...new Set(peer.requests.map(({ index }) => index))].sort(), [0, 2, 5])
})

t.test('a file of the torrent is copied to an equal one', async t => {
  const files = { a: hybridFiles.b, b: hybridFiles.b }
  const torrent = torrentOfFiles(v2Torrent(files, PIECE_LENGTH), files)
  const disk = memoryDisk()
  await disk.mkdir('/home/d', { recursive: true })
  await disk.writeFile('/home/d/b', files.b)
  const { torrent: leech, file } = run(t, torrent, { disk })
  await leech.done
  t.same(await file('d/a'), files.a)
})

t.test('v1: pieces with bytes of one file are taken', async t => {
  const torrent = makeTorrent({
    files: [
      { path: 'd/a', length: 3 * 32768 + 5 },
      { path: 'd/b', length: 32768 },
    ],
    pieceLength: 32768,
  })
  const a = torrent.content.subarray(0, 3 * 32768 + 5)
  const peer = await scriptedPeer(t, torrent)
  const disk = await diskWith({ a })
  const { torrent: leech, file } = run(t, torrent, { disk, reuse: ['/other'], peers: [peer.address] })
  await leech.done
  t.same(await file('d/a'), a)
  t.same([...new Set(peer.requests.map(({ index }) => index))].sort(), [3, 4])
})

t.test('links are not followed', async t => {
  const { a } = hybridFiles
  const torrent = torrentOfFiles(v2Torrent({ a }, PIECE_LENGTH), { a })
  const disk = await diskWith({})
  await disk.writeFile('/home/elsewhere', a)
  await disk.symlink('/home/elsewhere', '/other/link')
  await disk.symlink('/other', '/other/deep/loop')
  const peer = await scriptedPeer(t, torrent)
  const { torrent: leech } = run(t, torrent, { disk, reuse: ['/other'], peers: [peer.address] })
  await leech.done
  t.equal(peer.requests.length, 1)
})

t.test('a directory that cannot be read is named', async t => {
  const { a } = hybridFiles
  const { torrent } = run(t, torrentOfFiles(v2Torrent({ a }, PIECE_LENGTH), { a }), { reuse: ['/missing'] })
  await t.rejects(torrent.done, { code: 'ERR_USAGE', message: /^\/missing: .* cannot be read/ })
})
