import t from 'tap'
import { Framer, type FramerOptions } from '../../../src/streams/peer/framer.ts'
import type { Incoming } from '../../../src/streams/peer/incoming.ts'
import { type BlockPlace, type BlockWriter, PieceBuffer } from '../../../src/streams/piece-buffer.ts'
import { cut, feed, run } from '../../helpers/feed.ts'
import { noise } from '../../helpers/metainfo.ts'
import {
  CHOKE_BYTES,
  HANDSHAKE_BYTES,
  KEEP_ALIVE,
  msg,
  pieceMsg,
  UNCHOKE_BYTES,
  u32,
} from '../../helpers/wire.ts'

/** Returns the messages of these bytes, for any chunk boundaries, without a handshake before them. */
const frame = (bytes: Uint8Array | Uint8Array[], options: FramerOptions = {}) =>
  feed<Incoming>(
    consumed => new Framer({ handshake: false, ...options, onConsumed: consumed }),
    Array.isArray(bytes) ? Buffer.concat(bytes) : bytes,
  )
const types = (messages: readonly Incoming[]) => messages.map(({ type }) => type)
const refused = { name: 'PeerError', code: 'ERR_MESSAGE' }
const tooLong = { name: 'PeerError', code: 'ERR_MESSAGE_TOO_LONG' }

/** Gives every block a place in its piece, and records the calls. */
class Places implements BlockPlace {
  readonly log: string[] = []
  readonly pieces = new Map<number, PieceBuffer>()
  writer: BlockWriter | undefined
  readonly #size: number
  constructor(size = 65536) {
    this.#size = size
  }

  /** Returns the memory of a piece. */
  piece(index: number): Uint8Array {
    return this.#buffer(index).data
  }

  place(index: number, begin: number, length: number, writer: BlockWriter): PieceBuffer | null {
    this.log.push(`place ${index} ${begin} ${length}`)
    this.writer = writer
    return this.#buffer(index)
  }

  #buffer(index: number): PieceBuffer {
    const piece = this.pieces.get(index) ?? new PieceBuffer(index, this.#size, Buffer.alloc(this.#size, 0xee))
    this.pieces.set(index, piece)
    return piece
  }
}

/** Returns the blocks and other messages in their order, as text. */
const describe = (messages: readonly Incoming[]) =>
  messages.flatMap(message =>
    message.type === 'blocks'
      ? message.blocks.map(({ piece, begin, length }) => `block ${piece.index} ${begin} ${length}`)
      : [message.type],
  )

t.test('a handshake and the messages after it are the same however the bytes are cut', async t => {
  const { items, error } = await feed<Incoming>(
    consumed => new Framer({ onConsumed: consumed }),
    Buffer.concat([HANDSHAKE_BYTES, msg(5, [0xf0]), UNCHOKE_BYTES]),
  )
  t.equal(error, undefined)
  t.same(types(items), ['handshake', 'bitfield', 'unchoke'])
  t.same((items[1] as { bytes: Uint8Array }).bytes, Buffer.from([0xf0]))
})

t.test('every message, split at every offset, is the same message', async t => {
  const data = noise(40, 1)
  const cases: [Buffer, object][] = [
    [KEEP_ALIVE, { type: 'keepAlive' }],
    [CHOKE_BYTES, { type: 'choke' }],
    [msg(4, u32(0xfffffffe)), { type: 'have', index: 0xfffffffe }],
    [msg(5, [1, 2, 3]), { type: 'bitfield', bytes: Buffer.from([1, 2, 3]) }],
    [msg(6, u32(1, 16384, 42)), { type: 'request', index: 1, begin: 16384, length: 42 }],
    [msg(8, u32(1, 16384, 42)), { type: 'cancel', index: 1, begin: 16384, length: 42 }],
    [pieceMsg(3, 5, data), { type: 'piece', index: 3, begin: 5, length: 40, data }],
    [msg(9, [0xc8, 0xd5]), { type: 'port', port: 51413 }],
    [msg(20, [7, 1, 2]), { type: 'extended', id: 7, payload: Buffer.from([1, 2]) }],
    [msg(20, [7]), { type: 'extended', id: 7, payload: Buffer.alloc(0) }],
    [msg(50, [1, 2, 3]), { type: 'unknown', id: 50 }],
  ]
  for (const [bytes, expected] of cases) {
    const followed = Buffer.concat([bytes, UNCHOKE_BYTES])
    for (let at = 0; at <= followed.length; at++) {
      const parts = [followed.subarray(0, at), followed.subarray(at)].map(part => Buffer.from(part))
      const consumed = (chunk: Uint8Array) => chunk.fill(0xee)
      const { items, error } = await run(new Framer({ handshake: false, onConsumed: consumed }), parts)
      t.equal(error, undefined)
      t.same(items, [expected, { type: 'unchoke' }], `${(expected as Incoming).type} split at ${at}`)
    }
  }
})

