import t from 'tap'
import type { HashRange } from '../../../src/codec/hash-range.ts'
import { MESSAGE_IDS, type Message } from '../../../src/codec/message.ts'
import { Framer } from '../../../src/streams/peer/framer.ts'
import { HashResponder } from '../../../src/streams/peer/hash-responder.ts'
import type { Incoming } from '../../../src/streams/peer/incoming.ts'
import { feed } from '../../helpers/feed.ts'
import { noise } from '../../helpers/metainfo.ts'

const root = noise(32, 1)
const range = (index: number): HashRange => ({ root, base: 0, index: 2 * index, length: 2, proofLayers: 0 })
const settle = () => new Promise(resolve => setImmediate(resolve))

function setup(hasRoom: () => boolean = () => true) {
  const sent: Message[] = []
  const responder = new HashResponder({
    onAnswered: () => {},
    send: message => {
      sent.push(message)
      return hasRoom()
    },
  })
  responder.source = { findHashes: async ({ index }) => (index === 2 ? undefined : Buffer.alloc(64, index)) }
  return { responder, sent }
}

t.test('each request gets one answer, in order: hashes, or a hash reject', async t => {
  const { responder, sent } = setup()
  for (const index of [0, 1, 2]) responder.add(range(index))
  await settle()
  t.same(sent, [
    { type: 'hashes', ...range(0), hashes: Buffer.alloc(64, 0) },
    { type: 'hashReject', ...range(1) },
    { type: 'hashes', ...range(2), hashes: Buffer.alloc(64, 4) },
  ])
  t.ok(responder.isIdle)
})

t.test(
  'a peer that takes no answer gets none prepared; sixteen requests wait, others are rejected',
  async t => {
    let room = false
    const { responder, sent } = setup(() => room)
    for (let index = 10; index < 200; index++) responder.add(range(index))
    await settle()
    const hashes = () => sent.filter(({ type }) => type === 'hashes').length
    t.equal(hashes(), 1)
    t.equal(sent.length - hashes(), 173)
    room = true
    responder.resume()
    await settle()
    t.equal(hashes(), 17)
  },
)

t.test('without hashes all requests are rejected', async t => {
  const { responder, sent } = setup()
  responder.end()
  responder.add(range(0))
  t.same(sent, [{ type: 'hashReject', ...range(0) }])
})

t.test(
  'hashes that were not requested are skipped without memory for them, with any chunk boundaries',
  async t => {
    const body = Buffer.alloc(1 + 48 + 512 * 32)
    body[0] = MESSAGE_IDS.hashes
    const head = Buffer.alloc(4)
    head.writeUInt32BE(body.length)
    const { items, error } = await feed<Incoming>(
      consumed => new Framer({ handshake: false, onConsumed: consumed }),
      Buffer.concat([head, body, head, body, Buffer.alloc(4)]),
    )
    t.equal(error, undefined)
    t.same(items, [{ type: 'unknown', id: 22 }, { type: 'unknown', id: 22 }, { type: 'keepAlive' }])
  },
)
