import t from 'tap'
import { Bitfield } from '../../../src/codec/bitfield.ts'
import type { Message } from '../../../src/codec/message.ts'
import { Framer } from '../../../src/streams/peer/framer.ts'
import { type BlockSource, type Request, Requester } from '../../../src/streams/peer/requester.ts'
import { type Block, PieceBuffer } from '../../../src/streams/piece-buffer.ts'
import { noise } from '../../helpers/metainfo.ts'
import { settle } from '../../helpers/virtual-clock.ts'
import { CHOKE_BYTES, msg, pieceMsg, UNCHOKE_BYTES, u32 } from '../../helpers/wire.ts'

const KiB16 = 16384
const PIECE_COUNT = 100

interface Options {
  /** Blocks of each piece. */
  readonly blocks?: number
  readonly window?: number
  /** Returns true if a piece is wanted. */
  readonly wants?: (index: number) => boolean
  readonly pieceCount?: number
  /** True if both sides support the fast extension. */
  readonly fast?: boolean
}

/** A requester behind a framer, with a source that returns blocks in order, a window, and a clock. */
function setup({
  blocks = 4,
  window = 8,
  wants = () => true,
  pieceCount = PIECE_COUNT,
  fast = false,
}: Options = {}) {
  const pieces = Array.from(
    { length: Math.min(pieceCount, PIECE_COUNT) },
    (_, index) => new PieceBuffer(index, blocks * KiB16),
  )
  const sent: Message[] = []
  const batches: number[] = []
  const log: string[] = []
  const out: Block[] = []
  const errors: Error[] = []
  const time = { now: 1000 }
  const state = {
    size: window,
    snubs: 0,
    received: [] as [number, number, number][],
    accepted: [] as number[],
  }
  let maxPending = 0

  const source: BlockSource = {
    takeBlocks(requester, room, now) {
      const taken: Request[] = []
      for (const piece of pieces) {
        if (!requester.offers(piece.index) || !wants(piece.index)) continue
        for (let block = 0; block < piece.blocks && taken.length < room; block++) {
          if (piece.states[block] !== 0) continue
          piece.request(block)
          taken.push({ piece, block, at: now, lost: false })
        }
      }
      if (taken.length > 0) batches.push(taken.length)
      return taken
    },
    onArrival: (_, requests) =>
      log.push(...requests.map(({ piece, block }) => `arrived ${piece.index}:${block}`)),
    onLoss: (_, requests) => {
      for (const { piece, block } of requests) {
        piece.release(block)
        log.push(`lost ${piece.index}:${block}`)
      }
    },
    onBitfield: (requester, before) => log.push(`bitfield ${before.count} -> ${requester.bits.count}`),
    onHave: (_, index) => log.push(`have ${index}`),
    onDontHave: (_, index) => log.push(`lack ${index}`),
    findPiece: (_, index) => pieces[index],
    wants,
    onLeave: () => log.push('left'),
  }
  const requester: Requester = new Requester({
    pieceCount,
    source,
    now: () => time.now,
    send: messages => {
      sent.push(...[messages].flat())
      maxPending = Math.max(maxPending, requester.outstanding)
    },
    window: {
      get size() {
        return state.size
      },
      onBlock: (...args) => state.received.push(args),
      onSnub: () => state.snubs++,
      onRefusal: accepted => {
        state.accepted.push(accepted)
        state.size = Math.max(1, Math.min(state.size, accepted))
      },
    },
  })
  requester.fast = fast
  const framer = new Framer({ handshake: false, places: requester })
  framer.on('error', error => errors.push(error))
  requester.on('error', error => {
    if (!errors.includes(error)) errors.push(error)
  })
  framer.pipe(requester)
  requester.on('data', block => out.push(block))

  return {
    requester,
    framer,
    source,
    pieces,
    sent,
    batches,
    log,
    out,
    errors,
    time,
    state,
    /** The maximum number of pending requests so far. */
    maxPending: () => maxPending,
    /** The messages of the peer. */
    async receive(...messages: Uint8Array[]) {
      framer.write(Buffer.concat(messages))
      await settle()
    },
    /** Returns the requests since the last call that were not cancelled, as `piece:block`. */
    asked(): string[] {
      return sent
        .splice(0)
        .flatMap(message => (message.type === 'request' ? [`${message.index}:${message.begin / KiB16}`] : []))
    },
    sentTypes: () => sent.map(({ type }) => type),
    lost: () => log.filter(line => line.startsWith('lost')).map(line => line.slice(5)),
    arrived: () => log.filter(line => line.startsWith('arrived')).map(line => line.slice(8)),
  }
}

const haveAll = msg(5, Buffer.concat([Buffer.alloc(12, 0xff), Buffer.from([0xf0])]))
const block = (index: number, at: number, seed = 0) => pieceMsg(index, at * KiB16, noise(KiB16, seed))
const refused = [{ name: 'PeerError', code: 'ERR_MESSAGE' }]
/** Messages of the fast extension. */
const HAVE_ALL = msg(14)
const HAVE_NONE = msg(15)
const suggest = (index: number) => msg(13, u32(index))
const reject = (index: number, at: number) => msg(16, u32(index, at * KiB16, KiB16))
const allow = (index: number) => msg(17, u32(index))

t.test('nothing is requested from a peer that chokes, or that has nothing', async t => {
  const choking = setup()
  await choking.receive(haveAll)
  t.same(choking.sentTypes(), ['interested'])
  const empty = setup()
  await empty.receive(UNCHOKE_BYTES)
  t.same(empty.sent, [])
})

t.test('interested is sent once, when the peer has a piece that we lack', async t => {
  const { receive, sentTypes } = setup({ wants: index => index > 50 })
  await receive(msg(4, u32(50)))
  t.same(sentTypes(), [])
  await receive(msg(4, u32(51)), msg(4, u32(52)), haveAll, haveAll)
  t.same(sentTypes(), ['interested'])
})

