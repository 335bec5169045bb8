import { EventEmitter } from 'node:events'
import t from 'tap'
import type { DhtLookupOptions } from '../../src/dht/dht.ts'
import { PeerSources, type PeerSourcesOptions } from '../../src/discovery/peer-sources.ts'
import type { Swarm } from '../../src/pipeline/swarm/swarm.ts'
import { explainStall } from '../../src/pipeline/torrent/diagnosis.ts'
import { VirtualClock } from '../helpers/virtual-clock.ts'

const infoHash = Buffer.alloc(20, 7)
const at = (port: number, host = '10.0.0.1') => ({ host, port })

/** A DHT that knows one peer and records its calls, an LSD of the same kind, and the events of the sources. */
function setup(options: Partial<PeerSourcesOptions> = {}) {
  const calls: string[] = []
  const clock = new VirtualClock()
  const dht = {
    readOnly: false,
    port: () => 4000,
    add: ({ host, port }: { host: string; port: number }) => calls.push(`node ${host}:${port}`),
    lookup: async (_hash: Uint8Array, { announce, found }: DhtLookupOptions) => {
      calls.push(`lookup, announce ${announce?.port}`)
      found([at(1)])
      return { asked: 9, answered: 9, announced: 8 }
    },
  }
  const lsd = Object.assign(new EventEmitter(), {
    add: (_hash: Uint8Array, port: number | undefined) => calls.push(`lsd ${port}`),
    remove: () => calls.push('lsd removed'),
  })
  const sources = new PeerSources({
    infoHash,
    peerId: Buffer.alloc(20, 1),
    dht: dht as PeerSourcesOptions['dht'],
    lsd: lsd as unknown as PeerSourcesOptions['lsd'],
    port: () => 6000,
    stats: () => ({ uploaded: 0, downloaded: 0, left: 1 }),
    clock,
    random: () => 0.5,
    ...options,
  })
  const found: string[] = []
  sources.on('peers', (peers, source) => found.push(`${source} ${peers.map(({ port }) => port)}`))
  return { calls, clock, lsd, sources, found }
}

t.test(
  'an info-hash is enough to look for peers in the DHT and the local network, and at given addresses',
  async t => {
    const { calls, clock, lsd, sources, found } = setup({ peers: [at(3)], nodes: [at(8)] })
    t.strictSame(calls, [], 'no source is used before the start')
    sources.start()
    lsd.emit('peer', Buffer.from(infoHash), at(2))
    lsd.emit('peer', Buffer.alloc(20, 8), at(9))
    await clock.advance(0)
    t.strictSame(calls, ['node 10.0.0.1:8', 'lookup, announce 6000', 'lsd 6000'])
    t.strictSame(found.sort(), ['DHT 1', 'LSD 2', 'option 3'], 'not what belongs to another torrent')
    await clock.advance(70_000)
    t.equal(calls.filter(call => call.startsWith('lookup')).length, 2, 'the DHT is asked again')
    await sources.stop()
    await sources.stop()
    t.equal(lsd.listenerCount('peer'), 0)
    t.equal(clock.pending, 0)
  },
)

t.test('a client that does not listen looks for peers, and is not announced', async t => {
  const { calls, clock, sources } = setup({ port: () => undefined })
  sources.start()
  await clock.advance(0)
  t.strictSame(calls, ['lookup, announce undefined', 'lsd undefined'])
  await sources.stop()
})

t.test('the DHT and the local network are not used for a private torrent (BEP 27)', async t => {
  const { calls, clock, lsd, sources, found } = setup({ private: true, peers: [at(3)], nodes: [at(8)] })
  sources.start()
  lsd.emit('peer', Buffer.from(infoHash), at(2))
  await clock.advance(600_000)
  t.strictSame(calls, [])
  t.strictSame(found, ['option 3'])
  t.equal(sources.dht, undefined)
  t.strictSame(sources.others, [])
  await sources.stop()
})

t.test(
  'when the metadata of a link is private, the DHT and the local network are left at once (BEP 27)',
  async t => {
    const { calls, clock, lsd, sources, found } = setup()
    sources.start()
    await clock.advance(0)
    sources.becomePrivate()
    calls.length = found.length = 0
    lsd.emit('peer', Buffer.from(infoHash), at(2))
    await clock.advance(600_000)
    t.strictSame([...calls, ...found], [])
    t.equal(sources.dht, undefined)
    t.equal(clock.pending, 0)
    await sources.stop()
  },
)

t.test('the reason for a stall names the sources that were used', async t => {
  const none = { candidates: { listIdle: () => [] }, peers: new Map() } as unknown as Swarm
  const { sources } = setup()
  t.equal(
    explainStall(none, sources),
    'no peers are known, neither to us nor to the DHT and the local network',
  )
  const alone = setup({ dht: undefined, lsd: undefined }).sources
  t.equal(explainStall(none, alone), 'no peers are known, and no tracker is asked')
  const tracked = setup({ tiers: [['http://127.0.0.1:1/announce']], lsd: undefined }).sources
  t.equal(
    explainStall(none, tracked),
    'no tracker gave us any peer (tracker http://127.0.0.1:1/announce was not asked yet), nor did the DHT',
  )
})

t.test('a tracker that is added again gets each announce once', async t => {
  const [a, b, c] = ['a', 'b', 'c'].map(name => `http://127.0.0.1:1/${name}`) as [string, string, string]
  const { sources } = setup({ tiers: [[a]] })
  sources.addTrackers([[b, a]])
  sources.addTrackers([[a], [b, c]])
  sources.addTrackers([[c]])
  t.strictSame(
    sources.trackers.map(({ url }) => url),
    [a, b, c],
  )
})
