import t from 'tap'
import {
  checkMessageLength,
  decodeBody,
  encodedLength,
  encodeInto,
  encodeMessage,
  isKnownType,
  type Message,
} from '../../src/codec/message.ts'
import { PeerError } from '../../src/errors.ts'
import { Framer } from '../../src/streams/peer/framer.ts'
import type { Incoming } from '../../src/streams/peer/incoming.ts'
import { feed } from '../helpers/feed.ts'
import { HANDSHAKE_BYTES, INFO_HASH, KEEP_ALIVE, msg, PEER_ID, pieceMsg, u32 } from '../helpers/wire.ts'

const data = Buffer.from('sixteen bytes or')

const ENCODED_MESSAGES: [Message, Buffer][] = [
  [
    {
      type: 'handshake',
      infoHash: INFO_HASH,
      peerId: PEER_ID,
      reserved: Buffer.from('0000000000100000', 'hex'),
    },
    HANDSHAKE_BYTES,
  ],
  [{ type: 'keepAlive' }, KEEP_ALIVE],
  [{ type: 'choke' }, Buffer.from('0000000100', 'hex')],
  [{ type: 'unchoke' }, Buffer.from('0000000101', 'hex')],
  [{ type: 'interested' }, Buffer.from('0000000102', 'hex')],
  [{ type: 'notInterested' }, Buffer.from('0000000103', 'hex')],
  [{ type: 'have', index: 0xfffffffe }, Buffer.from('0000000504fffffffe', 'hex')],
  [{ type: 'bitfield', bytes: Buffer.from('a5c0', 'hex') }, Buffer.from('0000000305a5c0', 'hex')],
  [{ type: 'request', index: 1, begin: 0x80000000, length: 16384 }, msg(6, u32(1, 0x80000000, 16384))],
  [{ type: 'cancel', index: 0x01020304, begin: 16384, length: 42 }, msg(8, u32(0x01020304, 16384, 42))],
  [{ type: 'piece', index: 7, begin: 32768, length: 16, data }, pieceMsg(7, 32768, data)],
  [{ type: 'port', port: 51413 }, Buffer.from('0000000309c8d5', 'hex')],
  [{ type: 'suggest', index: 0xfffffffe }, Buffer.from('000000050dfffffffe', 'hex')],
  [{ type: 'haveAll' }, Buffer.from('000000010e', 'hex')],
  [{ type: 'haveNone' }, Buffer.from('000000010f', 'hex')],
  [
    { type: 'reject', index: 0x01020304, begin: 0x80000000, length: 16384 },
    msg(16, u32(0x01020304, 0x80000000, 16384)),
  ],
  [{ type: 'allowedFast', index: 0x01020304 }, Buffer.from('000000051101020304', 'hex')],
  [{ type: 'extended', id: 0, payload: Buffer.from('de') }, Buffer.from('0000000414006465', 'hex')],
  ...(['hashRequest', 'hashReject'] as const).map((type): [Message, Buffer] => [
    { type, root: Buffer.alloc(32, 5), base: 1, index: 0x02030400, length: 512, proofLayers: 3 },
    Buffer.from(
      `00000031${type === 'hashRequest' ? '15' : '17'}${'05'.repeat(32)}00000001020304000000020000000003`,
      'hex',
    ),
  ]),
  [
    {
      ...{ type: 'hashes', root: Buffer.alloc(32, 5), base: 0, index: 2, length: 2, proofLayers: 2 },
      hashes: Buffer.alloc(4 * 32, 6),
    },
    Buffer.from(`000000b116${'05'.repeat(32)}00000000000000020000000200000002${'06'.repeat(4 * 32)}`, 'hex'),
  ],
  [{ type: 'unknown', id: 50 }, Buffer.from('0000000132', 'hex')],
]