t.test('not interested is sent once the peer has no piece that we want', async t => {
  const { receive, sentTypes, requester } = setup()
  await receive(msg(4, u32(3)), msg(4, u32(4)))
  requester.addOwnPiece(3)
  requester.addOwnPiece(7)
  t.same(sentTypes(), ['interested'])
  requester.addOwnPiece(4)
  t.same(sentTypes(), ['interested', 'notInterested'])
  await receive(msg(4, u32(5)))
  t.same(sentTypes(), ['interested', 'notInterested', 'interested'])
  await receive(msg(5, Buffer.alloc(13)))
  t.equal(sentTypes().at(-1), 'notInterested', 'nor if it takes back what it had')
})

t.test('blocks are requested as BEP 3 defines, as many as the window allows', async t => {
  const { receive, sent, requester } = setup({ window: 3 })
  await receive(haveAll, UNCHOKE_BYTES)
  t.same(
    sent.slice(1),
    [0, 1, 2].map(at => ({ type: 'request', index: 0, begin: at * KiB16, length: KiB16 })),
  )
  t.equal(requester.outstanding, 3)
  t.equal(requester.findRequestTime(0, 2), 1000)
  t.equal(requester.findRequestTime(0, 3), undefined)
})

t.test('the last, short block is requested with its own length', async t => {
  const { receive, sent, pieces } = setup({ blocks: 1, pieceCount: 1 })
  pieces[0] = new PieceBuffer(0, KiB16 + 42)
  await receive(msg(5, [0x80]), UNCHOKE_BYTES)
  t.match(sent.slice(1), [
    { begin: 0, length: KiB16 },
    { begin: KiB16, length: 42 },
  ])
})

t.test('a requested block is in its place, reported, and passed on when its piece is complete', async t => {
  const { receive, pieces, arrived, out, requester, state, time } = setup({ blocks: 2 })
  await receive(haveAll, UNCHOKE_BYTES)
  time.now += 70
  const bytes = noise(2 * KiB16, 5)
  await receive(pieceMsg(0, KiB16, bytes.subarray(KiB16)), pieceMsg(0, 0, bytes.subarray(0, KiB16)))
  t.same(arrived(), ['0:1', '0:0'])
  t.same(Buffer.from(pieces[0]!.data), bytes)
  t.equal(pieces[0]!.givers[1], requester)
  t.match(out.at(-1), { piece: { index: 0 }, begin: 0, length: KiB16 })
  t.equal(requester.downloaded, 2 * KiB16)
  t.equal(requester.wasted, 0)
  t.same(state.received[0], [KiB16, 70, 1070])
})

t.test('requests never exceed the window when it grows and shrinks', async t => {
  const { receive, maxPending, state, requester } = setup({ window: 8 })
  await receive(haveAll, UNCHOKE_BYTES)
  for (let index = 0; index < 20; index++) {
    state.size = 4 + ((index * 7) % 9)
    for (let at = 0; at < 4; at++) {
      await receive(block(index, at))
      t.ok(requester.outstanding <= 12)
    }
  }
  t.ok(maxPending() <= 12, `${maxPending()}`)
  state.size = 2
  await receive(CHOKE_BYTES, UNCHOKE_BYTES)
  t.equal(requester.outstanding, 2)
})

t.test('the window is filled in batches, not by one request per block', async t => {
  const { receive, batches } = setup({ window: 32 })
  await receive(haveAll, UNCHOKE_BYTES)
  t.same(batches, [32])
  for (let index = 0; index < 8; index++) for (let at = 0; at < 4; at++) await receive(block(index, at))
  t.same(batches, [32, 8, 8, 8, 8])
})

t.test('a peer with fewer blocks than room is not asked again and again', async t => {
  const { receive, asked, requester, pieces } = setup({ window: 32, wants: index => index === 0 })
  await receive(haveAll, UNCHOKE_BYTES)
  t.equal(asked().length, 4)
  pieces[0]!.arrive(3, undefined)
  requester.fill()
  t.same(asked(), [])
})

t.test('requests that a choke discards are lost, and sent again after the unchoke', async t => {
  const { receive, asked, lost, requester } = setup({ window: 4 })
  await receive(haveAll, UNCHOKE_BYTES)
  t.same(asked(), ['0:0', '0:1', '0:2', '0:3'])
  await receive(block(0, 1), CHOKE_BYTES)
  t.same(lost(), ['0:0', '0:2', '0:3', '1:0'])
  t.equal(requester.outstanding, 0)
  requester.fill()
  t.same(asked(), ['1:0'], 'the one that was asked before the choke came')
  await receive(UNCHOKE_BYTES)
  t.same(asked(), ['0:0', '0:2', '0:3', '1:0'])
})

t.test('blocks that were on their way when the choke came are accepted', async t => {
  const { receive, requester, errors, arrived } = setup({ window: 100 })
  await receive(haveAll, UNCHOKE_BYTES)
  await receive(CHOKE_BYTES)
  for (let index = 0; index < 25; index++) await receive(...[0, 1, 2, 3].map(at => block(index, at)))
  t.equal(arrived().length, 100)
  t.equal(requester.wasted, 0)
  t.equal(requester.downloaded, 100 * KiB16)
  for (let at = 0; at < 134; at++) await receive(block(at % 25, 0))
  t.same(errors, [], '128 may come unasked, and one more for every sixteen that were of use')
  t.equal(requester.wasted, 134 * KiB16)
  await receive(block(0, 0))
  t.match(errors, refused)
})

t.test('a peer that answers old requests after a choke is asked again at once when it unchokes', async t => {
  const { receive, asked, sentTypes, arrived, requester, errors } = setup({ window: 4 })
  await receive(haveAll, UNCHOKE_BYTES)
  await receive(CHOKE_BYTES, block(0, 0), UNCHOKE_BYTES)
  asked()
  await receive(block(0, 1), block(0, 2))
  t.same(arrived(), ['0:0', '0:1', '0:2'])
  t.equal(sentTypes().filter(type => type === 'cancel').length, 2, 'the second requests are taken back')
  await receive(block(0, 1), block(0, 2))
  t.equal(requester.wasted, 2 * KiB16)
  t.same(errors, [])
})

