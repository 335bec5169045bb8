import t from 'tap'
import type { SuggestedPeer } from '../../../src/pipeline/peer/peer-context.ts'
import { Suggestions } from '../../../src/pipeline/upload/suggestions.ts'
import { UploadGauge } from '../../../src/pipeline/upload/upload-gauge.ts'
import { generator } from '../../helpers/feed.ts'

const MiB = 1 << 20
const PIECE_COUNT = 12

/**
 * Creates suggestions for pieces of 128 KiB, two at a time, of a seed that sends as fast as it can. `copies` has the
 * number of peers with each piece.
 */
function setup(pieceLength = MiB / 8) {
  const copies = new Array<number>(PIECE_COUNT).fill(0)
  const suggestions = new Suggestions<SuggestedPeer>({
    pieceCount: PIECE_COUNT,
    pieceLength,
    source: { countCopies: index => copies[index]! },
    random: generator(1),
  })
  for (let second = 0; second <= 2; second += 0.25) suggestions.tick(second * MiB, second * 1000)
  return { copies, suggestions }
}

const nothing = () => false

/** Returns a peer to which blocks are being sent. */
const busy = () => ({ responder: { sending: true, waiting: 0 }, waitsSince: 0 })

t.test('each piece is suggested to one peer only', t => {
  const { suggestions } = setup()
  const all = Array.from({ length: 8 }, () => suggestions.choosePieces(busy(), nothing, 0)).flat()
  t.equal(all.length, PIECE_COUNT)
  t.equal(new Set(all).size, PIECE_COUNT)
  t.end()
})

t.test('a peer has suggestions for 256 KiB, and at least two pieces', t => {
  t.equal(setup(MiB / 32).suggestions.choosePieces(busy(), nothing, 0).length, 8)
  t.equal(setup(MiB / 8).suggestions.choosePieces(busy(), nothing, 0).length, 2)
  t.equal(setup(MiB).suggestions.choosePieces(busy(), nothing, 0).length, 2)
  t.end()
})

t.test('the next piece is suggested when one was requested', t => {
  const { suggestions } = setup()
  const a = busy()
  const first = suggestions.choosePieces(a, nothing, 0)
  t.strictSame(suggestions.choosePieces(a, nothing, 0), [])
  t.equal(suggestions.noteRequest(a, first[0]!, 0), true)
  t.equal(suggestions.noteRequest(a, first[0]!, 0), false, 'its other blocks change nothing')
  t.equal(suggestions.choosePieces(a, nothing, 0).length, 1)
  t.end()
})

t.test('a piece that the peer or any other peer has is not suggested', t => {
  const { copies, suggestions } = setup()
  copies.fill(1, 0, 5)
  const all = [...suggestions.choosePieces(busy(), index => index === 5, 0)]
  for (let at = 0; at < PIECE_COUNT; at++) all.push(...suggestions.choosePieces(busy(), nothing, 0))
  t.notOk(all.some(index => index < 5))
  t.notOk(all.slice(0, 2).includes(5))
  t.end()
})

t.test('requests for a piece that another peer fetches wait until a peer has it, or for eight seconds', t => {
  const { copies, suggestions } = setup()
  const a = busy()
  const b = busy()
  const [index = 0] = suggestions.choosePieces(a, nothing, 0)
  t.equal(
    suggestions.defersPiece(b, index, 0),
    false,
    'it was suggested to another peer that has not requested it',
  )
  suggestions.noteRequest(a, index, 1000)
  t.equal(suggestions.defersPiece(a, index, 1000), false)
  t.equal(suggestions.defersPiece(b, index, 1000), true)
  t.equal(suggestions.defersPiece(b, index, 7999), true)
  t.equal(suggestions.defersPiece(b, index, 8000), false)
  a.waitsSince = b.waitsSince = 8000 // a block was sent, and they continue to wait
  t.equal(suggestions.defersPiece(b, index, 15_999), true)
  t.equal(suggestions.defersPiece(b, index, 16_000), false)
  a.waitsSince = b.waitsSince = 60_000
  t.equal(suggestions.defersPiece(b, index, 60_999), true)
  t.equal(suggestions.defersPiece(b, index, 61_000), false, 'a minute is enough, whatever else it gets')
  b.waitsSince = a.waitsSince = 1000
  copies[index] = 1
  t.equal(suggestions.defersPiece(b, index, 1000), false)
  t.end()
})