t.test('bytes that are not a handshake are rejected', async t => {
  for (const start of ['\x12BitTorrent protocol', '\x13bitTorrent protocol', 'GET / HTTP/1.1\r\nHost:']) {
    const bytes = Buffer.alloc(100)
    bytes.write(start, 'latin1')
    const { items, error } = await feed<Incoming>(consumed => new Framer({ onConsumed: consumed }), bytes)
    t.same(items, [])
    t.match(error, { name: 'PeerError', code: 'ERR_HANDSHAKE' })
  }
})

t.test('an end within a handshake is a clean end without a message', async t => {
  for (let k = 0; k < 68; k++) {
    t.same(await run(new Framer(), [HANDSHAKE_BYTES.subarray(0, k)]), { items: [], error: undefined }, `${k}`)
  }
  t.equal((await run(new Framer(), [HANDSHAKE_BYTES])).items.length, 1, 'all 68')
})

t.test('a thousand keep-alives are passed on as such, and nothing else is lost', async t => {
  const { items, error } = await frame([...Array(1000).fill(KEEP_ALIVE), UNCHOKE_BYTES])
  t.equal(error, undefined)
  t.equal(items.length, 1001)
  t.equal(items.filter(({ type }) => type === 'keepAlive').length, 1000)
  t.equal(items[1000]!.type, 'unchoke')
})

for (const length of [0x7fffffff, 0xffffffff, (1 << 20) + 1]) {
  t.test(
    `a length of 0x${length.toString(16)} is rejected before memory is allocated and before its bytes come`,
    async t => {
      const { allocUnsafe, allocUnsafeSlow, alloc } = Buffer
      t.teardown(() => Object.assign(Buffer, { allocUnsafe, allocUnsafeSlow, alloc }))
      let maximum = 0
      const watch = (make: (size: number) => Buffer) => (size: number) => {
        maximum = Math.max(maximum, size)
        return make(Math.min(size, 1 << 20))
      }
      Object.assign(Buffer, {
        allocUnsafe: watch(allocUnsafe),
        allocUnsafeSlow: watch(allocUnsafeSlow),
        alloc: watch(alloc as (size: number) => Buffer),
      })
      for (const id of [0, 4, 5, 6, 7, 9, 20, 21, 50, 255]) {
        const framer = new Framer({ handshake: false })
        const failure = new Promise(resolve => framer.on('error', resolve))
        framer.write(Buffer.concat([u32(length), Buffer.from([id])])) // without an end: it must not wait for more bytes
        t.match(await failure, tooLong, `id ${id}`)
      }
      t.ok(maximum < 1 << 20, `${maximum} bytes at once`)
    },
  )
}

t.test('a message of exactly the limit is accepted, one byte more is not', async t => {
  const options = { maxLength: 100 }
  for (const [id, type] of [
    [5, 'bitfield'],
    [20, 'extended'],
    [50, 'unknown'],
  ] as const) {
    const at = await frame([msg(id, noise(99, id)), UNCHOKE_BYTES], options)
    t.equal(at.error, undefined)
    t.same(types(at.items), [type, 'unchoke'])
    t.match((await frame(msg(id, noise(100, id)), options)).error, tooLong, type)
  }
})

