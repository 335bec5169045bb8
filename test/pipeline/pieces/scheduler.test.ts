import t, { type Test } from 'tap'
import { Bitfield } from '../../../src/codec/bitfield.ts'
import { BLOCK_LENGTH, type Message } from '../../../src/codec/message.ts'
import { Cursors } from '../../../src/pipeline/pieces/cursors.ts'
import { Picker } from '../../../src/pipeline/pieces/picker.ts'
import { Scheduler, type SchedulerOptions } from '../../../src/pipeline/pieces/scheduler.ts'
import { Requester } from '../../../src/streams/peer/requester.ts'
import { PieceBuffer } from '../../../src/streams/piece-buffer.ts'
import { generator } from '../../helpers/feed.ts'

import { settle } from '../../helpers/virtual-clock.ts'

interface Setup extends Partial<Omit<SchedulerOptions, 'trust'>> {
  readonly trust?: Partial<SchedulerOptions['trust']>
  readonly pieces?: number
  readonly blocks?: number
  readonly sequential?: boolean
}

/** A scheduler of pieces in order, with scripted peers. */
function setup({ pieces = 8, blocks = 4, admitted = 8, sequential = true, trust = {}, ...more }: Setup = {}) {
  const time = { now: 0 }
  const picker = more.picker ?? new Picker({ pieceCount: pieces, sequential, random: generator(1) })
  const opened: number[] = []
  const closed: PieceBuffer[] = []
  const whole: PieceBuffer[] = []
  const scheduler = new Scheduler({
    picker,
    admitted,
    buffers: {
      open: index => {
        opened.push(index)
        return new PieceBuffer(index, blocks * BLOCK_LENGTH)
      },
      close: piece => closed.push(piece),
    },
    trust: { isSuspect: () => false, isAccused: () => false, isOnParole: () => false, ...trust },
    ...more,
  })

  /** A peer that has sent its bitfield and unchoked us. */
  async function peer({ window = 4, has = (_: number): boolean => true, unchoke = true, fast = false } = {}) {
    const sent: Message[] = []
    const waiting: string[] = []
    const state = { window, snubs: 0 }
    const requester: Requester = new Requester({
      pieceCount: pieces,
      source: scheduler,
      window: {
        get size() {
          return state.window
        },
        onBlock() {},
        onSnub: () => state.snubs++,
        onRefusal() {},
      },
      now: () => time.now,
      send: messages => {
        for (const message of [messages].flat()) {
          sent.push(message)
          if (message.type !== 'request' && message.type !== 'cancel') continue
          const name = `${message.index}:${message.begin / BLOCK_LENGTH}`
          if (message.type === 'request') waiting.push(name)
          else waiting.splice(waiting.indexOf(name), 1)
        }
      },
    })
    requester.fast = fast
    requester.on('error', () => {})
    requester.on('data', ({ piece }) => {
      if (piece.complete && !piece.closed) {
        piece.close()
        whole.push(piece)
      }
    })
    const tell = async (...messages: Message[]) => {
      for (const message of messages) requester.write(message)
      await settle()
    }
    /** Sends these blocks, by default all requested ones. */
    const give = async (names = [...waiting]) => {
      for (const name of names) {
        const [index = 0, block = 0] = name.split(':').map(Number)
        const begin = block * BLOCK_LENGTH
        const writer = { divert() {} }
        const piece = requester.place(index, begin, BLOCK_LENGTH, writer)
        if (waiting.includes(name)) waiting.splice(waiting.indexOf(name), 1)
        if (piece)
          requester.write({ type: 'blocks', writer, blocks: [{ piece, begin, length: BLOCK_LENGTH }] })
        else requester.write({ type: 'piece', index, begin, length: BLOCK_LENGTH, data: null })
      }
      await settle()
    }
    const bits = new Bitfield(pieces)
    for (let index = 0; index < pieces; index++) if (has(index)) bits.add(index)
    await tell({ type: 'bitfield', bytes: bits.bytes })
    if (unchoke) await tell({ type: 'unchoke' })
    const leave = async () => {
      requester.destroy()
      await settle()
    }
    return { requester, sent, waiting, state, tell, give, leave }
  }
  /** Stores the complete pieces. */
  const rest = async () => {
    for (const piece of whole.splice(0)) scheduler.finishPiece(piece)
    await settle()
  }
  return { scheduler, picker, time, peer, opened, closed, whole, rest }
}

