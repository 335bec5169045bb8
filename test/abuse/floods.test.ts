/** A peer sends messages as fast as they are read: another one keeps its rate, and the messages cost little CPU. */
import type net from 'node:net'
import t, { type Test } from 'tap'
import { encodeHandshake } from '../../src/codec/handshake.ts'
import { noise } from '../helpers/metainfo.ts'
import { flood, measureSeconds } from '../helpers/simulation/measure.ts'
import { SimulatedSwarm } from '../helpers/simulation/swarm.ts'
import { rootOf, torrentOfFiles, v2Torrent } from '../helpers/v2-torrent.ts'
import { msg, RESERVED_BYTES, u32 } from '../helpers/wire.ts'

const PIECE_LENGTH = 65_536
const PIECE_COUNT = 100
const content = noise(PIECE_COUNT * PIECE_LENGTH, 1)
const root = rootOf(content)
/** A v2 torrent, as its peers may request hashes too. */
const made = torrentOfFiles(v2Torrent({ 'flood.bin': content }, PIECE_LENGTH), { 'flood.bin': content })
const { infoHash } = made.metainfo

/** Bytes that the honest peer requests at a time, and of the answer. */
const REQUEST_BYTES = 1024
const ANSWER_BYTES = 4 + 9 + REQUEST_BYTES
/** Milliseconds one way of each host. */
const LATENCY_MS = 1
/**
 * What a second of a flood may cost, in answers of 1 KiB. The honest peer of a real network gets several thousand in a
 * second of CPU, so half of its rate remains.
 */
const MAX_COST_ANSWERS = 2000

const handshake = (letter: string, reserved: Buffer) =>
  encodeHandshake({ infoHash, peerId: Buffer.alloc(20, letter), reserved })

/** Requests blocks one after the other, as soon as it is unchoked. */
class HonestPeer {
  /** Blocks that it has received. */
  answers = 0
  #bytes = 0
  #next = 68 + 5 + Math.ceil(PIECE_COUNT / 8) + 5 // a handshake, a bitfield and an unchoke

  constructor(socket: net.Socket) {
    socket.write(Buffer.concat([handshake('h', RESERVED_BYTES.plain), msg(2)]))
    socket.on('data', chunk => {
      this.#bytes += chunk.length
      if (this.#bytes < this.#next) return
      this.#next += ANSWER_BYTES
      socket.write(msg(6, u32(this.answers++ % PIECE_COUNT, 0, REQUEST_BYTES)))
    })
  }
}

/** Starts a seed and an honest peer that is unchoked. */
async function start(t: Test) {
  const swarm = new SimulatedSwarm({ seed: 1, made })
  const seed = swarm.join({ complete: true, encryption: 'off', latency: LATENCY_MS })
  await swarm.start()
  const connect = () => swarm.host({ latency: LATENCY_MS }).connect({ ...seed.address }) as net.Socket
  const peer = new HonestPeer(connect())
  await swarm.clock.run({ until: () => peer.answers > 0 })
  t.teardown(() => swarm.close())
  return { swarm, peer, connect }
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
  t.test(`a flood of ${name} leaves an honest peer its rate`, async t => {
    const { swarm, peer, connect } = await start(t)
    const measure = () => measureSeconds(swarm, () => peer.answers)
    await measure() // the first run compiles
    const alone = await measure()
    const flooder = connect()
    flooder.resume()
    flooder.write(handshake('f', RESERVED_BYTES.fast))
    flood(flooder, bytes)
    await swarm.clock.run({ for: 1000 }) // the first second's worth is taken at once
    const attacked = await measure()
    t.ok(
      attacked.count >= 0.9 * alone.count,
      `${attacked.count} answers a second, without the flood ${alone.count}`,
    )
    const cost = ((attacked.cpu - alone.cpu) / alone.cpu) * alone.count
    t.ok(cost <= MAX_COST_ANSWERS, `a second of the flood costs as much as ${Math.round(cost)} answers`)
  })
}
