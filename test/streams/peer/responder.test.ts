import t from 'tap'
import type { Message } from '../../../src/codec/message.ts'
import { MAX_GROUP_BLOCKS, MAX_GROUP_BYTES } from '../../../src/streams/peer/block-group.ts'
import type { Outgoing } from '../../../src/streams/peer/outgoing.ts'
import { Responder } from '../../../src/streams/peer/responder.ts'
import type { ResponderOptions } from '../../../src/streams/peer/responder-options.ts'
import { noise } from '../../helpers/metainfo.ts'
import { settle } from '../../helpers/virtual-clock.ts'
import { pieceMsg } from '../../helpers/wire.ts'

const KiB16 = 16384
const refused = { name: 'PeerError', code: 'ERR_MESSAGE' }
type Block = readonly [index: number, begin: number, length: number]

const request = (index: number, begin: number, length = KiB16): Message => ({
  type: 'request',
  index,
  begin,
  length,
})
const cancel = (index: number, begin: number, length = KiB16): Message => ({
  type: 'cancel',
  index,
  begin,
  length,
})
const reject = (index: number, begin: number, length = KiB16): Message => ({
  type: 'reject',
  index,
  begin,
  length,
})

interface Options extends Partial<ResponderOptions> {
  /** @default true */
  readonly fast?: boolean
  /** True if it still chokes, as at the start. @default false */
  readonly choked?: boolean
  /** True if each read waits for a call of `gate`. */
  readonly gated?: boolean
  /** True if the output is not read. */
  readonly unread?: boolean
}

/** A responder of four pieces, the last of 1000 bytes, and a record of its calls and messages. */
function setup({
  fast = true,
  choked = false,
  gated = false,
  unread = false,
  pieceLength = 40_000,
  ...more
}: Options = {}) {
  const content = noise(3 * pieceLength + 1000, 1)
  const reads: [position: number, length: number][] = []
  const waiting: (() => void)[] = []
  const items: Outgoing[] = []
  const errors: Error[] = []
  let closes = 0
  const responder = new Responder({
    pieceLength,
    length: content.length,
    has: () => true,
    storage: {
      async read(position, target) {
        reads.push([position, target.length])
        if (gated) await new Promise<void>(resolve => waiting.push(resolve))
        return content.copy(target, 0, position, position + target.length)
      },
    },
    ...more,
  })
  responder.fast = fast
  if (!unread) responder.on('data', item => items.push(item))
  responder.on('error', error => errors.push(error))
  responder.on('close', () => closes++)
  if (!choked) responder.unchoke()
  return {
    responder,
    reads,
    items,
    errors,
    closes: () => closes,
    async receive(...messages: Message[]) {
      for (const message of messages) responder.write(message)
      await settle()
      await settle()
    },
    /** Ends the oldest waiting read. */
    async gate() {
      waiting.shift()?.()
      await settle()
    },
    /** Returns the messages since the last call, without the first unchoke and the runs of blocks. */
    sentMessages: () => items.filter(item => !(item instanceof Uint8Array)).slice(choked ? 0 : 1),
    runs: () => items.filter(item => item instanceof Uint8Array),
    /** Returns these blocks as bytes of the wire. */
    wire: (...blocks: Block[]) =>
      Buffer.concat(
        blocks.map(([index, begin, length]) =>
          pieceMsg(
            index,
            begin,
            content.subarray(index * pieceLength + begin, index * pieceLength + begin + length),
          ),
        ),
      ),
  }
}

t.test('requests are answered with the right bytes, in the order of the requests', async t => {
  const { receive, responder, items, errors, wire } = setup()
  responder.on('data', item => {
    if (item instanceof Uint8Array) responder.release(item)
  })
  const blocks: Block[] = [
    [0, 0, KiB16],
    [2, KiB16, KiB16],
    [2, 2 * KiB16, 40_000 - 2 * KiB16],
    [1, 3, 1],
    [3, 0, 1000],
  ]
  await receive(...blocks.map(block => request(...block)))
  await settle()
  t.same(items[0], { type: 'unchoke' })
  const runs = items.slice(1) as Uint8Array[]
  t.ok(
    runs.every(item => item instanceof Uint8Array),
    'bytes as they go over the wire',
  )
  t.ok(Buffer.concat(runs).equals(wire(...blocks)))
  t.same(errors, [])
})