t.test('a fixed number of pieces is admitted, and the next one when a piece is stored', async t => {
  const { scheduler, peer, whole, rest } = setup({ admitted: 2 })
  const a = await peer({ window: 100 })
  t.same(a.waiting.length, 8)
  t.equal(scheduler.activePieces, 2)
  t.equal(scheduler.isFull, true)
  await a.give()
  t.equal(whole.length, 2)
  t.equal(scheduler.activePieces, 2, 'verified, but not at rest')
  t.same(a.waiting, [])
  await rest()
  t.same(a.waiting.length, 8)
  t.equal(scheduler.activePieces, 2)
})

t.test('a piece in progress is finished first, by any peer that has it', async t => {
  const { peer, opened } = setup()
  const a = await peer({ window: 2 })
  const b = await peer({ window: 4 })
  t.same(a.waiting, ['0:0', '0:1'])
  t.same(b.waiting, ['0:2', '0:3', '1:0', '1:1'])
  await a.give()
  t.same(a.waiting, ['1:2', '1:3'])
  t.same(opened, [0, 1])
})

t.test('a peer is not asked for a piece that it does not have', async t => {
  const { peer } = setup()
  const a = await peer({ window: 3 })
  const b = await peer({ has: index => index > 4 })
  t.same(a.waiting, ['0:0', '0:1', '0:2'])
  t.same(b.waiting, ['5:0', '5:1', '5:2', '5:3'])
})

t.test('the requests of a peer that leaves go at once to a peer with room', async t => {
  const { peer } = setup({ pieces: 2 })
  const a = await peer({ window: 8 })
  const b = await peer({ window: 8 })
  t.same(b.waiting, [], 'all is asked of the first')
  await a.leave()
  t.same(b.waiting, ['0:0', '0:1', '0:2', '0:3', '1:0', '1:1', '1:2', '1:3'])
})

t.test('the requests of a peer that chokes go at once to a peer with room', async t => {
  const { peer } = setup({ pieces: 1 })
  const a = await peer()
  const b = await peer()
  await a.tell({ type: 'choke' })
  t.same(b.waiting, ['0:0', '0:1', '0:2', '0:3'])
})

t.test('a peer that waits for admission takes over requests that others lost', async t => {
  const { scheduler, peer, time } = setup({ admitted: 1 })
  const a = await peer()
  const b = await peer()
  t.same(b.waiting, [])
  t.equal(scheduler.isFull, true)
  await a.leave()
  t.same(b.waiting, ['0:0', '0:1', '0:2', '0:3'])
  const c = await peer()
  time.now = 600
  scheduler.fill(true)
  t.same(c.waiting, ['0:0', '0:1', '0:2', '0:3'], 'and, after some time, what others are slow to give')
})

t.test(
  'a peer that chokes and unchokes is asked again for what is missing, and for nothing twice',
  async t => {
    const { peer } = setup({ pieces: 1 })
    const a = await peer()
    await a.give(['0:1'])
    await a.tell({ type: 'choke' })
    a.waiting.length = 0
    await a.tell({ type: 'unchoke' })
    t.same(a.waiting, ['0:0', '0:2', '0:3'])
  },
)

t.test('a late block is requested from one other peer, and only after a delay', async t => {
  const { scheduler, peer, time } = setup({ pieces: 1, patience: 500 })
  const a = await peer()
  const b = await peer()
  const c = await peer()
  time.now = 499
  scheduler.fill(true)
  t.same([b.waiting, c.waiting], [[], []])
  time.now = 500
  scheduler.fill(true)
  t.same([b.waiting, c.waiting].flat().sort(), ['0:0', '0:1', '0:2', '0:3'])
  time.now = 5000
  scheduler.fill(true)
  t.same([b.waiting, c.waiting].flat().length, 4, 'never of a third')
  t.equal(a.waiting.length, 4)
})

