import t from 'tap'
import type { HashRange } from '../../../src/codec/hash-range.ts'
import { type HashPeer, HashRequests } from '../../../src/pipeline/hashes/hash-requests.ts'
import { noise } from '../../helpers/metainfo.ts'
import { layersOf } from '../../helpers/v2-torrent.ts'

const layers = layersOf(noise(8 * 16_384, 3))
const root = layers[3]![0]!
const all: HashRange = { root, base: 0, index: 0, length: 8, proofLayers: 2 }
const half = (index: number): HashRange => ({ root, base: 0, index, length: 4, proofLayers: 2 })
const hashes = Buffer.concat(layers[0]!)

class FakePeer implements HashPeer {
  readonly requests: HashRange[] = []
  canAsk = true
  readonly hashes: HashPeer['hashes']

  constructor() {
    const peer = this
    this.hashes = {
      get canAsk() {
        return peer.canAsk
      },
      request: range => {
        peer.requests.push(range)
      },
    }
  }
}

function setup(count: number) {
  let now = 0
  const requests = new HashRequests<FakePeer>(() => now)
  const peers = Array.from({ length: count }, () => new FakePeer())
  for (const peer of peers) requests.addPeer(peer)
  const wrong: FakePeer[] = []
  requests.on('wrong', peer => wrong.push(peer))
  const pass = (ms: number) => {
    now += ms
    requests.tick(now)
  }
  return { requests, peers, wrong, pass }
}

t.test('one peer gets the request, and its valid answer is used', async t => {
  const { requests, peers } = setup(1)
  const first = requests.fetch({ range: all, expected: root })
  t.equal(requests.fetch({ range: all, expected: root }), first, 'it is not asked for twice')
  t.same(peers[0]!.requests, [all])
  requests.onAnswer(peers[0]!, all, hashes)
  t.same(await first, hashes)
})

t.test('proofs are not part of what is fetched', async t => {
  const { requests, peers } = setup(1)
  const first = requests.fetch({ range: half(4), expected: root })
  requests.onAnswer(peers[0]!, half(4), Buffer.concat([...layers[0]!.slice(4), layers[2]![0]!]))
  t.same(await first, Buffer.concat(layers[0]!.slice(4)))
})

t.test('a peer that sends wrong hashes or proofs is named and never asked again', async t => {
  for (const range of [all, half(0)]) {
    const { requests, peers, wrong } = setup(2)
    const answer = requests.fetch({ range, expected: root })
    const [liar, honest] = peers as [FakePeer, FakePeer]
    const right = range === all ? hashes : Buffer.concat([...layers[0]!.slice(0, 4), layers[2]![1]!])
    const lie = Buffer.from(right)
    lie[lie.length - 1]! ^= 1
    requests.onAnswer(liar, range, lie)
    t.same(wrong, [liar])
    t.same([liar.requests.length, honest.requests.length], [1, 1])
    requests.onAnswer(honest, range, right)
    t.same(await answer, right.subarray(0, range.length * 32))
  }
})

t.test('after a reject another peer is asked, and the same one after a while', async t => {
  const { requests, peers, pass } = setup(2)
  const answer = requests.fetch({ range: all, expected: root })
  requests.onAnswer(peers[0]!, all, undefined)
  requests.onAnswer(peers[1]!, all, undefined)
  t.same(
    peers.map(peer => peer.requests.length),
    [1, 1],
  )
  pass(29_000)
  t.same(
    peers.map(peer => peer.requests.length),
    [1, 1],
  )
  pass(1_000)
  t.same(
    peers.map(peer => peer.requests.length).reduce((a, b) => a + b),
    3,
  )
  requests.onAnswer(peers[0]!, all, hashes)
  t.same(await answer, hashes)
})

t.test('one peer alone that rejects is asked again, without a flood', async t => {
  const { requests, peers, pass } = setup(1)
  void requests.fetch({ range: all, expected: root })
  let rejected = 0
  for (let second = 0; second < 300; second++) {
    for (; rejected < peers[0]!.requests.length; rejected++) requests.onAnswer(peers[0]!, all, undefined)
    pass(1000)
  }
  t.equal(peers[0]!.requests.length, 11)
  requests.end()
})

t.test(
  'a silent peer keeps its request for 10 s while there is no other one, and is asked again later',
  async t => {
    const { requests, peers, pass } = setup(1)
    const answer = requests.fetch({ range: all, expected: root })
    pass(9_999)
    const other = new FakePeer()
    other.canAsk = false
    requests.addPeer(other)
    pass(1)
    pass(29_999)
    t.equal(peers[0]!.requests.length, 1)
    pass(1)
    t.equal(peers[0]!.requests.length, 2)
    t.equal(other.requests.length, 0)
    requests.onAnswer(peers[0]!, all, hashes)
    t.same(await answer, hashes)
  },
)

t.test('after 2 s another peer is asked in place of a silent one, and the late answer is used', async t => {
  const { requests, peers, pass } = setup(2)
  const answer = requests.fetch({ range: all, expected: root })
  pass(1_999)
  t.equal(peers[1]!.requests.length, 0)
  pass(1)
  t.equal(peers[1]!.requests.length, 1)
  requests.onAnswer(peers[0]!, all, hashes)
  t.same(await answer, hashes)
  requests.onAnswer(peers[1]!, all, hashes)
})

t.test('one peer alone that is silent is asked again after 10 s', async t => {
  const { requests, peers, pass } = setup(1)
  const answer = requests.fetch({ range: all, expected: root })
  for (const count of [1, 2, 3]) {
    t.equal(peers[0]!.requests.length, count)
    pass(10_000)
  }
  requests.onAnswer(peers[0]!, all, hashes)
  t.same(await answer, hashes)
})

t.test('one peer alone that dropped as many requests as it may have is asked for the same again', async t => {
  const { requests, peers, pass } = setup(1)
  const answers = [half(0), half(4)].map(range => requests.fetch({ range, expected: root }))
  peers[0]!.canAsk = false
  const third = requests.fetch({ range: all, expected: root })
  pass(10_000)
  t.same(peers[0]!.requests, [half(0), half(4), half(0), half(4)])
  requests.onAnswer(peers[0]!, half(0), Buffer.concat([...layers[0]!.slice(0, 4), layers[2]![1]!]))
  t.same(await answers[0], Buffer.concat(layers[0]!.slice(0, 4)))
  requests.end()
  t.same([await answers[1], await third], [undefined, undefined])
})

t.test('a peer that disconnects is replaced', async t => {
  const { requests, peers } = setup(2)
  const answer = requests.fetch({ range: all, expected: root })
  requests.removePeer(peers[0]!)
  t.equal(peers[1]!.requests.length, 1)
  requests.onAnswer(peers[1]!, all, hashes)
  t.same(await answer, hashes)
})

t.test('only peers that can know and that are free are asked', async t => {
  const { requests, peers } = setup(3)
  peers[0]!.canAsk = false
  const answer = requests.fetch({ range: all, expected: root, mayAsk: peer => peer !== peers[1] })
  t.same(
    peers.map(peer => peer.requests.length),
    [0, 0, 1],
  )
  requests.onAnswer(peers[2]!, all, hashes)
  await answer
})

t.test('a request ends at its deadline, and at the end of all requests', async t => {
  const { requests, pass } = setup(0)
  const due = requests.fetch({ range: all, expected: root, deadline: 5000 })
  const open = requests.fetch({ range: half(0), expected: root })
  pass(5000)
  t.equal(await due, undefined)
  requests.end()
  t.equal(await open, undefined)
  t.equal(await requests.fetch({ range: all, expected: root }), undefined)
})
