import t, { type Test } from 'tap'
import { parseMagnet } from '../../src/metainfo/magnet.ts'
import type { Metainfo } from '../../src/metainfo/metainfo.ts'
import { openMetainfo } from '../../src/metainfo/parse.ts'
import { torrentOf } from '../../src/metainfo/torrent.ts'
import { directoryContent } from '../../src/pipeline/download.ts'
import type { TorrentOptions } from '../../src/pipeline/torrent/torrent-options.ts'
import { Torrent } from '../../src/pipeline/torrent.ts'
import { type MadeTorrent, noise } from '../helpers/metainfo.ts'
import { scriptedPeer } from '../helpers/scripted-peer.ts'
import { client, leavesNothing, memoryDisk } from '../helpers/swarm.ts'
import { torrentOfFiles, v2Torrent } from '../helpers/v2-torrent.ts'
import { VirtualClock } from '../helpers/virtual-clock.ts'

const PIECE_LENGTH = 32_768
const content = noise(7 * PIECE_LENGTH + 20_000, 4)
const made = torrentOfFiles(v2Torrent({ a: content }, PIECE_LENGTH), { a: content })

t.beforeEach(t => leavesNothing(t))

/** Downloads a source, and returns the metainfo and the file. */
async function fetched(t: Test, source: ConstructorParameters<typeof Torrent>[0], options: TorrentOptions) {
  const disk = memoryDisk()
  const torrent = new Torrent(source, { trackers: false, encryption: 'off', ...options }).start()
  t.teardown(() => torrent.close())
  const metainfo = await torrent.ready
  torrent.begin(directoryContent(metainfo, { output: '/home', fs: disk }))
  await torrent.done
  return { metainfo, file: Buffer.from((await disk.readFile('/home/a')) as Uint8Array) }
}

function withoutLayers({ metainfo }: MadeTorrent): Metainfo {
  const { pieceNodes: _, ...rest } = metainfo
  return rest
}

const name = made.metainfo.infoHashV2!.toString('hex')

for (const link of [`magnet:?xt=urn:btmh:1220${name}`, name]) {
  t.test(`one seed gives the metadata, the hashes and the blocks of ${link.slice(0, 20)}`, async t => {
    const seed = await client(t, made)
    const { metainfo, file } = await fetched(t, parseMagnet(link), { peers: [seed.address] })
    t.strictSame(file, content)
    t.same(metainfo.pieceNodes, made.metainfo.pieceNodes)
    const written = await openMetainfo(torrentOf(metainfo))
    t.same(written.pieceNodes, made.metainfo.pieceNodes, 'a .torrent that is written has them')
    t.same(seed.warnings, [])
  })
}

t.test('one seed gives the hashes of a .torrent without piece layers', async t => {
  const seed = await client(t, made)
  const { metainfo, file } = await fetched(t, withoutLayers(made), { peers: [seed.address] })
  t.strictSame(file, content)
  t.same(metainfo.pieceNodes, made.metainfo.pieceNodes)
})

t.test('513 pieces and more: a layer that is no power of two', async t => {
  const small = 16_384
  const files = { a: noise(512 * small + 1, 5) }
  const large = torrentOfFiles(v2Torrent(files, small), files)
  const seed = await client(t, large)
  const { file } = await fetched(t, withoutLayers(large), { peers: [seed.address] })
  t.ok(file.equals(files.a))
})

t.test('if the only peer rejects requests for hashes, the error names the missing piece layers', async t => {
  const clock = new VirtualClock()
  const peer = await scriptedPeer(t, made, {
    message: (message, wire) => {
      if (message.type === 'hashRequest') wire.send({ ...message, type: 'hashReject' })
    },
  })
  const options = {
    clock,
    timeout: 5_000,
    trackers: false,
    encryption: 'off',
    peers: [peer.address],
  } as const
  const torrent = new Torrent(withoutLayers(made), options).start()
  const failed = t.rejects(torrent.ready, {
    code: 'ERR_STALLED',
    message:
      /^no piece layers for [0-9a-f]{40}: the only peer, [\d.]+:\d+, sent no hashes of pieces; nothing received for 5 s$/,
  })
  await peer.connection().then(wire => wire.waitForMessages('hashRequest'))
  await clock.advance(6_000)
  await failed
  await torrent.close()
})