t.test('a thousand chokes and unchokes leave the state consistent', async t => {
  const { receive, requester, errors, log, maxPending } = setup({ window: 4 })
  await receive(haveAll)
  for (let at = 0; at < 1000; at++) await receive(UNCHOKE_BYTES, CHOKE_BYTES)
  t.same(errors, [])
  t.equal(requester.outstanding, 0)
  t.equal(maxPending(), 4)
  t.equal(log.filter(line => line.startsWith('lost')).length, 4000)
  await receive(UNCHOKE_BYTES)
  t.equal(requester.outstanding, 4)
})

for (const [how, end] of [
  ['ends', ({ framer }: ReturnType<typeof setup>) => framer.end()],
  ['fails', ({ framer }: ReturnType<typeof setup>) => framer.destroy(new Error('reset'))],
  ['is destroyed', ({ requester }: ReturnType<typeof setup>) => requester.destroy()],
] as const) {
  t.test(`a peer that ${how} returns its requests and leaves, once`, async t => {
    const all = setup({ window: 4 })
    await all.receive(haveAll, UNCHOKE_BYTES)
    await all.receive(block(0, 0))
    all.log.splice(0)
    all.asked()
    end(all)
    await settle()
    all.requester.destroy()
    await settle()
    t.same(all.log, ['lost 0:1', 'lost 0:2', 'lost 0:3', 'lost 1:0', 'left'])
    all.requester.fill()
    all.requester.addOwnPiece(0)
    all.requester.tick(1e9, 1)
    t.same(all.sent, [], 'and nothing is said to it any more')
  })
}

t.test('a peer that ended and is destroyed before its messages are read leaves once', async t => {
  const { requester, framer, receive, log } = setup({ window: 1, blocks: 1 })
  await receive(haveAll, UNCHOKE_BYTES)
  requester.pause()
  await receive(block(0, 0))
  framer.end()
  await settle()
  t.equal(requester.destroying, false)
  requester.destroy()
  await settle()
  t.equal(log.filter(line => line === 'left').length, 1)
})

t.test('when a peer leaves in the middle of a block, the whole block is free for others', async t => {
  const { framer, receive, lost, pieces } = setup({ window: 1 })
  await receive(haveAll, UNCHOKE_BYTES)
  await receive(block(0, 0).subarray(0, 5000))
  framer.end()
  await settle()
  t.same(lost(), ['0:0'])
  t.equal(pieces[0]!.states[0], 0)
  const other = { divert: () => {} }
  t.equal(pieces[0]!.place(0, other)?.length, KiB16)
})

t.test('a bitfield of a wrong length fails the chain', async t => {
  for (const length of [0, 12, 14]) {
    const { receive, errors } = setup()
    await receive(msg(5, Buffer.alloc(length)))
    t.match(errors, refused, `${length} bytes`)
  }
})

t.test('a bitfield with spare bits fails the chain', async t => {
  const { receive, errors } = setup()
  await receive(msg(5, Buffer.concat([Buffer.alloc(12), Buffer.from([0x08])])))
  t.match(errors, refused)
})

t.test('the last of several bitfields counts, and each reports the change', async t => {
  const { receive, log, requester, errors } = setup()
  const some = (bits: number) => msg(5, Buffer.alloc(13).fill(bits, 0, 1))
  await receive(some(0x80), some(0xc0), some(0xff), some(0xff), some(0))
  t.same(log, ['bitfield 0 -> 1', 'bitfield 1 -> 2', 'bitfield 2 -> 8', 'bitfield 8 -> 8', 'bitfield 8 -> 0'])
  t.equal(requester.bits.count, 0)
  t.equal(requester.amInterested, false)
  t.same(errors, [])
})

t.test('without a bitfield a peer has nothing until its first have', async t => {
  const { receive, asked, requester } = setup({ window: 4 })
  await receive(UNCHOKE_BYTES, msg(4, u32(7)))
  t.same([...requester.bits], [7])
  t.same(asked(), ['7:0', '7:1', '7:2', '7:3'])
})

t.test('a have for a piece that the peer has changes nothing', async t => {
  const { receive, log } = setup()
  await receive(msg(4, u32(7)), msg(4, u32(7)), haveAll, msg(4, u32(7)))
  t.same(log, ['have 7', 'bitfield 1 -> 100'])
})

t.test('a have of a piece that does not exist fails the chain, and no bitfield grows', async t => {
  for (const index of [PIECE_COUNT, 0x7fffffff, 0xffffffff]) {
    const { receive, errors, requester, log } = setup()
    await receive(msg(4, u32(index)))
    t.match(errors, refused, `${index}`)
    t.equal(requester.bits.bytes.length, 13)
    t.same(log, ['left'])
  }
})

t.test('a hundred thousand haves for one piece change nothing, and are not kept', async t => {
  const { receive, log, errors, sent } = setup()
  const many = Buffer.concat(Array(1000).fill(msg(4, u32(7))))
  for (let at = 0; at < 100; at++) await receive(many)
  t.same(log, ['have 7'])
  t.same(errors, [])
  t.equal(sent.length, 1)
})

t.test('blocks that were not requested are not written, and fail the chain after 128', async t => {
  const { receive, pieces, errors, requester, arrived, out } = setup()
  await receive(haveAll)
  for (let at = 0; at < 128; at++) await receive(block(at % 50, 0))
  t.same(errors, [])
  t.equal(requester.wasted, 128 * KiB16)
  t.same(arrived(), [])
  t.same(out, [])
  t.equal(pieces[0]!.arrived, 0)
  await receive(block(0, 0))
  t.match(errors, [{ code: 'ERR_MESSAGE', message: /128 blocks/ }])
})

t.test('a block that arrived before is ignored, and the bytes in its place stay', async t => {
  const { receive, pieces, arrived, requester } = setup({ window: 2, blocks: 2 })
  await receive(haveAll, UNCHOKE_BYTES)
  await receive(block(0, 0, 1))
  await receive(block(0, 0, 2))
  t.same(Buffer.from(pieces[0]!.data.subarray(0, KiB16)), noise(KiB16, 1))
  t.same(arrived(), ['0:0'])
  t.equal(pieces[0]!.arrived, 1)
  t.equal(requester.wasted, KiB16)
})

