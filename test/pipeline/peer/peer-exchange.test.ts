import t from 'tap'
import { formatAddress } from '../../../src/codec/compact.ts'
import type { PexPeer } from '../../../src/codec/pex.ts'
import { PEX_INTERVAL_MS, PeerExchange } from '../../../src/pipeline/peer/peer-exchange.ts'
import { Candidates } from '../../../src/pipeline/swarm/candidates.ts'

const peer = (n: number, port = 6881): PexPeer => ({ host: `20.0.${n >> 8}.${n & 255}`, port, flags: 0 })
const peers = (from: number, to: number) => Array.from({ length: to - from }, (_, n) => peer(from + n))
const connected = (...list: PexPeer[]) => new Map(list.map(peer => [formatAddress(peer), peer]))
const ports = (list: readonly { port: number }[] = []) => list.map(({ port }) => port)
const messageOf = (added: readonly PexPeer[]) => ({ added, dropped: [] })

const PEER_ADDRESS = { host: '20.9.9.9', port: 5000 }

t.test(
  'messages are a minute apart, name at most fifty peers, each once, and each that left once',
  async t => {
    const pex = new PeerExchange(PEER_ADDRESS.host, 0)
    t.equal(pex.isDue(4999), false)
    t.equal(pex.isDue(5000), true)
    const all = connected(...peers(0, 60))
    const first = pex.composeMessage(all, undefined, 5000)!
    t.equal(first.added.length, 50)
    t.equal(pex.isDue(5000 + PEX_INTERVAL_MS - 1), false)
    t.equal(pex.isDue(5000 + PEX_INTERVAL_MS), true)
    all.delete(formatAddress(peer(0)))
    all.delete(formatAddress(peer(59)))
    const second = pex.composeMessage(all, undefined, 65_000)!
    t.same(second.added, peers(50, 59), 'the rest, without peers that came and left in between')
    t.same(second.dropped, [peer(0)])
    t.equal(pex.composeMessage(all, undefined, 125_000), undefined)
    t.equal(pex.isDue(125_001), false)
    all.set(formatAddress(peer(0)), peer(0))
    t.same(
      pex.composeMessage(all, undefined, 130_000),
      { added: [peer(0)], dropped: [] },
      'a peer that came back is new',
    )
  },
)

t.test('a message does not name the peer itself, host names, or peers that it cannot reach', async t => {
  const pex = new PeerExchange(PEER_ADDRESS.host, 0)
  const own = { ...PEER_ADDRESS, flags: 0 }
  const local = { host: '192.168.1.2', port: 1, flags: 0 }
  const named = { host: 'example.org', port: 1, flags: 0 }
  t.equal(pex.composeMessage(connected(own, local, named), formatAddress(PEER_ADDRESS), 5000), undefined)
  const neighbour = new PeerExchange('192.168.1.9', 0)
  t.same(neighbour.composeMessage(connected(local), undefined, 5000)?.added, [local])
})

t.test('at most two hundred peers are named to a peer', async t => {
  const pex = new PeerExchange(PEER_ADDRESS.host, 0)
  const all = connected(...peers(0, 1000))
  let sum = 0
  for (let now = 5000; now < 3_600_000; now += PEX_INTERVAL_MS)
    sum += pex.composeMessage(all, undefined, now)?.added.length ?? 0
  t.equal(sum, 200)
})

t.test('messages that come too early are ignored, and too many of them end the connection', async t => {
  const pex = new PeerExchange(PEER_ADDRESS.host, 0)
  t.same(pex.acceptPeers(messageOf([peer(1)]), 1000), [{ host: '20.0.0.1', port: 6881 }])
  for (let n = 0; n < 5; n++) t.same(pex.acceptPeers(messageOf([peer(2)]), 1000 + n), [])
  t.same(
    pex.acceptPeers(messageOf([peer(2)]), 60_000).length,
    1,
    'after a minute, a little early, all is forgiven',
  )
  for (let n = 0; n < 5; n++) pex.acceptPeers(messageOf([peer(3)]), 61_000)
  t.throws(() => pex.acceptPeers(messageOf([peer(3)]), 61_000), { code: 'ERR_MESSAGE' })
})

t.test('addresses that a remote peer cannot know are not dialled, and neither is a host twice', async t => {
  const far = new PeerExchange(PEER_ADDRESS.host, 0)
  const list = [
    { host: '127.0.0.1', port: 1, flags: 0 },
    { host: '0.0.0.0', port: 2, flags: 0 },
    { host: '192.168.0.1', port: 3, flags: 0 },
    { host: '224.0.0.1', port: 4, flags: 0 },
    { host: 'fe80::1', port: 5, flags: 0 },
    peer(1, 6),
    peer(1, 7),
    { host: '2600::1', port: 8, flags: 0 },
  ]
  t.same(ports(far.acceptPeers(messageOf(list), 0)), [6, 8])
  const near = new PeerExchange('192.168.0.9', 0)
  t.same(ports(near.acceptPeers(messageOf(list), 0)), [3, 5, 6, 8])
  t.same(ports(new PeerExchange('127.0.0.1', 0).acceptPeers(messageOf(list), 0)), [1, 3, 5, 6, 8])
})

t.test('one peer can name five hundred addresses, and never takes all the room', async t => {
  const candidates = new Candidates()
  let sum = 0
  for (let n = 0; n < 10; n++) {
    const pex = new PeerExchange(PEER_ADDRESS.host, 0)
    let named = 0
    for (let minute = 0; minute < 20; minute++) {
      const at = (n * 20 + minute) * 50
      const found = pex.acceptPeers(messageOf(peers(at, at + 50)), minute * 60_000)
      named += found.length
      for (const address of found) candidates.add(address, 'PEX', { referrer: `20.0.0.${n}` })
    }
    t.equal(named, 500)
    sum += named
  }
  t.equal(sum, 5000)
  t.equal(candidates.size, 1024)
  t.equal(candidates.add({ host: '30.0.0.1', port: 1 }, 'tracker'), true, 'a tracker is still heard')
  const dead = candidates.takeNext(0)!
  candidates.onClose(dead, 0, false)
  t.equal(candidates.add({ host: '30.0.0.2', port: 1 }, 'PEX'), true, 'in place of one that came to nothing')
  t.equal(candidates.size, 1025)
  t.equal(candidates.add({ host: '30.0.0.3', port: 1 }, 'PEX'), true, 'in place of the least promising')
  t.equal(candidates.size, 1025)
})