t.test('a peer that can begin a piece does not take over late blocks', async t => {
  const { peer, time } = setup({ pieces: 2 })
  const a = await peer()
  time.now = 1000
  const b = await peer()
  t.same(a.waiting, ['0:0', '0:1', '0:2', '0:3'])
  t.same(b.waiting, ['1:0', '1:1', '1:2', '1:3'])
})

t.test('when a block arrives, the second request is cancelled and its answer is discarded', async t => {
  const { scheduler, peer, time, whole } = setup({ pieces: 1 })
  const a = await peer()
  const b = await peer()
  time.now = 1000
  scheduler.fill(true)
  await b.give(['0:0', '0:1'])
  const cancelled = a.sent.filter(({ type }) => type === 'cancel')
  t.same(cancelled, [
    { type: 'cancel', index: 0, begin: 0, length: BLOCK_LENGTH },
    { type: 'cancel', index: 0, begin: BLOCK_LENGTH, length: BLOCK_LENGTH },
  ])
  await a.give(['0:0', '0:1', '0:2', '0:3'])
  t.same(b.waiting, [], 'cancelled in turn')
  t.equal(a.requester.wasted, 2 * BLOCK_LENGTH)
  t.equal(a.requester.downloaded, 2 * BLOCK_LENGTH)
  t.equal(whole.length, 1)
  t.same(whole[0]!.givers, [b.requester, b.requester, a.requester, a.requester])
})

t.test('a peer that lost all of its requests to others gets new ones', async t => {
  const { scheduler, peer, time } = setup()
  const a = await peer()
  const b = await peer({ has: index => index === 0 })
  time.now = 1000
  scheduler.fill(true)
  await b.give(['0:0', '0:1', '0:2', '0:3'])
  t.same(a.waiting, ['1:0', '1:1', '1:2', '1:3'])
})

t.test('a peer that sent only blocks of a wrong length is asked again', async t => {
  const { peer } = setup({ pieces: 1 })
  const a = await peer()
  for (const block of [0, 1, 2, 3]) {
    a.waiting.shift()
    await a.tell({ type: 'piece', index: 0, begin: block * BLOCK_LENGTH, length: 1, data: null })
  }
  t.same(a.waiting.sort(), ['0:0', '0:1', '0:2', '0:3'])
})

t.test(
  'if one of two peers with the same block leaves, the other continues; if both leave, the block is free',
  async t => {
    const { scheduler, peer, time } = setup({ pieces: 1 })
    const a = await peer()
    const b = await peer()
    time.now = 1000
    scheduler.fill(true)
    const c = await peer({ unchoke: false })
    await a.leave()
    await c.tell({ type: 'unchoke' })
    t.same(c.waiting, [], 'the second has just been asked')
    await b.leave()
    t.same(c.waiting.sort(), ['0:0', '0:1', '0:2', '0:3'])
  },
)

t.test(
  'a request that a peer does not answer goes to another, and a late answer is still accepted',
  async t => {
    const { peer, time, whole } = setup({ pieces: 1 })
    const a = await peer()
    const b = await peer()
    time.now = 10_001
    a.requester.tick(time.now, 10_000)
    t.equal(a.state.snubs, 1)
    t.same(b.waiting.length, 4)
    await a.give()
    t.equal(whole.length, 1)
    t.same(b.waiting, [])
    t.equal(a.requester.downloaded, 4 * BLOCK_LENGTH)
  },
)