t.test(
  'a block that another peer brought first is not written, not lost, and not held against a peer',
  async t => {
    const { receive, pieces, lost, errors, requester } = setup({ window: 200, blocks: 4 })
    await receive(haveAll, UNCHOKE_BYTES)
    for (const piece of pieces.slice(0, 50)) for (let at = 0; at < 4; at++) piece.arrive(at, 'other')
    for (const piece of pieces.slice(0, 50)) await receive(...[0, 1, 2, 3].map(at => block(piece.index, at)))
    t.same(lost(), [])
    t.same(errors, [])
    t.equal(requester.wasted, 200 * KiB16)
  },
)

t.test('a block that another peer begins to write is taken from the previous writer', async t => {
  const { receive, pieces, lost } = setup({ window: 1 })
  await receive(haveAll, UNCHOKE_BYTES)
  await receive(block(0, 0, 1).subarray(0, 8000))
  const place = pieces[0]!.place(0, { divert: () => t.fail('the latest is not diverted') })!
  place.fill(7)
  await receive(block(0, 0, 1).subarray(8000))
  t.ok(
    place.every(byte => byte === 7),
    'nothing more was written by the first',
  )
  t.same(lost(), ['0:0'], 'the first did not bring it')
})

for (const [what, index, begin, length] of [
  ['begin not on a block border', 0, 1, KiB16],
  ['begin behind the piece', 0, 4 * KiB16, KiB16],
  ['begin of 2^32 - 16384', 0, 0xffffc000, KiB16],
  ['index out of range', PIECE_COUNT, 0, KiB16],
  ['index 2^32 - 1, begin 1', 0xffffffff, 1, KiB16],
  ['index 0 by way of a begin that wraps', 0xffffffff, 0xffffc000, KiB16],
] as const) {
  t.test(`${what}: nothing is written`, async t => {
    const { receive, pieces, arrived, requester } = setup({ window: 400 })
    for (const piece of pieces) piece.data.fill(0xee)
    const untouched = Buffer.alloc(4 * KiB16, 0xee)
    await receive(haveAll, UNCHOKE_BYTES)
    await receive(pieceMsg(index, begin, Buffer.alloc(length, 1)))
    t.ok(pieces.every(({ data }) => untouched.equals(data)))
    t.same(arrived(), [])
    t.equal(requester.wasted, length)
  })
}

t.test(
  'a start off the block boundary is not a block, also with indices too large for exact numbers',
  async t => {
    const index = 2_000_000
    const { receive, requester, source, arrived } = setup({
      pieceCount: index + 1,
      wants: () => false,
      window: 1,
      blocks: 0,
    })
    const piece = new PieceBuffer(index, 4 * KiB16)
    source.wants = () => true
    source.takeBlocks = (_, room, at) => (room > 0 ? [{ piece, block: 1, at, lost: false }] : [])
    await receive(UNCHOKE_BYTES, msg(4, u32(index)))
    t.equal(requester.outstanding, 1)
    await receive(pieceMsg(index, KiB16 + 1, Buffer.alloc(KiB16, 1)))
    t.same(arrived(), [])
    t.equal(requester.outstanding, 1)
  },
)

for (const length of [1, KiB16 - 1]) {
  t.test(`a block of ${length} bytes does not answer its request: the block is requested again`, async t => {
    const { receive, asked, lost, arrived, requester } = setup({ window: 1 })
    await receive(haveAll, UNCHOKE_BYTES)
    t.same(asked(), ['0:0'])
    await receive(pieceMsg(0, 0, Buffer.alloc(length)))
    t.same(arrived(), [])
    t.same(lost(), ['0:0'])
    t.same(asked(), ['0:0'])
    t.equal(requester.wasted, length)
  })
}

for (const length of [0, 1, KiB16 - 1]) {
  t.test(`a peer that answers everything with ${length} bytes is not asked forever`, async t => {
    const { receive, errors, requester, source } = setup({ window: 4 })
    const { onLoss } = source
    source.onLoss = (...args) => {
      onLoss(...args)
      requester.fill() // like a scheduler without another peer
    }
    await receive(haveAll, UNCHOKE_BYTES)
    let answers = 0
    while (errors.length === 0 && answers < 500) {
      answers++
      await receive(pieceMsg(0, 0, Buffer.alloc(length)))
    }
    t.match(errors, refused)
    t.equal(answers, 129)
  })
}

/** Advances the virtual time, and ticks the requester every quarter of a second. */
function pass({ requester, time }: ReturnType<typeof setup>, ms: number) {
  for (let left = ms; left > 0; left -= 250) requester.tick((time.now += Math.min(250, left)), 10_000)
}

t.test('a peer that does not answer in time is snubbed, and its requests go to others', async t => {
  const all = setup({ window: 4, fast: true })
  const { receive, requester, state, asked, lost, time } = all
  await receive(HAVE_ALL, UNCHOKE_BYTES)
  asked()
  pass(all, 10_000)
  t.equal(requester.snubbed, false, 'not at the limit itself')
  asked()
  requester.tick((time.now += 1), 10_000)
  t.equal(requester.snubbed, true)
  t.equal(state.snubs, 1)
  t.same(lost().sort(), ['0:0', '0:1', '0:2', '0:3'])
  t.equal(requester.outstanding, 0)
  requester.fill()
  requester.tick(time.now + 1, 10_000)
  t.same(asked(), [])
  t.equal(state.snubs, 1, 'once')
})

t.test('a silent peer is asked for one block again, rarely, and never for more', async t => {
  const all = setup({ window: 4 })
  const { receive, requester, asked, pieces } = all
  await receive(haveAll, UNCHOKE_BYTES)
  asked()
  pass(all, 2250)
  t.same(asked(), [])
  pass(all, 250)
  t.same(asked(), ['0:0'])
  pass(all, 7000)
  t.same(asked(), ['0:1'], 'next the one that now waits longest')
  pass(all, 60_000)
  const later = asked()
  t.ok(later.length >= 3 && later.length <= 6, `${later}`)
  t.ok(requester.outstanding <= 1, 'and what it is asked for does not stay with it')
  t.equal(pieces[1]!.free, 4)
})