t.test('consecutive requests are one read and one item', async t => {
  const { receive, gate, reads, runs, wire, responder } = setup({ gated: true, pieceLength: 20 * KiB16 })
  await receive(request(1, 0))
  await receive(...[4, 5, 6].map(at => request(0, at * KiB16)))
  t.equal(reads.length, 1, 'one run is read at a time')
  await gate()
  await gate()
  t.same(reads, [
    [20 * KiB16, KiB16],
    [4 * KiB16, 3 * KiB16],
  ])
  t.equal(runs().length, 2)
  t.ok(wire(...[4, 5, 6].map((at): Block => [0, at * KiB16, KiB16])).equals(runs()[1]!))
  t.equal(responder.waiting, 0)
})

for (const [what, asked, expected, run] of [
  [
    'at 16 blocks',
    Array.from({ length: 18 }, (_, at): Block => [0, at * KiB16, KiB16]),
    [[0, MAX_GROUP_BLOCKS * KiB16]],
    undefined,
  ],
  [
    'at what the peer’s share is',
    [0, 1, 2, 3].map((at): Block => [0, at * KiB16, KiB16]),
    [[0, 2 * KiB16]],
    2,
  ],
  [
    'after one block, if the share is none',
    [0, 1].map((at): Block => [0, at * KiB16, KiB16]),
    [[0, KiB16]],
    0,
  ],
  [
    'at the border of a piece',
    [
      [0, 19 * KiB16, KiB16],
      [1, 0, KiB16],
    ],
    [[19 * KiB16, KiB16]],
    undefined,
  ],
  [
    'at a gap',
    [
      [0, 0, KiB16],
      [0, 2 * KiB16, KiB16],
    ],
    [[0, KiB16]],
    undefined,
  ],
  [
    'at a block that comes before',
    [
      [0, KiB16, KiB16],
      [0, 0, KiB16],
    ],
    [[KiB16, KiB16]],
    undefined,
  ],
  [
    'at a block that is asked for twice',
    [
      [0, 0, KiB16],
      [0, 0, KiB16],
    ],
    [[0, KiB16]],
    undefined,
  ],
] as [string, Block[], [number, number][], number | undefined][]) {
  t.test(`a run ends ${what}, and the rest is still answered`, async t => {
    const all = setup({
      gated: true,
      pieceLength: 20 * KiB16,
      ...(run === undefined ? {} : { policy: { maxBlocks: run, defers: () => false } }),
    })
    const { receive, gate, reads, responder, items, wire } = all
    responder.on('data', item => {
      if (item instanceof Uint8Array) responder.release(item)
    })
    await receive(request(2, 0))
    await receive(...asked.map(block => request(...block)))
    await gate()
    t.same(reads.slice(1), expected)
    for (let turn = 0; turn < 20; turn++) await gate()
    t.ok(Buffer.concat(items.slice(1) as Uint8Array[]).equals(wire([2, 0, KiB16], ...asked)))
  })
}

t.test('at most two runs are lent, until one is released', async t => {
  const { receive, responder, runs, reads } = setup()
  await receive(...[0, 1, 2, 0].map(index => request(index, 0)))
  await settle()
  t.equal(reads.length, 2)
  t.equal(runs().length, 2)
  t.equal(responder.sending, true)
  responder.release(Buffer.from('not one of them'))
  await settle()
  t.equal(reads.length, 2)
  responder.release(runs()[0]!)
  await settle()
  t.equal(reads.length, 3)
  responder.release(runs()[0]!)
  await settle()
  t.equal(reads.length, 3, 'once for each')
})

t.test('uploaded bytes count once they were sent, without the headers of blocks', async t => {
  const { receive, responder, runs } = setup()
  await receive(request(0, 0), request(3, 0, 1000))
  t.equal(runs().length, 2)
  t.equal(responder.uploaded, 0)
  responder.release(runs()[1]!)
  t.equal(responder.uploaded, 1000)
  responder.release(runs()[0]!)
  responder.release(runs()[0]!)
  t.equal(responder.uploaded, 1000 + KiB16)
  t.equal(responder.sending, false)
})