t.test('a suspect piece is requested from one peer alone', async t => {
  const { scheduler, peer, time } = setup({ pieces: 1, trust: { isSuspect: () => true } })
  const a = await peer({ window: 2 })
  const b = await peer()
  time.now = 1000
  scheduler.fill(true)
  t.same(b.waiting, [])
  await a.give()
  t.same(a.waiting, ['0:2', '0:3'])
  await a.leave()
  t.same(b.waiting, ['0:0', '0:1', '0:2', '0:3'], 'given up by him, begun again by another')
})

t.test('a suspect piece is begun by a peer that had no part in it, if there is one', async t => {
  let guilty: Requester | undefined
  const { peer } = setup({
    trust: { isSuspect: i => i === 0, isAccused: (index, fetcher) => index === 0 && fetcher === guilty },
  })
  const a = await peer({ unchoke: false, window: 2 })
  guilty = a.requester
  await a.tell({ type: 'unchoke' })
  t.same(a.waiting, ['1:0', '1:1'])
  const b = await peer({ has: index => index === 0 })
  t.same(b.waiting, ['0:0', '0:1', '0:2', '0:3'])
})

t.test('a suspect piece that only the accused peer has is begun by that peer', async t => {
  const { peer } = setup({ pieces: 1, trust: { isSuspect: () => true, isAccused: () => true } })
  const a = await peer()
  t.same(a.waiting, ['0:0', '0:1', '0:2', '0:3'])
})

t.test('a piece that a peer on parole has sent, and that a reader has not read, delays no other', async t => {
  const { peer, whole } = setup({ pieces: 2, trust: { isOnParole: () => true } })
  const a = await peer({ window: 8 })
  t.same(a.waiting, ['0:0', '0:1', '0:2', '0:3'], 'one at a time')
  await a.give()
  t.equal(whole.length, 1, 'not stored yet')
  t.same(a.waiting, ['1:0', '1:1', '1:2', '1:3'])
})

t.test(
  'a wrong piece that a reader waits for comes next, from the accused peer if there is no other',
  async t => {
    for (const others of [0, 1]) {
      let guilty: Requester | undefined
      const isAccused = (index: number, fetcher: object) => index === 0 && fetcher === guilty
      const cursors = new Cursors(8)
      const { peer } = setup({ pieces: 3, cursors, trust: { isSuspect: index => index === 0, isAccused } })
      const a = await peer({ unchoke: false })
      guilty = a.requester
      if (others > 0) await peer({ window: 1, has: index => index === 0 })
      cursors.move(cursors.open(0, 3), 0, true)
      await a.tell({ type: 'unchoke' })
      const index = others > 0 ? 1 : 0
      t.same(
        a.waiting,
        [0, 1, 2, 3].map(block => `${index}:${block}`),
        `${others} others`,
      )
    }
  },
)

t.test('a suspect piece is not reserved for a peer that choked between two of its blocks', async t => {
  const { peer, scheduler } = setup({ pieces: 1, trust: { isSuspect: () => true } })
  const a = await peer({ window: 2 })
  const b = await peer()
  a.state.window = 1
  await a.give()
  a.state.window = 0
  await a.give()
  t.equal(a.requester.outstanding, 0)
  await a.tell({ type: 'choke' })
  scheduler.fill(true)
  t.same(b.waiting, ['0:0', '0:1', '0:2', '0:3'])
})

t.test('a wrong piece is begun again with new memory, and the old memory is never written again', async t => {
  const { scheduler, peer, whole, closed } = setup({ pieces: 1 })
  const a = await peer()
  await a.give()
  const [piece] = whole
  scheduler.restartPiece(piece!)
  await settle()
  t.same(closed, [piece])
  t.same(a.waiting, ['0:0', '0:1', '0:2', '0:3'])
  t.not(a.requester.place(0, 0, BLOCK_LENGTH, { divert() {} })?.data.buffer, piece!.data.buffer)
})

t.test('a have gives requests to a peer that had none', async t => {
  const { peer } = setup()
  const a = await peer({ has: () => false })
  t.same(a.waiting, [])
  await a.tell({ type: 'have', index: 3 })
  t.same(a.waiting, ['3:0', '3:1', '3:2', '3:3'])
})