t.test('a peer that keeps sending blocks is not snubbed', async t => {
  const { receive, requester, time } = setup({ window: 4 })
  await receive(haveAll, UNCHOKE_BYTES)
  for (let index = 0; index < 4; index++) {
    time.now += 9000
    await receive(block(0, index))
    requester.tick(time.now, 10_000)
  }
  t.equal(requester.snubbed, false)
})

t.test('a peer with no requests to answer is not snubbed', async t => {
  const { receive, requester, time } = setup()
  await receive(haveAll)
  time.now += 1e6
  requester.tick(time.now, 10_000)
  t.equal(requester.snubbed, false)
  await receive(UNCHOKE_BYTES)
  requester.tick(time.now + 100, 10_000)
  t.equal(requester.snubbed, false, 'the time counts from the request')
})

t.test('after a silence every late answer is used, and nothing is requested twice', async t => {
  const all = setup({ window: 4, fast: true })
  const { receive, requester, asked, arrived, errors, sentTypes } = all
  await receive(HAVE_ALL, UNCHOKE_BYTES)
  asked()
  pass(all, 14_000)
  t.equal(requester.snubbed, true)
  asked()
  await receive(block(0, 0))
  t.equal(requester.snubbed, false)
  t.same(sentTypes(), ['cancel', 'request'], 'what was asked for again is taken back, and one more asked for')
  t.same(asked(), ['1:0'])
  await receive(block(0, 1), block(0, 2), block(0, 3))
  t.same(arrived(), ['0:0', '0:1', '0:2', '0:3'])
  t.equal(requester.wasted, 0)
  t.equal(requester.outstanding, 4)
  t.same(errors, [])
})

t.test('a late answer of a silent peer is used, also after its piece was begun again', async t => {
  const all = setup({ window: 4, fast: true })
  const { receive, pieces, arrived, requester } = all
  await receive(HAVE_ALL, UNCHOKE_BYTES)
  pass(all, 11_000)
  pieces[0]!.close()
  pieces[0] = new PieceBuffer(0, 4 * KiB16)
  await receive(block(0, 2, 7))
  t.same(arrived(), ['0:2'])
  t.same(Buffer.from(pieces[0]!.data.subarray(2 * KiB16, 3 * KiB16)), noise(KiB16, 7))
  t.equal(requester.wasted, 0)
})

t.test(
  'requests that a peer dropped are sent again within a few seconds, and the window shrinks',
  async t => {
    const all = setup({ window: 8 })
    const { receive, asked, lost, state, requester } = all
    await receive(haveAll, UNCHOKE_BYTES)
    asked()
    pass(all, 250)
    await receive(block(0, 0), block(0, 1)) // it dropped 0:2 to 1:3
    t.same(asked(), ['2:0', '2:1'])
    await receive(block(2, 0), block(2, 1))
    pass(all, 2500)
    t.same(lost(), [])
    pass(all, 500)
    t.same(lost(), ['0:3', '1:0', '1:1', '1:2', '1:3'], 'but for the one that was asked for once more')
    t.same(state.accepted, [3])
    t.same(asked(), ['2:2', '2:3', '0:2'])
    await receive(block(2, 2), block(2, 3), block(0, 2))
    t.equal(asked()[0], '0:3')
    t.equal(requester.snubbed, false)
  },
)

t.test('a peer that dropped everything is found by one request', async t => {
  const all = setup({ window: 4 })
  const { receive, asked, requester } = all
  await receive(haveAll, UNCHOKE_BYTES)
  asked()
  pass(all, 2500)
  t.same(asked(), ['0:0'])
  await receive(block(0, 0))
  t.same(asked(), ['1:0'])
  pass(all, 3000)
  t.equal(asked()[0], '0:1')
  t.equal(requester.snubbed, false)
})

t.test('a peer that answers in any order has dropped nothing while old requests are answered', async t => {
  const all = setup({ window: 40 })
  const { receive, lost } = all
  await receive(haveAll, UNCHOKE_BYTES)
  for (let index = 9; index > 0; index--) {
    for (const at of [3, 1, 0, 2]) {
      await receive(block(index, at))
      pass(all, 500)
    }
  }
  t.same(lost(), [])
})

t.test(
  'a peer that pauses gets three times its longest pause before a request counts as dropped',
  async t => {
    const all = setup({ window: 12 })
    const { receive, lost, asked } = all
    await receive(haveAll, UNCHOKE_BYTES)
    asked()
    for (const at of [0, 1, 2, 3]) {
      await receive(block(0, at))
      pass(all, 2250)
    }
    asked()
    pass(all, 3000)
    t.same(asked(), [], 'it is not asked again as soon')
    t.same(lost(), [])
  },
)

t.test('a snubbed peer that chokes and unchokes starts with a clean state', async t => {
  const { receive, requester, time, asked } = setup({ window: 4 })
  await receive(haveAll, UNCHOKE_BYTES)
  requester.tick((time.now += 10_001), 10_000)
  asked()
  await receive(CHOKE_BYTES)
  time.now += 1000
  await receive(UNCHOKE_BYTES)
  t.same(asked(), ['0:0', '0:1', '0:2', '0:3'])
  requester.tick((time.now += 5000), 10_000)
  t.equal(requester.snubbed, false)
})

t.test('requests that were lost long ago do not delay new ones', async t => {
  const all = setup({ window: 2, fast: true })
  const { receive, requester, time, state, pieces, asked } = all
  await receive(HAVE_ALL, UNCHOKE_BYTES)
  requester.tick((time.now += 10_001), 10_000)
  state.size = 0
  await receive(block(0, 1), block(0, 0)) // late, but still useful
  t.equal(requester.snubbed, false)
  pieces[0]!.arrive(2, 'other')
  asked()
  time.now += 60_000
  state.size = 2
  requester.fill()
  t.same(asked(), ['0:3', '1:0'])
  requester.tick(time.now + 250, 10_000)
  t.equal(requester.snubbed, false)
  requester.tick(time.now + 10_001, 10_000)
  t.equal(requester.snubbed, true)
})