t.test('while nothing is taken, at most two runs are read, however many requests wait', async t => {
  const { receive, reads } = setup({ unread: true, pieceLength: 20 * KiB16 })
  await receive(...Array.from({ length: 400 }, (_, at) => request(at % 3, (at % 20) * KiB16)))
  for (let turn = 0; turn < 20; turn++) await settle()
  t.equal(reads.length, 2)
})

t.test('as many requests wait as the queue holds, and the rest is rejected', async t => {
  for (const queue of [undefined, 7]) {
    const maximum = queue ?? 500
    const all = setup({ gated: true, ...(queue === undefined ? {} : { maxQueued: queue }) })
    await all.receive(request(0, 0))
    await all.receive(...Array.from({ length: maximum + 3 }, () => request(1, 0)))
    t.equal(all.responder.waiting, maximum)
    t.same(all.sentMessages(), [reject(1, 0), reject(1, 0), reject(1, 0)])
    t.same(all.errors, [])
  }
})

t.test('without the fast extension excess requests are dropped silently', async t => {
  const { receive, responder, sentMessages } = setup({ gated: true, fast: false, maxQueued: 2 })
  await receive(...Array.from({ length: 10 }, () => request(1, 0)))
  t.equal(responder.waiting, 2)
  t.same(sentMessages(), [])
})

t.test('2001 useless requests in a row fail the stage, and an answered one resets the count', async t => {
  for (const fast of [true, false]) {
    const { receive, errors, responder, runs } = setup({ has: index => index === 0, fast })
    const useless = Array.from({ length: 2000 }, () => request(1, 0))
    await receive(...useless)
    await receive(request(0, 0))
    for (const run of runs()) responder.release(run)
    await receive(...useless)
    t.same(errors, [])
    await receive(request(1, 0))
    t.match(errors, [refused])
    t.equal(responder.destroyed, true)
  }
})

t.test('a peer that requests and cancels without end, and reads no answer, fails the stage', async t => {
  const { receive, errors, responder } = setup({ gated: true, unread: true })
  await receive(request(0, 0))
  let rounds = 0
  while (!responder.destroying && rounds < 40_000) {
    for (let at = 0; at < 100; at++) {
      responder.write(request(1, 0))
      responder.write(cancel(1, 0))
    }
    rounds += 100
    await settle()
  }
  t.match(errors, [refused])
  t.ok(rounds < 20_000, `${rounds} rejects were kept`)
})

t.test('a request that is cancelled before it is read is rejected, and not read', async t => {
  const { receive, gate, reads, sentMessages, responder } = setup({ gated: true })
  await receive(request(0, 0), request(1, 0), request(2, 0))
  await receive(cancel(1, 0))
  t.same(sentMessages(), [reject(1, 0)])
  t.equal(responder.waiting, 1)
  await gate()
  t.same(reads, [
    [0, KiB16],
    [80_000, KiB16],
  ])
})

t.test('without the fast extension a cancel gets no answer', async t => {
  const { receive, sentMessages, responder } = setup({ gated: true, fast: false })
  await receive(request(0, 0), request(1, 0))
  await receive(cancel(1, 0))
  t.equal(responder.waiting, 0)
  t.same(sentMessages(), [])
})

t.test('a cancel that comes while the block is being read does not stop the block', async t => {
  const { receive, gate, sentMessages, runs } = setup({ gated: true })
  await receive(request(0, 0))
  await receive(cancel(0, 0))
  await gate()
  t.same(sentMessages(), [])
  t.equal(runs().length, 1)
})

t.test('a cancel of a block that was not requested is ignored', async t => {
  const { receive, sentMessages, errors, responder } = setup({ gated: true })
  await receive(request(0, 0), request(1, 0))
  await receive(cancel(2, 0), cancel(1, 1), cancel(1, 0, 1), cancel(0xffffffff, 0xffffffff, 0xffffffff))
  t.same(sentMessages(), [])
  t.same(errors, [])
  t.equal(responder.waiting, 1)
})

t.test(
  'at first the peer is choked: requests are rejected, or ignored without the fast extension',
  async t => {
    for (const fast of [true, false]) {
      const { receive, sentMessages, reads, errors } = setup({ choked: true, fast })
      await receive({ type: 'interested' }, request(0, 0))
      t.same(sentMessages(), fast ? [reject(0, 0)] : [])
      t.same(reads, [])
      t.same(errors, [])
    }
  },
)