t.test('a piece that is given up is offered to idle peers', async t => {
  const { scheduler, peer, whole } = setup({ pieces: 1, trust: { isSuspect: () => true } })
  const a = await peer()
  const b = await peer()
  t.same(b.waiting, [])
  await a.give()
  scheduler.restartPiece(whole[0]!)
  await settle()
  t.equal(a.waiting.length + b.waiting.length, 4)
})

t.test('every peer is kept busy until the last piece, and nothing is requested after it', async t => {
  const { scheduler, peer, rest, picker } = setup({ pieces: 40, blocks: 3, admitted: 4 })
  const random = generator(7)
  const peers = await Promise.all(
    [3, 5, 50].map(window => peer({ window, has: i => window > 4 || i % 2 > 0 })),
  )
  for (let rounds = 0; picker.wants(39) || scheduler.activePieces > 0; rounds++) {
    if (rounds > 500) return t.fail('it never ends')
    for (const { give, waiting } of peers) await give(waiting.filter(() => random() < 0.7))
    t.ok(scheduler.activePieces <= 4)
    await rest()
  }
  for (const { waiting, requester } of peers) {
    t.same(waiting, [])
    t.equal(requester.outstanding, 0)
  }
})

t.test('after the end, pieces are closed, nothing is requested, and late blocks get no place', async t => {
  const { scheduler, peer, closed } = setup({ admitted: 1 })
  const a = await peer()
  const b = await peer()
  scheduler.end()
  t.equal(scheduler.activePieces, 0)
  t.equal(scheduler.isFull, false)
  t.same(
    closed.map(piece => [piece.index, piece.closed]),
    [[0, true]],
  )
  t.equal(a.requester.place(0, 0, BLOCK_LENGTH, { divert() {} }), null)
  a.waiting.length = 0
  await a.tell({ type: 'choke' }, { type: 'unchoke' })
  scheduler.fill(true)
  t.same([a.waiting, b.waiting], [[], []])
})

t.test('suggested pieces come first, the latest suggestion before the others', async t => {
  const { peer, opened } = setup({ sequential: false })
  const a = await peer({ fast: true, unchoke: false, window: 16, has: index => index !== 4 })
  for (const index of [2, 4, 6, 7]) await a.tell({ type: 'suggest', index })
  await a.tell({ type: 'unchoke' })
  t.same(opened.slice(0, 3), [7, 6, 2])
  t.equal(opened.length, 4)
})

t.test('with pieces in order, suggestions do not change the order', async t => {
  const { peer, opened } = setup()
  const a = await peer({ fast: true, unchoke: false, window: 16 })
  for (const index of [2, 4, 6, 7]) await a.tell({ type: 'suggest', index })
  await a.tell({ type: 'unchoke' })
  t.same(opened, [0, 1, 2, 3])
})

t.test('a suggested piece that is in progress with another peer is finished there', async t => {
  const { peer, opened } = setup()
  await peer({ window: 4 })
  const b = await peer({ fast: true, unchoke: false })
  await b.tell({ type: 'suggest', index: 0 }, { type: 'unchoke' })
  t.same(opened, [0, 1])
  t.same(b.waiting, ['1:0', '1:1', '1:2', '1:3'])
})

t.test('a peer that chokes us is asked only for pieces that it has and allows', async t => {
  const { peer, opened } = setup()
  const a = await peer({ fast: true, unchoke: false, window: 100, has: index => index !== 5 })
  for (const index of [3, 5, 6]) await a.tell({ type: 'allowedFast', index })
  t.same(opened, [3, 6])
  t.equal(a.waiting.length, 8)
  await a.tell({ type: 'unchoke' })
  t.same(opened, [3, 6, 0, 1, 2, 4, 7])
})