t.test('a reject for a cancelled request is not taken for that of a newer one', async t => {
  const { receive, requester, pieces, asked, lost, arrived, state } = setup({ window: 4, fast: true })
  await receive(HAVE_ALL, UNCHOKE_BYTES)
  state.size = 0
  for (const at of [0, 1, 2, 3]) {
    requester.cancel(pieces[0]!, at)
    pieces[0]!.release(at)
  }
  asked()
  state.size = 4
  requester.fill()
  t.same(asked(), ['0:0', '0:1', '0:2', '0:3'])
  await receive(...[0, 1, 2, 3].map(at => reject(0, at)))
  t.same(lost(), [])
  t.equal(requester.outstanding, 4)
  t.equal(requester.offers(0), true)
  t.same(state.accepted, [])
  await receive(reject(0, 0), block(0, 1))
  t.same(lost(), ['0:0'], 'but the next is')
  t.same(arrived(), ['0:1'])
})

t.test('a block that was on its way when it was cancelled answers the newer request', async t => {
  const { receive, requester, pieces, asked, sent, arrived, state, errors } = setup({ window: 1, fast: true })
  await receive(HAVE_ALL, UNCHOKE_BYTES)
  state.size = 0
  requester.cancel(pieces[0]!, 0)
  pieces[0]!.release(0)
  state.size = 1
  requester.fill()
  asked()
  state.size = 0
  await receive(block(0, 0))
  t.same(arrived(), ['0:0'])
  t.same(sent, [{ type: 'cancel', index: 0, begin: 0, length: KiB16 }], 'which is taken back')
  await receive(reject(0, 0))
  t.same(errors, [])
  t.equal(requester.wasted, 0)
  t.equal(requester.outstanding, 0)
})

t.test('the block of a cancelled request is used while it is still missing', async t => {
  const { receive, requester, pieces, arrived, state } = setup({ window: 1, fast: true })
  await receive(HAVE_ALL, UNCHOKE_BYTES)
  state.size = 0
  requester.cancel(pieces[0]!, 0)
  pieces[0]!.release(0)
  await receive(block(0, 0))
  t.same(arrived(), ['0:0'])
  await receive(reject(0, 0))
  t.equal(requester.offers(0), true)
})

t.test('cancel withdraws one request, sends a cancel, and accepts a block that is on its way', async t => {
  const { receive, requester, pieces, sent, asked, errors, state } = setup({ window: 4 })
  await receive(haveAll, UNCHOKE_BYTES)
  asked()
  state.size = 3 // no room for another request
  requester.cancel(pieces[0]!, 2)
  t.same(sent, [{ type: 'cancel', index: 0, begin: 2 * KiB16, length: KiB16 }])
  t.equal(requester.outstanding, 3)
  requester.cancel(pieces[0]!, 2)
  requester.cancel(pieces[5]!, 0)
  requester.cancel(new PieceBuffer(0, 4 * KiB16), 0)
  t.equal(sent.length, 1, 'only what was asked for')
  for (let at = 0; at < 129; at++) await receive(block(0, 2))
  t.same(errors, [])
  await receive(block(0, 2))
  t.match(errors, refused)
})

t.test('when the window shrinks, nothing is requested until there is room', async t => {
  const { receive, state, requester, asked } = setup({ window: 8 })
  await receive(haveAll, UNCHOKE_BYTES)
  asked()
  state.size = 4
  for (const at of [0, 1, 2, 3]) {
    await receive(block(0, at))
    t.same(asked(), [])
  }
  await receive(block(1, 0))
  t.equal(requester.outstanding, 4)
})

t.test('a block source that calls fill() while it is asked stays within the window', async t => {
  const { receive, source, requester, maxPending, asked } = setup({ window: 4 })
  const { takeBlocks } = source
  let calls = 0
  source.takeBlocks = (...args) => {
    calls++
    const taken = calls === 1 ? [] : takeBlocks(args[0], Math.min(args[1], 3), args[2])
    if (calls < 10) requester.fill()
    return taken
  }
  await receive(haveAll, UNCHOKE_BYTES)
  t.equal(asked().length, 4)
  t.equal(maxPending(), 4)
})

t.test('a choke and a block in one chunk are handled in their order, as in two chunks', async t => {
  const logs: string[][] = []
  for (const together of [false, true]) {
    const { receive, log, requester } = setup({ window: 2 })
    await receive(haveAll, UNCHOKE_BYTES)
    const messages = [CHOKE_BYTES, block(0, 0), UNCHOKE_BYTES, msg(4, u32(7)), block(0, 1)]
    if (together) await receive(...messages)
    else for (const message of messages) await receive(message)
    t.equal(requester.downloaded, 2 * KiB16)
    logs.push(log)
  }
  const [separate, together] = logs
  t.same(separate!.slice(1, 4), ['lost 0:0', 'lost 0:1', 'arrived 0:0'])
  t.same(together, separate)
})

t.test('a block that comes twice in one chunk is written and counted once', async t => {
  const { receive, pieces, arrived, requester } = setup({ window: 1 })
  await receive(haveAll, UNCHOKE_BYTES)
  await receive(block(0, 0, 1), block(0, 0, 2))
  t.same(Buffer.from(pieces[0]!.data.subarray(0, KiB16)), noise(KiB16, 1))
  t.same(arrived(), ['0:0'])
  t.equal(requester.wasted, KiB16)
})

t.test('a block that another writer claims before its message is handled does not arrive', async t => {
  const { receive, requester, pieces, arrived, lost, out } = setup({ window: 1, blocks: 1 })
  await receive(haveAll, UNCHOKE_BYTES)
  const writer = { divert() {} }
  const piece = requester.place(0, 0, KiB16, writer)!
  t.equal(piece, pieces[0])
  t.ok(piece.place(0, { divert() {} }))
  requester.write({ type: 'blocks', writer, blocks: [{ piece, begin: 0, length: KiB16 }] })
  await settle()
  t.same([arrived(), out, requester.wasted], [[], [], KiB16])
  t.same(lost(), ['0:0'], 'its request counts as answered')
})