t.test('piece messages have their own limit: a block, not the longest message', async t => {
  const { items, error } = await frame([pieceMsg(0, 0, noise(16384, 1)), UNCHOKE_BYTES], { maxLength: 100 })
  t.equal(error, undefined)
  t.same(types(items), ['piece', 'unchoke'])
})

t.test('a plain message with a payload is rejected, whatever the payload', async t => {
  for (const id of [0, 1, 2, 3]) {
    t.match(await frame([msg(id, [0x21]), UNCHOKE_BYTES]), { items: [], error: refused }, `id ${id}`)
  }
})

t.test('a length that is invalid for its message is rejected', async t => {
  for (const [id, right] of [
    [4, 4],
    [6, 12],
    [8, 12],
    [9, 2],
  ] as const) {
    for (const length of [0, right - 1, right + 1, 16]) {
      t.match(
        await frame([UNCHOKE_BYTES, msg(id, Buffer.alloc(length))]),
        { error: refused },
        `${id} with ${length}`,
      )
    }
  }
  t.match((await frame(msg(20))).error, refused, 'extended without its id')
  for (let length = 0; length < 8; length++)
    t.match((await frame(msg(7, Buffer.alloc(length)))).error, refused, `piece of ${length}`)
})

t.test('a message with an unknown id is skipped, and its neighbours are kept', async t => {
  const { items, error } = await frame([
    msg(18),
    msg(50, [1, 2, 3]),
    msg(50, noise(5000, 1)),
    msg(255),
    msg(3),
  ])
  t.equal(error, undefined)
  t.same(types(items), ['unknown', 'unknown', 'unknown', 'unknown', 'notInterested'])
  t.same(
    items.slice(0, 4).map(item => (item as { id: number }).id),
    [18, 50, 50, 255],
  )
})

t.test('a conversation that is cut off anywhere ends cleanly with whole messages only', async t => {
  const parts = [
    HANDSHAKE_BYTES,
    msg(5, [0xff]),
    UNCHOKE_BYTES,
    pieceMsg(0, 0, noise(100, 1)),
    msg(50, [1, 2]),
    msg(4, u32(3)),
  ]
  const bytes = Buffer.concat(parts)
  let whole = 0
  let end = 0
  for (let length = 0; length < bytes.length; length++) {
    while (end + parts[whole]!.length <= length) end += parts[whole++]!.length
    const { items, error } = await run(new Framer(), [bytes.subarray(0, length)])
    t.equal(error, undefined)
    // an unknown message is passed on with its id, because its payload is skipped
    t.equal(
      items.filter(({ type }) => type !== 'unknown').length,
      whole - (whole > 4 ? 1 : 0),
      `${length} bytes`,
    )
  }
})

t.test('a block that is cut off is not passed on', async t => {
  const places = new Places()
  const start = Buffer.concat([u32(48), Buffer.from([7]), u32(0, 0), Buffer.alloc(8, 1)])
  const { items, error } = await run(new Framer({ handshake: false, places }), [start])
  t.same(items, [])
  t.equal(error, undefined)
  t.same(places.log, ['place 0 0 39'])
  t.same(
    Buffer.from(places.piece(0).subarray(8, 39)),
    Buffer.alloc(31, 0xee),
    'nothing behind the bytes that came',
  )
})

t.test('an empty bitfield has no bytes of earlier chunks', async t => {
  const { items } = await feed<Incoming>(
    consumed => new Framer({ onConsumed: consumed }),
    Buffer.concat([HANDSHAKE_BYTES, msg(5), UNCHOKE_BYTES]),
  )
  t.same(items.slice(1), [{ type: 'bitfield', bytes: Buffer.alloc(0) }, { type: 'unchoke' }])
})