t.test('the first peer that requests a piece gets it, also if it was suggested to another', t => {
  const { suggestions } = setup()
  const a = busy()
  const b = busy()
  const [index = 0] = suggestions.choosePieces(a, nothing, 0)
  suggestions.noteRequest(b, index, 0)
  t.equal(suggestions.defersPiece(a, index, 1), true)
  t.equal(suggestions.defersPiece(b, index, 1), false)
  t.end()
})

t.test('the suggestions of a peer that left are suggested to others', t => {
  const { suggestions } = setup()
  const a = busy()
  const first = suggestions.choosePieces(a, nothing, 0)
  suggestions.noteRequest(a, first[0]!, 0)
  suggestions.removePeer(a)
  const all = Array.from({ length: 8 }, () => suggestions.choosePieces(busy(), nothing, 0)).flat()
  t.strictSame(all.filter(index => first.includes(index)).sort(), [...first].sort())
  t.equal(suggestions.defersPiece(busy(), first[0]!, 1), false)
  t.end()
})

t.test('no request waits for a peer that received everything it requested', t => {
  const { suggestions } = setup()
  const a = { responder: { sending: false, waiting: 3 }, waitsSince: 0 }
  const [index = 0] = suggestions.choosePieces(a, nothing, 0)
  suggestions.noteRequest(a, index, 0)
  t.equal(suggestions.defersPiece(busy(), index, 1), true)
  a.responder.waiting = 0
  t.equal(suggestions.defersPiece(busy(), index, 1), false)
  t.end()
})

t.test('no request waits for a peer that takes nothing of what it requested', t => {
  const { suggestions } = setup()
  const a = busy()
  const b = busy()
  const [index = 0] = suggestions.choosePieces(a, nothing, 0)
  suggestions.noteRequest(a, index, 0)
  b.waitsSince = 7000
  t.equal(suggestions.defersPiece(b, index, 7999), true)
  t.equal(suggestions.defersPiece(b, index, 8000), false)
  a.waitsSince = 7000
  t.equal(suggestions.defersPiece(b, index, 8000), true)
  t.end()
})

t.test('no request waits while upload is idle', t => {
  const { suggestions } = setup()
  const a = busy()
  const [index = 0] = suggestions.choosePieces(a, nothing, 0)
  suggestions.noteRequest(a, index, 0)
  t.equal(suggestions.defersPiece(busy(), index, 1), true)
  suggestions.tick(2 * MiB + MiB / 8, 2250) // half of the previous rate for a quarter of a second
  t.equal(suggestions.defersPiece(busy(), index, 1), true)
  suggestions.tick(2 * MiB + MiB / 8, 2500)
  t.equal(suggestions.defersPiece(busy(), index, 1), false)
  t.end()
})

t.test('a peer that requests everything delays others for a few pieces only', t => {
  const suggestions = new Suggestions<SuggestedPeer>({
    pieceCount: 1000,
    pieceLength: MiB,
    source: { countCopies: () => 0 },
    random: generator(1),
  })
  for (let second = 0; second <= 2; second += 0.25) suggestions.tick(second * MiB, second * 1000)
  const greedy = busy()
  for (let index = 0; index < 1000; index++) suggestions.noteRequest(greedy, index, 0)
  const other = busy()
  t.equal(
    Array.from({ length: 1000 }, (_, index) => suggestions.defersPiece(other, index, 1)).filter(Boolean)
      .length,
    4,
  )
  t.end()
})

t.test('upload counts as saturated while it is near its recent maximum', t => {
  const gauge = new UploadGauge()
  let [count, now] = [0, 0]
  const send = (rate: number, seconds: number) => {
    for (const end = now + seconds * 1000; now < end; now += 250) {
      gauge.update(count, now)
      count += rate / 4
    }
    return gauge.saturated
  }
  t.equal(send(0, 5), false, 'nothing was sent')
  t.equal(send(1000, 5), true)
  t.equal(send(800, 5), false)
  t.equal(send(950, 5), true)
  t.equal(send(0, 1), false)
  t.equal(send(500, 30), false)
  t.equal(send(500, 60), true, 'the line became slower')
  t.end()
})