for (const [message, bytes] of ENCODED_MESSAGES) {
  t.test(`${message.type} is encoded as in the BEPs, in encodedLength bytes`, async t => {
    t.same(encodeMessage(message), bytes)
    t.equal(encodedLength(message), bytes.length)
  })

  t.test(`${message.type} is encoded at the offset without changes around it`, async t => {
    const target = Buffer.alloc(bytes.length + 8, 0xee)
    t.equal(encodeInto(message, target, 4), 4 + bytes.length)
    t.same(target.subarray(4, -4), bytes)
    t.same([target.readUInt32BE(0), target.readUInt32BE(bytes.length + 4)], [0xeeeeeeee, 0xeeeeeeee])
  })

  if (['handshake', 'keepAlive', 'piece'].includes(message.type)) continue
  t.test(`${message.type} is decoded from its body`, async t => {
    const body = Buffer.from(bytes.subarray(5))
    t.same(decodeBody(bytes[4]!, body), message)
    t.doesNotThrow(() => checkMessageLength(bytes[4]!, bytes.length - 4))
    t.equal(isKnownType(bytes[4]!), message.type !== 'unknown')
  })
}

t.test('a message of an invalid length is rejected', async t => {
  const allowed: [number, number[]][] = [
    [0, [1]],
    [1, [1]],
    [2, [1]],
    [3, [1]],
    [4, [5]],
    [6, [13]],
    [8, [13]],
    [9, [3]],
    [13, [5]],
    [14, [1]],
    [15, [1]],
    [16, [13]],
    [17, [5]],
  ]
  for (const [id, lengths] of allowed) {
    for (let length = 1; length <= 20; length++) {
      const check = () => checkMessageLength(id, length)
      if (lengths.includes(length)) t.doesNotThrow(check, `${id} with ${length}`)
      else t.throws(check, { name: 'PeerError', code: 'ERR_MESSAGE' }, `${id} with ${length}`)
    }
  }
})

t.test('messages of variable length have a minimum length', async t => {
  for (const [id, least] of [
    [5, 1],
    [7, 9],
    [20, 2],
    [22, 49],
    [50, 1],
    [255, 1],
  ] as const) {
    t.doesNotThrow(() => checkMessageLength(id, least))
    t.doesNotThrow(() => checkMessageLength(id, least + 1024))
    t.throws(() => checkMessageLength(id, least - 1), PeerError, `${id}`)
  }
  t.throws(() => checkMessageLength(20, 1), { message: 'message 20 with length 1, expected at least 2' })
  t.throws(() => checkMessageLength(4, 4), { message: 'message 4 with length 4, expected 5' })
})

t.test('ids other than 0 to 9, 13 to 17, 20 to 23 are unknown', async t => {
  const known = Array.from({ length: 256 }, (_, id) => id).filter(isKnownType)
  t.same(known, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 14, 15, 16, 17, 20, 21, 22, 23])
})

t.test('encoded messages are decoded from a stream with any chunk boundaries', async t => {
  const { items, error } = await feed<Incoming>(
    consumed => new Framer({ onConsumed: consumed, maxHashes: () => 0xb1 }),
    Buffer.concat(ENCODED_MESSAGES.map(([, bytes]) => bytes)),
  )
  t.equal(error, undefined)
  t.equal(items.length, ENCODED_MESSAGES.length)
  for (const [at, [message]] of ENCODED_MESSAGES.entries()) t.same(items[at], message, message.type)
})

t.test('a message of the fast extension with an invalid length ends the stream', async t => {
  for (const bytes of [msg(14, [0]), msg(15, [0]), msg(13, u32(1, 2)), msg(17), msg(16, u32(1, 2))]) {
    const { items, error } = await feed<Incoming>(
      consumed => new Framer({ handshake: false, onConsumed: consumed }),
      Buffer.concat([bytes, KEEP_ALIVE]),
    )
    t.same(items, [], `${bytes[4]}`)
    t.match(error, { name: 'PeerError', code: 'ERR_MESSAGE' }, `${bytes[4]}`)
  }
})
