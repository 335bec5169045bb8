import { once } from 'node:events'
import net from 'node:net'
import { Worker } from 'node:worker_threads'
import t, { type Test } from 'tap'
import { encodeHandshake } from '../../src/codec/handshake.ts'
import { Listener } from '../../src/pipeline/swarm/listener.ts'
import { systemClock } from '../../src/ports/clock.ts'
import { noise } from '../helpers/metainfo.ts'
import { leavesNothing, memoryDisk, startTorrent } from '../helpers/swarm.ts'
import { rootOf, torrentOfFiles, v2Torrent } from '../helpers/v2-torrent.ts'
import { msg, RESERVED_BYTES, u32 } from '../helpers/wire.ts'

const PIECE_LENGTH = 65_536
const PIECE_COUNT = 100
const content = noise(PIECE_COUNT * PIECE_LENGTH, 1)
const root = rootOf(content)
/** A v2 torrent, as its peers may request hashes too. */
const made = torrentOfFiles(v2Torrent({ 'flood.bin': content }, PIECE_LENGTH), { 'flood.bin': content })
const { infoHash } = made.metainfo
const handshake = encodeHandshake({
  infoHash,
  peerId: Buffer.alloc(20, 'f'),
  reserved: RESERVED_BYTES.fast,
})

/** Sends a handshake, and then the same message repeatedly, as fast as it is read, in a thread of its own. */
const FLOODER_SCRIPT = `
const { parentPort, workerData: { port, head, bytes } } = require('node:worker_threads')
const socket = require('node:net').connect({ port, host: '127.0.0.1' })
const flood = Buffer.concat(Array(Math.ceil(65536 / bytes.length)).fill(Buffer.from(bytes)))
socket.on('error', () => {})
socket.resume()
socket.write(head)
const write = () => { while (socket.write(flood)); }
socket.on('drain', write)
socket.on('connect', () => { write(); parentPort.postMessage('connected') })
`

/** A seed on the real clock. */
async function seeding(t: Test) {
  leavesNothing(t)
  const disk = memoryDisk()
  await disk.writeFile('/home/flood.bin', content)
  const listener = await new Listener({ bind: '127.0.0.1', clock: systemClock, encryption: 'off' }).listen()
  const torrent = startTorrent(made.metainfo, {
    output: '/home',
    fs: disk,
    trackers: false,
    encryption: 'off',
    listener,
    share: true,
  })
  await torrent.done
  t.teardown(async () => {
    await torrent.close()
    listener.close()
  })
  return { host: '127.0.0.1', port: listener.port! }
}

/** Bytes of a request of the honest peer, and of the answer. */
const ASKED_BYTES = 1024
const ANSWER_BYTES = 4 + 9 + ASKED_BYTES

/** An honest peer that is unchoked. */
async function honest(t: Test, { host, port }: { host: string; port: number }) {
  const socket = net.connect({ host, port, noDelay: true })
  t.teardown(() => socket.destroy())
  let bytes = 0
  let wake = () => {}
  socket.on('data', chunk => {
    bytes += chunk.length
    wake()
  })
  const seen = (most: number) =>
    new Promise<void>(resolve => {
      wake = () => {
        if (bytes >= most) resolve()
      }
      wake()
    })
  socket.write(
    Buffer.concat([
      encodeHandshake({ infoHash, peerId: Buffer.alloc(20, 'h'), reserved: RESERVED_BYTES.plain }),
      msg(2),
    ]),
  )
  // a handshake, a bitfield and an unchoke
  await seen(68 + 5 + Math.ceil(made.metainfo.pieceCount / 8) + 5)
  /** Returns the number of blocks that it fetches, one after the other, in `ms` milliseconds. */
  return async (ms: number): Promise<number> => {
    let count = 0
    for (const end = performance.now() + ms; performance.now() < end; count++) {
      const next = seen(bytes + ANSWER_BYTES)
      socket.write(msg(6, u32(count % PIECE_COUNT, 0, ASKED_BYTES)))
      await next
    }
    return count
  }
}

const extended = (text: string) => msg(20, Buffer.concat([Buffer.from([0]), Buffer.from(text, 'latin1')]))
const FLOOD_BYTES: Record<string, Buffer> = {
  'keep-alives': u32(0),
  'unknown messages': msg(99),
  interest: Buffer.concat([msg(2), msg(3)]),
  'have-all and have-none': Buffer.concat([msg(14), msg(15)]),
  haves: msg(4, u32(5)),
  cancels: msg(8, u32(1, 0, 16_384)),
  suggestions: msg(13, u32(7)),
  'extended handshakes': extended(
    'd1:md6:ut_pexi1e11:ut_metadatai2ee4:reqqi250e1:v7:flooders6:yourip4:\x01\x02\x03\x04e',
  ),
  'unknown extensions': msg(20, [77, 1, 2, 3]),
  // the leaves of one piece after the other, so that none is in the cache
  'hash requests': Buffer.concat(
    Array.from({ length: PIECE_COUNT }, (_, piece) =>
      msg(21, Buffer.concat([root, u32(0, 4 * piece, 4, 0)])),
    ),
  ),
  'metadata requests': msg(
    20,
    Buffer.concat([Buffer.from([3]), Buffer.from('d8:msg_typei0e5:piecei9999ee')]),
  ),
}

for (const [name, bytes] of Object.entries(FLOOD_BYTES)) {
  t.test(`a flood of ${name} leaves an honest peer half of its rate`, async t => {
    const address = await seeding(t)
    const fetched = await honest(t, address)
    await fetched(100)
    // other load of the machine only makes it slower, so the best of several rounds counts
    let [alone, attacked] = [0, 0]
    for (let round = 0; round < 15 && (round < 1 || attacked < 0.6 * alone); round++) {
      alone = Math.max(alone, await fetched(200))
      const flooder = new Worker(FLOODER_SCRIPT, {
        eval: true,
        workerData: { port: address.port, head: handshake, bytes },
      })
      await once(flooder, 'message') // it is connected
      await fetched(400) // the budget of the first second is spent at once
      attacked = Math.max(attacked, await fetched(200))
      await flooder.terminate()
      await fetched(100)
    }
    const best = attacked / alone
    t.comment(`${best.toFixed(2)} of its rate`)
    t.ok(best >= 0.5, `${best} of its rate`)
  })
}
