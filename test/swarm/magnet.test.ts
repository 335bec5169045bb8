import t from 'tap'
import { encode } from '../../src/codec/bencode.ts'
import { parseExtendedHandshake } from '../../src/codec/extended.ts'
import { reservedBytes } from '../../src/codec/handshake.ts'
import { encodeMetadataMessage, METADATA_PIECE, parseMetadataMessage } from '../../src/codec/metadata.ts'
import { parseMagnet } from '../../src/metainfo/magnet.ts'
import { directoryContent } from '../../src/pipeline/download.ts'
import { Torrent } from '../../src/pipeline/torrent.ts'
import { scriptedPeer } from '../helpers/scripted-peer.ts'
import { leavesNothing, memoryDisk, oddTorrent } from '../helpers/swarm.ts'

type Owner = Parameters<typeof scriptedPeer>[0]

const THEIR_ID = 9
const made = oddTorrent()

t.beforeEach(t => leavesNothing(t))

interface Script {
  /** The messages about its pieces that the peer sends after its handshake. */
  readonly has?: 'haveAll' | 'bitfield' | 'haves'
}

/** Starts a seed that sends the metadata and every block, and counts the messages that it receives. */
async function seedWithMetadata(t: Owner, { has = 'haveAll' }: Script = {}) {
  let ours = 0
  const { content, metainfo } = made
  return scriptedPeer(t, made, {
    sendGreeting: wire => {
      wire.sendHandshake({ reserved: reservedBytes('extended', 'fast') })
      const payload = encode({ m: { ut_metadata: THEIR_ID }, metadata_size: made.info.length })
      wire.send({ type: 'extended', id: 0, payload })
      const { pieceCount } = metainfo
      if (has === 'haveAll') wire.send({ type: 'haveAll' })
      else if (has === 'haves') {
        wire.send({ type: 'haveNone' })
        for (let index = 0; index < pieceCount; index++) wire.send({ type: 'have', index })
      } else {
        const bytes = new Uint8Array(Math.ceil(pieceCount / 8)).fill(0xff)
        bytes[bytes.length - 1] = (0xff << (bytes.length * 8 - pieceCount)) & 0xff
        wire.send({ type: 'bitfield', bytes })
      }
    },
    message: (message, wire) => {
      if (message.type === 'interested') wire.send({ type: 'unchoke' })
      if (message.type === 'extended' && message.id === 0) {
        ours = parseExtendedHandshake(message.payload).extensions.get('ut_metadata') ?? 0
      }
      if (message.type === 'extended' && message.id === THEIR_ID) {
        const request = parseMetadataMessage(message.payload)
        if (request?.type !== 'request') return
        const { piece } = request
        const data = made.info.subarray(piece * METADATA_PIECE, (piece + 1) * METADATA_PIECE)
        const payload = encodeMetadataMessage({ type: 'data', piece, totalSize: made.info.length, data })
        wire.send({ type: 'extended', id: ours, payload })
      }
      if (message.type === 'request') {
        const { index, begin, length } = message
        const start = index * metainfo.pieceLength + begin
        wire.send({ type: 'piece', index, begin, length, data: content.subarray(start, start + length) })
      }
    },
  })
}

for (const has of ['haveAll', 'bitfield', 'haves'] as const) {
  t.test(
    `the download continues over the connection that gave the metadata; the peer sent ${has}`,
    async t => {
      const peer = await seedWithMetadata(t, { has })
      const disk = memoryDisk()
      const torrent = new Torrent(parseMagnet(made.metainfo.infoHash.toString('hex')), {
        peers: [peer.address],
        trackers: false,
        encryption: 'off',
      }).start()
      t.teardown(() => torrent.close())
      const metainfo = await torrent.ready
      t.strictSame(metainfo.info, made.metainfo.info)
      torrent.begin(directoryContent(metainfo, { output: '/home', fs: disk }))
      await torrent.done
      t.ok(torrent.verified.full)
      t.strictSame(await disk.readFile('/home/odd.bin'), made.content)
      t.equal(peer.wires.length, 1, 'one connection')
      t.equal(peer.wires[0]!.messagesOf('interested').length, 1, 'interest is shown once')
      t.equal(torrent.state, 'seeding')
    },
  )
}

t.test('interested is sent before the metadata is known', async t => {
  const peer = await scriptedPeer(t, made, {
    sendGreeting: wire => {
      wire.sendHandshake({ reserved: reservedBytes('extended', 'fast') })
      wire.send({ type: 'haveAll' })
    },
    message: () => {},
  })
  const torrent = new Torrent(parseMagnet(made.metainfo.infoHash.toString('hex')), {
    peers: [peer.address],
    trackers: false,
    encryption: 'off',
  }).start()
  const wire = await peer.connection()
  await wire.waitForMessages('interested')
  t.equal(torrent.state, 'metadata')
  t.throws(() => torrent.metainfo, { code: 'ERR_USAGE' })
  const rejected = t.rejects(torrent.ready, { code: 'ERR_ABORTED' })
  await torrent.close()
  await rejected
})

t.test('a bitfield that does not fit the metadata ends the connection, not the torrent', async t => {
  const peer = await seedWithMetadata(t)
  const liar = await scriptedPeer(t, made, {
    sendGreeting: wire => {
      wire.sendHandshake({ reserved: reservedBytes('extended', 'fast') })
      wire.send({ type: 'bitfield', bytes: new Uint8Array(1000).fill(0xff) })
    },
    message: () => {},
  })
  const disk = memoryDisk()
  const torrent = new Torrent(parseMagnet(made.metainfo.infoHash.toString('hex')), {
    peers: [liar.address, peer.address],
    trackers: false,
    encryption: 'off',
  }).start()
  t.teardown(() => torrent.close())
  const metainfo = await torrent.ready
  torrent.begin(directoryContent(metainfo, { output: '/home', fs: disk }))
  await torrent.done
  t.ok(torrent.verified.full)
})