t.test('messages keep their bytes when chunks are reused', async t => {
  const bodies = Array.from({ length: 20 }, (_, at) => noise(300, at))
  const { items } = await frame(bodies.map((body, at) => msg(at % 2 ? 5 : 20, body)))
  for (const [at, item] of items.entries()) {
    if (item.type === 'bitfield') t.same(item.bytes, bodies[at])
    else if (item.type === 'extended') t.same(item.payload, bodies[at]!.subarray(1))
  }
  t.equal(items.length, 20)
})

t.test('a block of 16,385 bytes is rejected, and so is one that exceeds a smaller limit', async t => {
  t.match((await frame(pieceMsg(0, 0, Buffer.alloc(16385)))).error, tooLong)
  t.match((await frame(pieceMsg(0, 0, Buffer.alloc(101)), { maxBlock: 100 })).error, tooLong)
  t.equal((await frame(pieceMsg(0, 0, Buffer.alloc(100)), { maxBlock: 100 })).error, undefined)
})

t.test('index and begin are passed to places unchanged, up to 2^32 - 1', async t => {
  const places = new Places()
  places.place = (...args) => {
    places.log.push(args.slice(0, 3).join(' '))
    return null
  }
  const { items } = await run(new Framer({ handshake: false, places }), [
    pieceMsg(0xffffffff, 0xfffffffe, Buffer.from([1])),
  ])
  t.same(places.log, ['4294967295 4294967294 1'])
  t.match(items, [{ index: 0xffffffff, begin: 0xfffffffe, length: 1, data: null }])
})

t.test('short and empty blocks are passed on with their length', async t => {
  const { items, error } = await frame([
    pieceMsg(1, 0, Buffer.from([9])),
    pieceMsg(1, 16384, Buffer.alloc(0)),
    UNCHOKE_BYTES,
  ])
  t.equal(error, undefined)
  t.match(items, [{ begin: 0, length: 1 }, { begin: 16384, length: 0 }, { type: 'unchoke' }])
  t.equal((await frame(pieceMsg(1, 0, Buffer.alloc(0)))).items.length, 1, 'and do not wait for what follows')
})

t.test(
  'blocks are written to their places, and passed on in order with the messages around them',
  async t => {
    const data = noise(3 * 16384, 7)
    const [first, second, third] = [2, 0, 1].map(at =>
      pieceMsg(4, at * 16384, data.subarray(at * 16384, (at + 1) * 16384)),
    ) as unknown as [Uint8Array, Uint8Array, Uint8Array]
    const bytes = Buffer.concat([CHOKE_BYTES, first, second, UNCHOKE_BYTES, third, KEEP_ALIVE])
    for (const size of [1, 100, 16384, bytes.length]) {
      const places = new Places(data.length)
      const framer = new Framer({ handshake: false, places, onConsumed: chunk => chunk.fill(0xdd) })
      const { items, error } = await run<Incoming>(
        framer,
        cut(bytes, () => size),
      )
      t.equal(error, undefined)
      t.same(describe(items), [
        'choke',
        'block 4 32768 16384',
        'block 4 0 16384',
        'unchoke',
        'block 4 16384 16384',
        'keepAlive',
      ])
      t.same(Buffer.from(places.piece(4)), data)
      t.same(
        places.log,
        [32768, 0, 16384].map(at => `place 4 ${at} 16384`),
      )
    }
  },
)

t.test('blocks that follow one another in a chunk are one message of at most 64 blocks', async t => {
  const places = new Places(200)
  const begins = [0, 1, 2, 5, 4, ...Array.from({ length: 95 }, (_, at) => at + 10)]
  const blocks = begins.map(begin => pieceMsg(0, begin, Buffer.from([begin])))
  const { items } = await run<Incoming>(new Framer({ handshake: false, places }), [Buffer.concat(blocks)])
  t.same(
    items.map(item => describe([item])),
    [['block 0 0 3', 'block 0 5 1', 'block 0 4 1', 'block 0 10 59'], ['block 0 69 36']],
    'adjacent blocks are one item',
  )
  t.ok(items.every(item => item.type === 'blocks' && item.writer === places.writer))
})