t.test('of adjacent blocks in one item, only those arrive that their writer still has', async t => {
  const { receive, requester, pieces, arrived, lost, out } = setup({ window: 4, blocks: 4 })
  await receive(haveAll, UNCHOKE_BYTES)
  const writer = { divert() {} }
  const [piece] = pieces
  for (let at = 0; at < 4; at++) t.equal(requester.place(0, at * KiB16, KiB16, writer), piece)
  t.ok(piece!.place(1, { divert() {} }))
  requester.write({ type: 'blocks', writer, blocks: [{ piece: piece!, begin: 0, length: 4 * KiB16 }] })
  await settle()
  t.same(arrived(), ['0:0', '0:2', '0:3'])
  t.same([lost(), out, requester.wasted, requester.downloaded], [['0:1'], [], KiB16, 3 * KiB16])
})

t.test('adjacent blocks in one item have the waits of their own requests', async t => {
  const { receive, requester, state, time, out, pieces } = setup({ window: 2, blocks: 4 })
  await receive(haveAll, UNCHOKE_BYTES)
  time.now = 1100
  state.size = 4
  requester.fill()
  time.now = 1150
  await receive(block(0, 0, 1), block(0, 1, 2), block(0, 2, 3), block(0, 3, 4))
  const received = [150, 150, 50, 50].map(wait => [KiB16, wait, 1150])
  t.same(state.received, received)
  t.same(out, [{ piece: pieces[0], begin: 2 * KiB16, length: 2 * KiB16 }], 'the last of the piece pass it on')
})

t.test('a block that was written before its connection failed can be written by another peer', async t => {
  const { receive, requester, pieces, lost, arrived } = setup({ window: 1 })
  await receive(haveAll, UNCHOKE_BYTES)
  t.ok(requester.place(0, 0, KiB16, { divert() {} }))
  requester.destroy()
  t.same(lost(), ['0:0'])
  t.equal(pieces[0]!.place(0, { divert() {} })?.length, KiB16)
  t.same(arrived(), [])
  t.equal(requester.place(0, 0, KiB16, { divert() {} }), null)
})

t.test('interest is reported in order with the pieces that the peer has', async t => {
  const { receive, requester } = setup({ fast: true })
  const seen: [boolean, number][] = []
  requester.on('interest', () => seen.push([requester.peerInterested, requester.bits.count]))
  await receive(HAVE_ALL, HAVE_NONE, msg(2), HAVE_ALL, msg(3))
  t.same(seen, [
    [true, 0],
    [false, PIECE_COUNT],
  ])
})

t.test('messages that do not concern requests have no effect', async t => {
  const { receive, log, errors, out } = setup()
  await receive(u32(0), msg(20, [0, 100, 101]), msg(9, [1, 2]), msg(50))
  await receive(msg(6, u32(0, 0, KiB16)), msg(8, u32(0, 0, KiB16)), msg(2), msg(3))
  t.same([log, errors, out], [[], [], []])
})

t.test('the pieces of a peer are a Bitfield from the start', async t => {
  const { requester } = setup()
  t.ok(requester.bits instanceof Bitfield)
  t.equal(requester.bits.size, PIECE_COUNT)
})

for (const [what, message] of [
  ['have all', HAVE_ALL],
  ['have none', HAVE_NONE],
  ['a reject', reject(0, 0)],
  ['a suggestion', suggest(0)],
  ['an allowed piece', allow(0)],
] as const) {
  t.test(`${what} without the fast extension fails the chain, and with it does not`, async t => {
    const without = setup()
    await without.receive(message)
    t.match(without.errors, refused)
    const agreed = setup({ fast: true })
    await agreed.receive(message)
    t.same(agreed.errors, [])
  })
}

t.test('have-all is every piece, and have-none is none', async t => {
  const { receive, requester, sentTypes, log, asked } = setup({ fast: true, window: 2 })
  await receive(HAVE_ALL)
  t.equal(requester.bits.full, true)
  t.same(sentTypes(), ['interested'])
  await receive(HAVE_NONE)
  t.equal(requester.bits.count, 0)
  t.same(sentTypes(), ['interested', 'notInterested'])
  await receive(HAVE_ALL, UNCHOKE_BYTES)
  t.same(asked(), ['0:0', '0:1'])
  t.same(log, ['bitfield 0 -> 100', 'bitfield 100 -> 0', 'bitfield 0 -> 100'])
})

t.test('have-all and have-none a thousand times in turn: the last one counts', async t => {
  const { receive, requester, errors, log } = setup({ fast: true })
  for (let at = 0; at < 1000; at++) await receive(HAVE_ALL, HAVE_NONE)
  t.same(errors, [])
  t.equal(requester.amInterested, false)
  t.equal(log.filter(line => line === 'bitfield 100 -> 0').length, 1000)
})

t.test('with the fast extension a choke discards no requests', async t => {
  const { receive, asked, lost, arrived, requester } = setup({ fast: true, window: 4 })
  await receive(HAVE_ALL, UNCHOKE_BYTES)
  asked()
  await receive(CHOKE_BYTES)
  t.equal(requester.outstanding, 4)
  t.same(lost(), [])
  await receive(block(0, 0))
  t.same(arrived(), ['0:0'], 'what it answers is taken')
  await receive(reject(0, 1), reject(0, 2))
  t.same(lost(), ['0:1', '0:2'], 'what it rejects is lost')
  t.equal(requester.outstanding, 1)
  await receive(UNCHOKE_BYTES)
  t.equal(requester.outstanding, 4)
  t.notOk(asked().includes('0:3'), 'and nothing is asked for twice')
})

