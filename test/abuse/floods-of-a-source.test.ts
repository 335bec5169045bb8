/** A peer that we download from sends messages as fast as they are read: another one that sends blocks keeps its rate. */
import type net from 'node:net'
import t, { type Test } from 'tap'
import { reservedBytes } from '../../src/codec/handshake.ts'
import { encodedLength, encodeInto, type Message } from '../../src/codec/message.ts'
import { flood, measureSeconds } from '../helpers/simulation/measure.ts'
import { SimulatedSwarm } from '../helpers/simulation/swarm.ts'

/** Bytes per second of the honest seed. The torrent lasts longer than the test. */
const SEED_RATE = 4 << 20
const PIECE_LENGTH = 262_144
const PIECE_COUNT = 256
/** What a second of a flood may cost, in MiB of the honest seed. */
const MAX_COST_MIB = 10

const block = { index: 0, begin: 0, length: 16384 }
const extended = (id: number, text: string): Message => ({
  type: 'extended',
  id,
  payload: Buffer.from(text, 'latin1'),
})

/** The messages that the flooder repeats. */
const FLOOD_MESSAGES: Readonly<Record<string, readonly Message[]>> = {
  'haves and their opposite': [extended(1, '\0\0\0\x01'), { type: 'have', index: 1 }],
  'have-alls and have-nones': [{ type: 'haveAll' }, { type: 'haveNone' }],
  allowances: [{ type: 'allowedFast', index: 1 }],
  'unchokes and chokes': [{ type: 'unchoke' }, { type: 'choke' }],
  rejects: [{ type: 'reject', ...block }],
}

function encoded(messages: readonly Message[]): Buffer {
  const parts = messages.map(message => {
    const bytes = Buffer.alloc(encodedLength(message))
    encodeInto(message, bytes, 0)
    return bytes
  })
  return Buffer.concat(parts)
}

/** Measures seconds of a download from an honest seed. @param messages what another peer sends meanwhile */
async function measureDownload(t: Test, messages: readonly Message[] = []) {
  const swarm = new SimulatedSwarm({ seed: 1, pieces: PIECE_COUNT, pieceLength: PIECE_LENGTH })
  const seed = swarm.join({ complete: true, encryption: 'off', up: SEED_RATE })
  const flooder = swarm.host()
  const address = { host: flooder.address, port: 6881 }
  let connections = 0
  const server = flooder.createServer((socket: net.Socket) => {
    connections++
    const { infoHash } = swarm.made.metainfo
    const peerId = Buffer.from('-SC0001-flood-flood-')
    socket.resume()
    socket.write(
      encoded([{ type: 'handshake', infoHash, peerId, reserved: reservedBytes('extended', 'fast') }]),
    )
    flood(socket, encoded(messages))
  })
  if (messages.length > 0) server.listen({ port: address.port, host: address.host })
  const peers = messages.length > 0 ? [address, seed.address] : [seed.address]
  const leecher = swarm.join({ encryption: 'off', peers })
  await swarm.start()
  const { torrent } = leecher
  await swarm.clock.run({ until: () => torrent.progress.downloaded > 0 })
  await swarm.clock.run({ for: 2000 })
  const measured = await measureSeconds(swarm, () => torrent.progress.downloaded)
  t.equal(connections, messages.length > 0 ? 1 : 0)
  await swarm.close()
  server.close()
  return measured
}

t.test('a flood of messages leaves an honest peer its rate, and costs little CPU', async t => {
  await measureDownload(t) // the first run compiles
  const alone = await measureDownload(t)
  for (const [name, messages] of Object.entries(FLOOD_MESSAGES)) {
    const attacked = await measureDownload(t, messages)
    const share = attacked.count / alone.count
    t.ok(share >= 0.9, `${name}: ${(100 * share).toFixed(0)} % of the rate`)
    const cost = ((attacked.cpu - alone.cpu) / alone.cpu) * (alone.count / 2 ** 20)
    t.ok(cost <= MAX_COST_MIB, `${name}: a second costs as much as ${cost.toFixed(0)} MiB from the seed`)
  }
})