t.test('a rejected request goes at once to a peer with room', async t => {
  const { peer } = setup({ pieces: 1 })
  const a = await peer({ fast: true })
  const b = await peer()
  t.same(b.waiting, [])
  await a.tell(
    ...[0, 1].map(
      (block): Message => ({
        type: 'reject',
        index: 0,
        begin: block * BLOCK_LENGTH,
        length: BLOCK_LENGTH,
      }),
    ),
  )
  t.same(b.waiting, ['0:0', '0:1'])
  t.equal(a.requester.outstanding, 2)
})

t.test(
  'a piece that the only peer rejects twice is skipped for a second and then requested again',
  async t => {
    const { peer, opened, time } = setup({ pieces: 3, blocks: 1 })
    const a = await peer({ fast: true, window: 2 })
    const reject = async () => {
      a.waiting.shift()
      await a.tell({ type: 'reject', index: 0, begin: 0, length: BLOCK_LENGTH })
    }
    t.same(a.waiting, ['0:0', '1:0'])
    time.now += 10
    await reject()
    t.same(a.waiting, ['1:0', '0:0'])
    a.waiting.reverse()
    time.now += 10
    await reject()
    t.same(a.waiting, ['1:0', '2:0'])
    await a.give()
    t.same(a.waiting, [])
    a.requester.tick((time.now += 1001), 10_000)
    t.same(a.waiting, ['0:0'])
    t.same(opened, [0, 1, 2])
  },
)

/** Runs a slow peer, a reader of the first piece that it was requested, and a reject of that piece. */
async function rejectForReader(t: Test, quick: boolean) {
  const cursors = new Cursors(8)
  const { scheduler, peer, time, rest } = setup({ pieces: 200, blocks: 1, admitted: 20, cursors })
  const a = await peer({ fast: true, window: 8 })
  Object.assign(a.requester.window, { meanWaitMs: 2000 })
  for (let round = 0; round < 10; round++) {
    time.now += 100
    await a.give()
    await rest()
  }
  const next = a.waiting[0]!
  const index = Number.parseInt(next, 10)
  if (quick) {
    const b = await peer({ has: piece => piece > index + 100 })
    Object.assign(b.requester.window, { meanWaitMs: 100 })
    time.now += 100
  }
  cursors.open(index, 200)
  await a.give(a.waiting.slice(1))
  await rest()
  a.waiting.shift()
  await a.tell({ type: 'reject', index, begin: 0, length: BLOCK_LENGTH })
  const isRequestedAtOnce = a.waiting.includes(next)
  for (let round = 0; round < 6; round++) {
    time.now += 100
    await a.give(a.waiting.slice(0, 4))
    await rest()
  }
  t.ok(scheduler.activePieces > 1)
  return { isRequestedAtOnce, isRequestedLater: a.waiting.includes(next) }
}

t.test(
  'a block that a peer will send too late for a reader is left to a quicker peer, but not for long',
  async t => {
    t.same(await rejectForReader(t, true), { isRequestedAtOnce: false, isRequestedLater: true })
  },
)

t.test('a block that the only peer rejected is requested from that peer again', async t => {
  const { isRequestedAtOnce } = await rejectForReader(t, false)
  t.ok(isRequestedAtOnce)
})

t.test('a piece that a peer lost is requested from another peer', async t => {
  const { peer } = setup({ pieces: 1 })
  const a = await peer()
  const b = await peer()
  a.requester.write({ type: 'dontHave', index: 0 })
  await settle()
  t.same(b.waiting, ['0:0', '0:1', '0:2', '0:3'])
})

t.test('the piece that a reader waits for comes from all peers, each its share', async t => {
  const cursors = new Cursors(8)
  const { scheduler, peer } = setup({ pieces: 200, blocks: 8, admitted: 20, cursors })
  const peers = [
    await peer({ window: 0 }),
    await peer({ window: 0 }),
    await peer({ window: 0 }),
    await peer({ window: 0 }),
  ]
  cursors.move(cursors.open(100, 200), 100, true)
  for (const { state } of peers) state.window = 20
  scheduler.fill(true)
  for (const { requester } of peers) requester.fill()
  for (const { waiting } of peers)
    t.equal(waiting.filter(name => name.startsWith('100:')).length, 2, `${waiting}`)
  t.same(
    peers.map(({ waiting }) => waiting[0]),
    ['100:0', '100:2', '100:4', '100:6'],
  )
})