t.test('unchoke and choke are sent once each', async t => {
  const { responder, items } = setup({ choked: true })
  responder.choke()
  responder.unchoke()
  responder.unchoke()
  responder.choke()
  responder.choke()
  await settle()
  t.same(items, [{ type: 'unchoke' }, { type: 'choke' }])
})

t.test('a choke is sent before it rejects waiting requests; allowed pieces are still answered', async t => {
  const { receive, gate, responder, sentMessages, runs, wire } = setup({ gated: true })
  responder.allow(2)
  await receive(request(0, 0), request(1, 0), request(2, 0), request(1, KiB16))
  responder.choke()
  await settle()
  t.same(sentMessages(), [{ type: 'choke' }, reject(1, 0), reject(1, KiB16)])
  await gate()
  await gate()
  t.ok(Buffer.concat(runs()).equals(wire([0, 0, KiB16], [2, 0, KiB16])), 'and what was being read is sent')
})

t.test('without the fast extension a choke drops waiting requests silently', async t => {
  const { receive, gate, responder, sentMessages, runs } = setup({ gated: true, fast: false })
  await receive(request(0, 0), request(1, 0))
  responder.choke()
  await gate()
  t.same(sentMessages(), [{ type: 'choke' }])
  t.equal(runs().length, 1)
  t.equal(responder.waiting, 0)
})

t.test('an allowed piece is served to a choked peer up to three times its bytes', async t => {
  const { receive, responder, sentMessages, reads } = setup({ choked: true })
  responder.on('data', item => {
    if (item instanceof Uint8Array) responder.release(item)
  })
  responder.allow(1)
  for (let at = 0; at < 3; at++) {
    await receive(request(1, 0, 10_000), request(1, 10_000, 15_000), request(1, 25_000, 15_000))
    await settle()
  }
  t.same(sentMessages(), [])
  t.equal(
    reads.reduce((sum, [, length]) => sum + length, 0),
    120_000,
  )
  await receive(request(1, 0, 1), request(0, 0, 1))
  t.same(sentMessages(), [reject(1, 0, 1), reject(0, 0, 1)])
  responder.unchoke()
  await receive(request(1, 0, 1))
  await settle()
  t.same(reads.at(-1), [40_000, 1], 'unchoked, it may have it as often as it likes')
})

t.test('a request for a piece that we lack is rejected, or ignored without the fast extension', async t => {
  for (const fast of [true, false]) {
    const { receive, sentMessages, reads, errors } = setup({ has: index => index !== 1, fast })
    await receive(request(1, 0))
    t.same(sentMessages(), fast ? [reject(1, 0)] : [])
    t.same(reads, [])
    t.same(errors, [])
  }
})

t.test('requests that wait for a piece that was lost are rejected', async t => {
  const { receive, responder, sentMessages } = setup({ gated: true })
  await receive(request(0, 0), request(1, 0), request(2, 0), request(1, KiB16))
  responder.dropPiece(1)
  await settle()
  t.same(sentMessages(), [reject(1, 0), reject(1, KiB16)])
  t.equal(responder.waiting, 1)
})

for (const [what, index, begin, length] of [
  ['F3: a piece that there is none of', 4, 0, KiB16],
  ['F3: a piece far beyond the last', 124134235, 0, KiB16],
  ['F3: piece 2^32 - 1', 0xffffffff, 0, KiB16],
  ['F4: no bytes', 0, 0, 0],
  ['F4: more than a block, at the end of a piece', 0, 40_000 - KiB16, 16385],
  ['F4: a start at the end of the piece', 0, 40_000, KiB16],
  ['F4: a start at 2^32 - 1', 0, 0xffffffff, KiB16],
  ['F4: a sum that wraps in 32 bits', 0, 0xfffff000, 0x4000],
  ['F5: 32 KiB within the piece', 0, 0, 32768],
  ['F5: 2^32 - 1 bytes', 0, 0, 0xffffffff],
  ['F6: a byte more than the last piece has', 3, 0, 1001],
  ['F6: one byte behind the end', 3, 1000, 1],
] as const) {
  t.test(`${what} is a PeerError, and nothing is read`, async t => {
    const { receive, errors, reads, sentMessages } = setup()
    await receive(request(index, begin, length))
    t.match(errors, [{ ...refused, message: new RegExp(`${length} bytes at ${begin} of piece ${index}`) }])
    t.same(reads, [])
    t.same(sentMessages(), [])
  })
}