t.test('a block without a place is skipped and passed on without data', async t => {
  const places = new Places()
  places.place = () => null
  const { items } = await frame([pieceMsg(0, 0, noise(16384, 1)), UNCHOKE_BYTES], { places })
  t.match(items, [{ type: 'piece', index: 0, begin: 0, length: 16384, data: null }, { type: 'unchoke' }])
  t.same(places.log, [])
})

t.test('a diverted block is written no further, and passed on without data', async t => {
  const places = new Places()
  const framer = new Framer({ handshake: false, places })
  const bytes = pieceMsg(0, 16384, Buffer.alloc(100, 1))
  const messages: Incoming[] = []
  framer.on('data', message => messages.push(message))
  framer.write(bytes.subarray(0, 13 + 40))
  await new Promise(resolve => setImmediate(resolve))
  places.writer!.divert(0, 0)
  places.writer!.divert(1, 16384)
  framer.write(bytes.subarray(53, 63))
  await new Promise(resolve => setImmediate(resolve))
  t.same(
    places.piece(0).subarray(16384, 16384 + 52),
    Buffer.concat([Buffer.alloc(50, 1), Buffer.alloc(2, 0xee)]),
    'others go on',
  )
  places.writer!.divert(0, 16384)
  framer.write(Buffer.concat([bytes.subarray(63), UNCHOKE_BYTES]))
  await new Promise(resolve => setImmediate(resolve))
  t.same(places.piece(0).subarray(16384 + 50, 16384 + 100), Buffer.alloc(50, 0xee))
  t.match(messages, [{ type: 'piece', begin: 16384, length: 100, data: null }, { type: 'unchoke' }])
  t.same(places.log, ['place 0 16384 100'])
})

t.test('diverting a complete block does not touch the next one', async t => {
  const places = new Places()
  const framer = new Framer({ handshake: false, places })
  const next = pieceMsg(0, 100, Buffer.alloc(100, 2))
  framer.resume()
  framer.write(Buffer.concat([pieceMsg(0, 0, Buffer.alloc(100, 1)), next.subarray(0, 50)]))
  await new Promise(resolve => setImmediate(resolve))
  places.writer!.divert(0, 0)
  framer.write(next.subarray(50))
  await new Promise(resolve => setImmediate(resolve))
  t.same(places.piece(0).subarray(100, 200), Buffer.alloc(100, 2))
})

t.test('consumed is called once for each chunk, in order, after the whole chunk was read', async t => {
  const bytes = Buffer.concat([
    UNCHOKE_BYTES,
    pieceMsg(0, 0, noise(1000, 1)),
    msg(50, noise(500, 2)),
    KEEP_ALIVE,
  ])
  const chunks = cut(bytes, () => 97)
  const places = new Places()
  const seen: Uint8Array[] = []
  const framer = new Framer({ handshake: false, places, onConsumed: chunk => seen.push(chunk) })
  await run(framer, chunks)
  t.equal(seen.length, chunks.length)
  t.ok(seen.every((chunk, at) => chunk === chunks[at]))
})

t.test('a chunk is not consumed while its messages wait to be read, which holds the peer back', async t => {
  let consumed = 0
  const framer = new Framer({ handshake: false, onConsumed: () => consumed++ })
  for (let at = 0; at < 100; at++) framer.write(Buffer.concat(Array(100).fill(KEEP_ALIVE)))
  await new Promise(resolve => setImmediate(resolve))
  t.ok(consumed >= 10 && consumed < 15, `${consumed} of 100 chunks: 64 KiB of messages, 64 bytes each`)
  let messages = 0
  framer.on('data', () => messages++)
  framer.end()
  await new Promise(resolve => framer.on('close', resolve))
  t.equal(consumed, 100)
  t.equal(messages, 10_000)
})

t.test('an error thrown by places fails this chain and no other', async t => {
  const places = new Places()
  places.place = () => {
    throw new RangeError('out of places')
  }
  const { error } = await run(new Framer({ handshake: false, places }), [pieceMsg(0, 0, Buffer.alloc(5))])
  t.match(error, { message: 'out of places' })
})