t.test('blocks that no other peer takes within 100 ms are requested from one peer', async t => {
  const cursors = new Cursors(8)
  const { peer, time } = setup({ pieces: 200, blocks: 8, admitted: 20, cursors })
  const a = await peer({ window: 0 })
  await peer({ window: 0 })
  cursors.move(cursors.open(100, 200), 100, true)
  a.state.window = 6
  a.requester.fill()
  t.same(a.waiting.slice(0, 4), ['100:0', '100:1', '100:2', '100:3'])
  t.notOk(a.waiting.includes('100:4'))
  a.state.window = 12
  a.requester.fill()
  t.notOk(a.waiting.includes('100:4'))
  time.now += 101
  a.state.window = 40
  a.requester.fill()
  t.ok(a.waiting.includes('100:7'), `${a.waiting}`)
})

t.test('a piece that a reader waits for is begun although all places are taken', async t => {
  const cursors = new Cursors(2)
  const { scheduler, peer } = setup({ pieces: 200, blocks: 4, admitted: 2, cursors })
  const a = await peer({ window: 8 })
  t.equal(scheduler.activePieces, 2)
  cursors.move(cursors.open(100, 200), 100, true)
  a.state.window = 12
  a.requester.fill()
  t.equal(scheduler.activePieces, 3)
  t.same(a.waiting.slice(8), ['100:0', '100:1', '100:2', '100:3'])
  cursors.move(cursors.open(150, 200), 150, true)
  a.state.window = 16
  a.requester.fill()
  t.equal(scheduler.activePieces, 3, 'only one')
})

t.test(
  'a piece that no reader needs keeps its blocks, takes late ones, and is continued for a reader',
  async t => {
    const cursors = new Cursors(4)
    const picker = new Picker({ pieceCount: 200, onDemand: true, cursors, random: generator(1) })
    const { scheduler, peer, opened, closed, whole, rest } = setup({
      pieces: 200,
      blocks: 4,
      admitted: 4,
      cursors,
      picker,
    })
    const a = await peer({ window: 4 })
    const reader = cursors.open(100, 200)
    scheduler.onReadersChanged()
    await a.give(['100:0'])
    cursors.close(reader)
    scheduler.onReadersChanged()
    t.equal(scheduler.activePieces, 0)
    t.equal(a.requester.outstanding, 0)
    t.same(closed, [])
    await a.give(['100:1'])
    t.equal(a.requester.wasted, 0, 'a late block')
    a.waiting.length = 0
    cursors.open(100, 200)
    scheduler.onReadersChanged()
    t.same(a.waiting.slice(0, 2), ['100:2', '100:3'])
    t.equal(opened.filter(index => index === 100).length, 1)
    await a.give(['100:2', '100:3'])
    t.equal(whole[0]?.index, 100)
    await rest()
  },
)

t.test('parked pieces make room: the oldest is closed, and a late block of it is wasted', async t => {
  const cursors = new Cursors(2)
  const picker = new Picker({ pieceCount: 200, onDemand: true, cursors, random: generator(1) })
  const { scheduler, peer, closed } = setup({ pieces: 200, blocks: 4, admitted: 2, cursors, picker })
  const a = await peer({ window: 4 })
  for (const at of [0, 50, 100, 150]) {
    const reader = cursors.open(at, at + 1)
    scheduler.onReadersChanged()
    cursors.close(reader)
    scheduler.onReadersChanged()
    await settle()
  }
  t.same(
    closed.map(({ index }) => index),
    [0, 50],
  )
  await a.give(['0:0', '150:0'])
  t.equal(a.requester.wasted, BLOCK_LENGTH)
  scheduler.end()
  t.equal(closed.length, 4, 'all memory is given back')
})
