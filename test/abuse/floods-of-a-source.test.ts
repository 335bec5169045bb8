/**
 * A peer that we download from sends messages as fast as they are read. Another peer that sends blocks keeps its rate.
 */

import t from 'tap'
import { reservedBytes } from '../../src/codec/handshake.ts'
import { encodedLength, encodeInto, type Message } from '../../src/codec/message.ts'
import { stream } from '../../src/pipeline/stream.ts'
import { type FastSeed, startFastSeed } from '../helpers/fast-seed.ts'
import { startFlooder } from '../helpers/flooder.ts'
import { OFFLINE_OPTIONS } from '../helpers/swarm.ts'

/** 64 MiB. */
const PIECE_COUNT = 256

const block = { index: 0, begin: 0, length: 16384 }
const extended = (id: number, text: string): Message => ({
  type: 'extended',
  id,
  payload: Buffer.from(text, 'latin1'),
})

/** The bytes that the flooder repeats. */
const FLOOD_BYTES: Readonly<Record<string, readonly (Message | Buffer)[]>> = {
  'haves and their opposite': [extended(1, '\0\0\0\x01'), { type: 'have', index: 1 }],
  'have-alls and have-nones': [{ type: 'haveAll' }, { type: 'haveNone' }],
  allowances: [{ type: 'allowedFast', index: 1 }],
  'unchokes and chokes': [{ type: 'unchoke' }, { type: 'choke' }],
  rejects: [{ type: 'reject', ...block }],
}

function encoded(messages: readonly (Message | Buffer)[]): Buffer {
  const parts = messages.map(message => {
    if (Buffer.isBuffer(message)) return message
    const bytes = Buffer.alloc(encodedLength(message))
    encodeInto(message, bytes, 0)
    return bytes
  })
  return Buffer.concat(parts)
}

/** Bytes per millisecond from the seed. @param flood what another peer sends meanwhile */
async function rateOf({ address, metainfo }: FastSeed, flood?: Buffer): Promise<number> {
  const { infoHash } = metainfo
  const peerId = Buffer.from('-SC0001-flood-flood-')
  const handshake: Message = {
    type: 'handshake',
    infoHash,
    peerId,
    reserved: reservedBytes('extended', 'fast'),
  }
  const flooder = flood && (await startFlooder({ greeting: encoded([handshake]), flood }))
  const peers = flooder ? [flooder.address, address] : [address]
  const torrent = stream(metainfo, { ...OFFLINE_OPTIONS, peers, encryption: 'off' })
  let start = 0
  let bytes = 0
  for await (const chunk of torrent) {
    start ||= performance.now()
    bytes += (chunk as Uint8Array).length
  }
  const rate = bytes / (performance.now() - start)
  await flooder?.close()
  return rate
}

t.test('a flood of messages leaves an honest peer at least half of its rate', async t => {
  const seed = await startFastSeed(PIECE_COUNT)
  t.teardown(() => seed.close())
  await rateOf(seed) // the first run compiles
  for (const [what, messages] of Object.entries(FLOOD_BYTES)) {
    let best = 0
    // Runs with and without take turns, and noise only slows down: the best pair counts.
    for (let round = 0; round < 10 && best < 0.5; round++) {
      const alone = await rateOf(seed)
      best = Math.max(best, (await rateOf(seed, encoded(messages))) / alone)
    }
    t.ok(best >= 0.5, `${what}: ${(100 * best).toFixed(0)} % of the rate`)
  }
})