t.test('the last, short piece is served to its end', async t => {
  const { receive, runs, wire } = setup()
  await receive(request(3, 999, 1))
  t.ok(wire([3, 999, 1]).equals(runs()[0]!))
})

t.test('messages other than requests pass', async t => {
  const { receive, items, errors } = setup({ choked: true })
  await receive(
    { type: 'keepAlive' },
    { type: 'have', index: 9 },
    { type: 'interested' },
    { type: 'unknown', id: 50 },
  )
  t.same(items, [])
  t.same(errors, [])
})

for (const [how, read, code] of [
  ['a read that fails', () => Promise.reject(new Error('bad sector')), undefined],
  [
    'a read that comes short',
    (_: number, target: Uint8Array) => Promise.resolve(target.length - 1),
    'ERR_STORAGE',
  ],
] as const) {
  for (const fast of [true, false]) {
    t.test(
      `${how}, fast ${fast}: the request is rejected and reported, and the next is answered`,
      async t => {
        const failures: Error[] = []
        const content = noise(121_000, 1)
        const taken: Uint8Array[] = []
        const given: Uint8Array[] = []
        const { receive, sentMessages, errors, runs } = setup({
          fast,
          onReadError: error => failures.push(error),
          storage: {
            read: (position, target) =>
              position === 0
                ? read(position, target)
                : Promise.resolve(content.copy(target, 0, position, position + target.length)),
          },
          pool: {
            take: () => {
              taken.push(new Uint8Array(MAX_GROUP_BYTES))
              return taken.at(-1)!
            },
            give: bytes => given.push(bytes),
          },
        })
        await receive(request(0, 0), request(1, 0))
        await settle()
        t.same(sentMessages(), fast ? [reject(0, 0)] : [])
        t.equal(failures.length, 1)
        if (code) t.match(failures[0], { name: 'StorageError', code, message: /piece 0/ })
        else t.equal(failures[0]!.message, 'bad sector')
        t.same(errors, [], 'it is not the peer’s fault')
        t.equal(given.length, 1, 'its memory goes back')
        t.equal(given[0]!.buffer, taken[0]!.buffer)
        t.equal(runs().length, 1)
      },
    )
  }
}

t.test('memory comes from the pool, and returns there after it was sent', async t => {
  const memory = Array.from({ length: 2 }, () => new Uint8Array(MAX_GROUP_BYTES))
  const given: Uint8Array[] = []
  const { receive, responder, runs } = setup({
    pool: { take: () => memory.shift()!, give: bytes => given.push(bytes) },
  })
  const [first] = memory
  await receive(request(0, 0))
  t.equal(runs()[0]!.buffer, first!.buffer)
  t.same(given, [])
  responder.release(runs()[0]!)
  t.equal(given[0]!.buffer, first!.buffer)
})

t.test('the limit is asked with the bytes of the run, and nothing is read until it grants', async t => {
  const asked: number[] = []
  const going: (() => void)[] = []
  const cancelled: object[] = []
  const { receive, reads, responder } = setup({
    limit: {
      take(bytes, go) {
        asked.push(bytes)
        going.push(go)
        return go
      },
      cancel: ticket => cancelled.push(ticket),
    },
  })
  await receive(request(0, 0), request(0, KiB16))
  t.same(asked, [KiB16], 'once, while it waits')
  t.same(reads, [])
  going[0]!()
  await settle()
  t.same(reads, [[0, 2 * KiB16]], 'what came meanwhile goes with it')
  await receive(request(1, 0), request(1, KiB16))
  t.same(asked, [KiB16, KiB16])
  responder.destroy()
  await settle()
  t.same(cancelled, [going[1]])
  t.same(reads.length, 1)
})

