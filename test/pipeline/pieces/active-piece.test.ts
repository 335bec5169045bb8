import t from 'tap'
import { Bitfield } from '../../../src/codec/bitfield.ts'
import { BLOCK_LENGTH } from '../../../src/codec/message.ts'
import { ActivePiece, chooseLateness } from '../../../src/pipeline/pieces/active-piece.ts'
import { ActivePieces } from '../../../src/pipeline/pieces/active-pieces.ts'
import { Deadlines } from '../../../src/pipeline/pieces/deadlines.ts'
import { Endgame } from '../../../src/pipeline/pieces/endgame.ts'
import type { Request, Requester } from '../../../src/streams/peer/requester.ts'
import { PieceBuffer } from '../../../src/streams/piece-buffer.ts'

/** The properties of a requester that an active piece reads. */
function peer(...pieces: number[]) {
  const bits = new Bitfield(4)
  for (const index of pieces) bits.add(index)
  const asked = new Map<number, number>()
  const cancelled: number[] = []
  /** Pieces that it has and does not serve. */
  const refused = new Set<number>()
  const requester = {
    bits,
    offers: (index: number) => bits.has(index) && !refused.has(index),
    findRequestTime: (_: number, block: number) => asked.get(block),
    cancel: (_: PieceBuffer, block: number) => cancelled.push(block),
  } as unknown as Requester
  return { requester, asked, cancelled, refused }
}

function setup(alone?: Requester) {
  const piece = new ActivePiece(new PieceBuffer(1, 3 * BLOCK_LENGTH + 5), () => {}, 0, alone)
  /** Lets a peer take free or late blocks. */
  const take = ({ requester, asked }: ReturnType<typeof peer>, most: number, now = 0, patience?: number) => {
    const taken: Request[] = []
    if (patience === undefined) piece.take(requester, most, now, taken)
    else piece.takeLate(requester, most, now, chooseLateness(patience, true), taken)
    for (const { block } of taken) asked.set(block, now)
    return taken.map(({ block }) => block)
  }
  return { piece, take }
}

t.test('a piece is open to every peer that has it, or to one peer alone', async t => {
  const [a, b, c] = [peer(1), peer(1, 2), peer(2)]
  t.same(
    [a, b, c].map(({ requester }) => setup().piece.isFor(requester)),
    [true, true, false],
  )
  t.same(
    [a, b, c].map(({ requester }) => setup(b.requester).piece.isFor(requester)),
    [false, true, false],
  )
})

t.test('a piece is not open to a peer that has it and does not serve it', async t => {
  const a = peer(1)
  a.refused.add(1)
  t.equal(setup().piece.isFor(a.requester), false)
  t.equal(setup(a.requester).piece.isFor(a.requester), false)
})

t.test('for late blocks, no piece is searched that was begun too recently to have one', async t => {
  const searched: number[] = []
  const first = { ...peer(0, 1, 2, 3).requester, window: {} } as Requester
  const active = new ActivePieces()
  for (const [index, begunAt] of [0, 100, 300].entries()) {
    const piece = new ActivePiece(new PieceBuffer(index, BLOCK_LENGTH), () => {}, begunAt)
    piece.take(first, 1, begunAt, [])
    active.add(piece)
  }
  first.findRequestTime = index => {
    searched.push(index)
    return 0
  }
  const second = { ...peer(0, 1, 2, 3).requester, window: {} } as Requester
  new Endgame(active, new Deadlines(undefined), 500).takeLate(second, 16, 650, [], true)
  t.same(searched, [0, 1])
})

t.test('each block is given out once, as many as there is room for', async t => {
  const { piece, take } = setup()
  const [a, b] = [peer(1), peer(1)]
  t.same(take(a, 3), [0, 1, 2])
  t.same(take(b, 3), [3])
  t.same(take(a, 3), [])
  t.equal(piece.buffer.free, 0)
})

t.test('late blocks go to one other peer, not to the peer that owes them and not to a third', async t => {
  const { take } = setup()
  const [a, b, c] = [peer(1), peer(1), peer(1)]
  take(a, 4, 100)
  t.same(take(b, 4, 599, 500), [])
  t.same(take(a, 4, 600, 500), [])
  t.same(take(b, 2, 600, 500), [0, 1])
  t.same(take(c, 4, 600, 500), [2, 3])
  t.same(take(b, 4, 9999, 500), [])
})

t.test('a block that arrived is cancelled at every other peer', async t => {
  const { piece, take } = setup()
  const [a, b] = [peer(1), peer(1)]
  take(a, 4)
  take(b, 4, 500, 500)
  piece.settleBlock(0, a.requester)
  piece.settleBlock(1, b.requester)
  t.same([a.cancelled, b.cancelled], [[1], [0]])
  piece.settleBlock(2, peer(1).requester)
  t.same(
    [a.cancelled, b.cancelled],
    [
      [1, 2],
      [0, 2],
    ],
  )
  piece.settleBlock(2, a.requester)
  t.same(b.cancelled, [0, 2], 'once')
})

t.test('a block is free when the last peer that owes it gives it up, and not before', async t => {
  const { piece, take } = setup()
  const [a, b, c] = [peer(1), peer(1), peer(1)]
  take(a, 4)
  take(b, 4, 500, 500)
  t.equal(piece.giveUp(0, c.requester), false, 'a peer that was not asked has nothing to give up')
  t.equal(piece.giveUp(0, b.requester), false)
  t.equal(piece.giveUp(0, a.requester), true)
  t.equal(piece.giveUp(1, a.requester), false)
  t.equal(piece.giveUp(1, b.requester), true)
  t.equal(piece.buffer.free, 2)
  t.same(take(c, 4), [0, 1])
})

t.test('a block that was given up can become late again', async t => {
  const { piece, take } = setup()
  const [a, b, c] = [peer(1), peer(1), peer(1)]
  take(a, 1)
  take(b, 1, 500, 500)
  piece.giveUp(0, a.requester)
  t.same(take(c, 1, 999, 500), [], 'the second was asked at 500')
  t.same(take(c, 1, 1000, 500), [0])
})

t.test('before the endgame a block is late only after a longer time, as it may be sent twice', async t => {
  const { piece, take } = setup()
  const [a, b] = [peer(1), peer(1)]
  const setMeanWait = (peer: { requester: Requester }, ms: number) =>
    Object.assign(peer.requester, { window: { meanWaitMs: ms } })
  const takes = (now: number, hurry: boolean) => {
    const taken: Request[] = []
    piece.takeLate(b.requester, 1, now, chooseLateness(500, hurry), taken)
    for (const { block } of taken) piece.giveUp(block, b.requester)
    return taken.length === 1
  }
  take(a, 4)
  const first = (hurry: boolean) => {
    for (let now = 0; ; now += 100) if (takes(now, hurry)) return now
  }
  for (const [of, own, soon, later] of [
    [100, 1000, 500, 1500], // overdue, after the minimum wait
    [1000, 1000, 2000, 4000], // overdue
    [4000, 1000, 500, 1500], // the other peer is faster
    [4000, 1800, 500, 16_000], // not enough sooner to be requested twice
  ] as const) {
    setMeanWait(a, of)
    setMeanWait(b, own)
    t.same([first(true), first(false)], [soon, later], `${of} and ${own} ms`)
  }
})
