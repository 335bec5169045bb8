import t from 'tap'
import { PeerRequests } from '../../../src/streams/peer/peer-requests.ts'
import { WithdrawnRequests } from '../../../src/streams/peer/withdrawn-requests.ts'
import type { Request } from '../../../src/streams/pending-requests.ts'
import { PieceBuffer } from '../../../src/streams/piece-buffer.ts'

const BLOCK_BYTES = 16_384
const piece = new PieceBuffer(3, 4 * BLOCK_BYTES)
const request = (block = 0): Request => ({ piece, block, at: 0, lost: false })

t.test('a reject answers the oldest request for its block', async t => {
  const questions = new PeerRequests()
  const first = request()
  questions.add(first)
  questions.withdraw([first])
  const second = request()
  questions.add(second)
  t.equal(questions.reject(3, 0), undefined, 'that was the first')
  t.equal(questions.reject(3, 0), second)
  t.equal(questions.reject(3, BLOCK_BYTES), undefined, 'which was not asked for')
  t.equal(questions.reject(3, 1), undefined, 'nor is that a block')
  t.equal(questions.count, 1)
})

t.test('a block answers the oldest request, and reports how many others to cancel', async t => {
  const questions = new PeerRequests()
  questions.add(request())
  questions.add(request())
  questions.add(request())
  t.equal(questions.count, 1, 'one block, one request under way')
  t.equal(questions.settle(questions.get(3, 0), 3, 0), 2)
  t.equal(questions.count, 0)
  t.equal(questions.expects(3, 0), true)
  t.equal(questions.settle(undefined, 3, 0), 0)
  t.equal(questions.settle(undefined, 3, 0), 0)
  t.equal(questions.expects(3, 0), false)
})

t.test('a lost request that is sent again keeps its place and time', async t => {
  const questions = new PeerRequests()
  questions.add({ ...request(0), at: 5 })
  questions.add({ ...request(1), at: 6 })
  questions.markAllLost()
  t.equal(questions.count, 0)
  t.equal(questions.restore({ ...request(0), at: 50 }), true)
  t.equal(questions.restore({ ...request(0), at: 60 }), false, 'once')
  t.equal(questions.restore(request(2)), false)
  t.equal(questions.count, 1)
  t.match(questions.first, { block: 0, at: 5, lost: false })
})

t.test('blocks that were never requested are counted; useful blocks offset some', async t => {
  const questions = new PeerRequests()
  for (let count = 0; count < 128; count++) questions.countUnwanted(0)
  t.throws(() => questions.countUnwanted(0), { code: 'ERR_MESSAGE' })
  for (let count = 0; count < 10; count++) questions.countUnwanted(11 * 16)
  t.throws(() => questions.countUnwanted(11 * 16), { code: 'ERR_MESSAGE' })
})

t.test('withdrawn requests are forgotten after a minute or two, and their number is kept', async t => {
  const withdrawn = new WithdrawnRequests()
  withdrawn.tick(0)
  withdrawn.add(1)
  withdrawn.tick(59_999)
  t.equal(withdrawn.count(1), 1)
  withdrawn.tick(60_000)
  withdrawn.add(1)
  t.equal(withdrawn.count(1), 2)
  withdrawn.tick(120_000)
  t.equal(withdrawn.count(1), 1)
  t.equal(withdrawn.settleForgotten(), true)
  t.equal(withdrawn.settleForgotten(), false)
  withdrawn.tick(180_000)
  t.equal(withdrawn.empty, true)
  t.equal(withdrawn.settleForgotten(), true)
})

t.test('of a million withdrawn requests a few thousand are kept', async t => {
  const withdrawn = new WithdrawnRequests()
  for (let key = 0; key < 1_000_000; key++) withdrawn.add(key)
  let remembered = 0
  for (let key = 0; key < 1_000_000; key++) remembered += withdrawn.count(key)
  t.ok(remembered <= 2 * 2048, `${remembered}`)
  t.equal(withdrawn.count(999_999), 1, 'the latest')
})