t.test(
  'a grant that comes after all requests were cancelled reads nothing, and the next one does',
  async t => {
    const going: (() => void)[] = []
    const { receive, reads } = setup({
      limit: {
        take(_, go) {
          going.push(go)
          return go
        },
        cancel: () => t.fail('nothing is taken back'),
      },
    })
    await receive(request(0, 0))
    await receive(cancel(0, 0))
    going[0]!()
    await settle()
    t.same(reads, [])
    await receive(request(1, 0))
    going[1]!()
    await settle()
    t.same(reads, [[40_000, KiB16]])
  },
)

t.test('destroying during a read closes once, sends nothing, and returns the memory', async t => {
  const given: Uint8Array[] = []
  const { receive, gate, responder, runs, closes } = setup({
    gated: true,
    pool: { take: () => new Uint8Array(MAX_GROUP_BYTES), give: bytes => given.push(bytes) },
  })
  await receive(request(0, 0), request(1, 0))
  responder.destroy()
  responder.destroy()
  await gate()
  t.equal(closes(), 1)
  t.same(runs(), [])
  t.equal(given.length, 1)
  t.equal(responder.waiting, 0)
})

t.test(
  'a request for hashes is rejected with its own body, also while choked and without fast extension',
  async t => {
    const { responder, items } = setup({ fast: false, choked: true })
    const range = { root: noise(32, 7), base: 0, index: 0, length: 2, proofLayers: 0 }
    responder.write({ type: 'hashRequest', ...range })
    await settle()
    t.same(items, [{ type: 'hashReject', ...range }])
  },
)

t.test(
  'hashes go before the blocks that are requested after them, and one run between two answers',
  async t => {
    const ready: (() => void)[] = []
    const findHashes = async ({ index }: { index: number }) => {
      await new Promise<void>(resolve => ready.push(resolve))
      return Buffer.alloc(64, index)
    }
    const { receive, items, reads, responder } = setup({ hashes: { findHashes } })
    const range = (index: number) => ({ root: noise(32, 7), base: 0, index, length: 2, proofLayers: 0 })
    const kinds = () => items.slice(1).map(item => ('type' in item ? item.type : 'blocks'))
    await receive({ type: 'hashRequest', ...range(0) }, { type: 'hashRequest', ...range(2) })
    await receive(request(0, 0), request(1, 0))
    t.same(reads, [], 'no block is read while hashes are computed')
    ready.shift()!()
    await settle()
    t.same(kinds(), ['hashes', 'blocks'])
    ready.shift()!()
    await settle()
    t.same(kinds(), ['hashes', 'blocks', 'hashes', 'blocks'])
    responder.destroy()
  },
)

t.test(
  'a request for hashes says of which piece the peer gets a block that it requested just before',
  async t => {
    const served: (number | undefined)[] = []
    const findHashes = async (_range: unknown, servedPiece?: number) => {
      served.push(servedPiece)
      return undefined
    }
    const { receive, responder } = setup({ hashes: { findHashes }, has: index => index !== 2 })
    const hashes = { ...{ root: noise(32, 7), base: 0, index: 0 }, length: 2, proofLayers: 0 }
    const ask: Message = { type: 'hashRequest', ...hashes }
    await receive(ask, request(1, 0), ask, ask, request(2, 0), ask, request(0, 0), cancel(0, 0), ask)
    t.same(served, [undefined, 1, undefined, undefined, undefined])
    responder.destroy()
  },
)

t.test('a peer that requests hashes without end, and reads no answer, fails the stage', async t => {
  const { responder, errors } = setup({ unread: true })
  const range = { root: noise(32, 7), base: 0, index: 0, length: 2, proofLayers: 0 }
  for (let count = 0; count < 40_000 && errors.length === 0; count++) {
    responder.write({ type: 'hashRequest', ...range })
    if (count % 1000 === 0) await settle()
  }
  await settle()
  t.match(errors, [refused])
})

t.test('the bytes of a piece that may be requested can be given', async t => {
  const { responder, errors, reads } = setup({ sizeOf: index => (index === 3 ? 2000 : 0) })
  responder.write(request(3, 1000, 1000))
  await settle()
  t.same(reads, [[3 * 40_000 + 1000, 1000]])
  responder.write(request(2, 0, 1000))
  await settle()
  t.match(errors, [refused])
})