t.test('a reject while unchoked returns the block, and the window shrinks to what is accepted', async t => {
  const { receive, asked, lost, requester, errors, state, time } = setup({ fast: true, window: 6 })
  await receive(HAVE_ALL, UNCHOKE_BYTES)
  t.same(asked(), ['0:0', '0:1', '0:2', '0:3', '1:0', '1:1'])
  time.now += 20
  await receive(reject(1, 0), reject(1, 1))
  t.same(lost(), ['1:0', '1:1'])
  t.same(state.accepted, [5, 4])
  t.same(asked(), [], 'nothing more until there is room')
  await receive(block(0, 0))
  t.same(asked(), ['1:0'], 'and then the same again')
  t.equal(requester.offers(1), true)
  t.same(errors, [])
})

t.test(
  'a peer that rejects everything is asked at intervals, and gives everything once it accepts',
  async t => {
    const all = setup({ fast: true, window: 4, wants: index => index < 8 })
    const { receive, asked, errors, requester, arrived, time } = all
    await receive(HAVE_ALL, UNCHOKE_BYTES)
    let requests = 0
    for (const end = time.now + 120_000; time.now < end; pass(all, 250)) {
      const names = asked()
      requests += names.length
      await receive(...names.map(name => reject(...(name.split(':').map(Number) as [number, number]))))
    }
    t.ok(requests >= 15 && requests <= 100, `${requests} requests in two minutes`)
    t.equal(requester.outstanding, 0)
    t.same(errors, [])
    for (let turns = 0; arrived().length < 32 && turns < 200; turns++) {
      pass(all, 250)
      for (const name of asked()) await receive(block(...(name.split(':').map(Number) as [number, number])))
    }
    t.equal(arrived().length, 32)
  },
)

t.test('rejects of blocks that were not requested are ignored', async t => {
  const { receive, lost, errors, requester, asked } = setup({ fast: true, window: 2 })
  await receive(HAVE_ALL, UNCHOKE_BYTES)
  asked()
  await receive(
    reject(5, 0),
    reject(0, 2),
    msg(16, u32(0, 1, KiB16)),
    msg(16, u32(0xffffffff, 0xffffc000, KiB16)),
    msg(16, u32(PIECE_COUNT, 0, KiB16)),
  )
  t.same(lost(), [])
  t.same(asked(), [])
  t.same(errors, [])
  t.equal(requester.outstanding, 2)
  t.ok([0, 5].every(index => requester.offers(index)))
})

t.test('a reject from a snubbed peer does not lose the request a second time', async t => {
  const { receive, lost, requester, time } = setup({ fast: true, window: 2 })
  await receive(HAVE_ALL, UNCHOKE_BYTES)
  requester.tick((time.now += 10_001), 10_000)
  t.same(lost(), ['0:0', '0:1'])
  await receive(reject(0, 1))
  t.same(lost(), ['0:0', '0:1'])
  t.equal(requester.snubbed, false, 'and is an answer')
})

t.test('while choked only allowed pieces are requested, and not again after a reject', async t => {
  const { receive, asked, errors, requester } = setup({ fast: true, window: 100, blocks: 2 })
  await receive(HAVE_ALL, ...[0, 1, 2, 3].map(allow))
  const all = ['0:0', '0:1', '1:0', '1:1', '2:0', '2:1', '3:0', '3:1']
  t.same(asked(), all)
  await receive(...[0, 1, 2, 3].flatMap(index => [reject(index, 0), reject(index, 1)]))
  t.same(asked(), [])
  await receive(...[0, 1, 2, 3].map(allow))
  await receive(...[0, 1, 2, 3].flatMap(index => [reject(index, 0), reject(index, 1)]))
  t.ok(asked().length <= 8, 'nor in a loop')
  t.equal(requester.outstanding, 0)
  t.same(errors, [])
})

t.test('an allowed piece that the peer lacks is requested when the peer has it', async t => {
  const { receive, asked } = setup({ fast: true, window: 8 })
  await receive(HAVE_NONE, allow(7))
  t.same(asked(), [])
  await receive(msg(4, u32(8)))
  t.same(asked(), [], 'which is another')
  await receive(msg(4, u32(7)))
  t.same(asked(), ['7:0', '7:1', '7:2', '7:3'])
})

t.test('a hundred thousand allowed and suggested pieces, mostly invalid, are bounded', async t => {
  const { receive, asked, errors, requester } = setup({ fast: true, window: 1000, blocks: 1 })
  await receive(HAVE_ALL)
  for (let at = 0; at < 100; at++) {
    await receive(...Array.from({ length: 500 }, (_, n) => allow(PIECE_COUNT + 500 * at + n)))
    await receive(...Array.from({ length: 500 }, (_, n) => suggest(0xffffffff - 500 * at - n)))
  }
  t.same(asked(), [])
  t.same(errors, [])
  t.ok(requester.peerPieces.preferredPieces(true).length <= 100)
})

t.test('a piece that the peer lost is no longer requested from it', async t => {
  const { receive, requester, asked, lost, log, errors } = setup({ fast: true, window: 6 })
  await receive(HAVE_ALL, UNCHOKE_BYTES)
  t.same(asked(), ['0:0', '0:1', '0:2', '0:3', '1:0', '1:1'])
  requester.write({ type: 'dontHave', index: 0 })
  await settle()
  t.same(lost(), ['0:0', '0:1', '0:2', '0:3'])
  t.equal(log.filter(line => line === 'lack 0').length, 1)
  t.equal(requester.outstanding, 2)
  t.equal(requester.offers(0), false)
  t.equal(requester.bits.count, PIECE_COUNT - 1)
  for (const index of [0, PIECE_COUNT, 0xffffffff]) requester.write({ type: 'dontHave', index })
  await settle()
  t.equal(log.filter(line => line.startsWith('lack')).length, 1, 'once, and only what there was')
  requester.fill()
  t.notOk(asked().some(name => name.startsWith('0:')))
  t.same(errors, [])
})

t.test('a peer that no longer has a useful piece is sent not interested', async t => {
  const { receive, requester, sentTypes } = setup()
  await receive(msg(4, u32(3)))
  requester.write({ type: 'dontHave', index: 3 })
  await settle()
  t.same(sentTypes(), ['interested', 'notInterested'])
})
