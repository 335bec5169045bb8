import t from 'tap'
import { Bitfield } from '../../../src/codec/bitfield.ts'
import { DiscoveryError } from '../../../src/errors.ts'
import { millisecondsOf } from '../../../src/pipeline/diagnosis/amounts.ts'
import { computeAvailability } from '../../../src/pipeline/diagnosis/availability.ts'
import type { BottleneckKind, Evidence, FastestPeer } from '../../../src/pipeline/diagnosis/bottleneck.ts'
import { explainNoPeers } from '../../../src/pipeline/diagnosis/explain-sources.ts'
import { findBottleneck } from '../../../src/pipeline/diagnosis/find-bottleneck.ts'
import type { Situation } from '../../../src/pipeline/diagnosis/situation.ts'

interface Given extends Partial<Omit<Situation, 'evidence'>>, Partial<Omit<Evidence, 'peers' | 'shares'>> {
  readonly peers?: Partial<Evidence['peers']>
  readonly shares?: Partial<Evidence['shares']>
}

/** A download at 1 MiB/s from two of four peers, with the given changes. */
function bottleneck({ peers, shares, ...given }: Given = {}) {
  const evidence: Evidence = {
    ...{ seconds: 2, rate: 1 << 20, webSeeds: 0, availability: 3.5 },
    ...{ writeMs: 2, loopDelayMs: 0.4, fastest: null },
    ...given,
    peers: { known: 9, connected: 4, useful: 2, choking: 0, ...peers },
    shares: {
      ...{ choked: 0, blocks: 1, work: 0, downLimit: 0, disk: 0.1, reader: null, memory: 0, hash: 0.05 },
      ...{ hashThreads: 0, loop: 0.2, ...shares },
    },
  }
  return findBottleneck({
    ...{ idle: undefined, lacksMetadata: false, readers: 0, downLimit: Number.POSITIVE_INFINITY },
    ...{ knownWebSeeds: 0, admittedPieces: 4, pieceLength: 16 << 20 },
    explain: () => 'all are gone',
    listOutcomes: () => [{ address: '10.0.0.1:1', outcome: 'is gone' }],
    ...given,
    evidence,
  })
}

const fastest: FastestPeer = {
  ...{
    address: '10.0.0.7:1',
    rate: 900_000,
    requests: 16,
    requestLimit: 'peer',
    roundTripMs: 300,
    waitMs: 310,
  },
}
const TEST_CASES: readonly (readonly [
  title: string,
  Given,
  BottleneckKind,
  short: string,
  sentence: string,
])[] = [
  ['nothing to do', { idle: 'paused' }, 'none', '', 'paused'],
  ['no metadata', { lacksMetadata: true }, 'metadata', 'no metadata yet', 'all are gone'],
  [
    'no reader',
    { shares: { reader: 1 } },
    ...(['reader', 'nothing is read', 'the reader: nothing is read at the moment'] as const),
  ],
  [
    'a slow reader',
    { readers: 1, shares: { reader: 0.98 } },
    ...(['reader', 'waiting for the reader'] as const),
    'the reader takes no more than 1 MiB/s: it waited for data 2 % of the time',
  ],
  [
    'slow readers, before peers that are gone',
    { readers: 3, shares: { reader: 0.5 }, peers: { connected: 0 } },
    ...(['reader', 'waiting for the reader'] as const),
    'the 3 readers take no more than 1 MiB/s: they waited for data 50 % of the time',
  ],
  [
    'a reader that waits',
    { readers: 1, shares: { reader: 0.2 } },
    ...(['peers', 'limited by the peers', '2 peers send no more than 1 MiB/s together'] as const),
  ],
  ['no peers', { peers: { known: 0, connected: 0 } }, 'no-peers', 'no peers', 'all are gone'],
  ['no connection', { peers: { connected: 0 } }, 'unreachable', 'no peer answers', 'all are gone'],
  [
    'a web seed that fails',
    { peers: { known: 0, connected: 0 }, knownWebSeeds: 1 },
    ...(['unreachable', 'no peer answers', 'all are gone'] as const),
  ],
  [
    'our limit',
    { downLimit: 100 << 10, shares: { downLimit: 0.97 } },
    ...(['down-limit', 'limited by --down'] as const),
    'our limit of 100 KiB/s (--down): reads waited for it 97 % of the time',
  ],
  [
    'the event loop',
    { shares: { loop: 0.97, hash: 0.41 }, loopDelayMs: 12.4 },
    ...(['cpu', 'limited by the CPU'] as const),
    'our CPU: the event loop was busy 97 % of the time, 41 % with hashing, and late by 12 ms',
  ],
  [
    'hash threads',
    { shares: { hashThreads: 0.8, loop: null }, loopDelayMs: null },
    ...(['cpu', 'limited by the CPU', 'our CPU: all hash threads were busy 80 % of the time'] as const),
  ],
  [
    'a busy event loop that does nothing for this download',
    { rate: 0, shares: { loop: 1, choked: 1, blocks: 0 }, peers: { choking: 2 } },
    ...(['choked', 'choked by 2 of 2', 'all 2 peers that have what is missing choke us'] as const),
  ],
  [
    'the disk',
    { shares: { disk: 0.9 }, writeMs: 350 },
    ...(['disk', 'waiting for the disk'] as const),
    'the disk: a write of 16 MiB takes 350 ms, and pieces waited for it 90 % of the time',
  ],
  [
    'a disk that hangs',
    { shares: { disk: 1 }, writeMs: null },
    ...(['disk', 'waiting for the disk'] as const),
    'the disk: no write has ended, and pieces waited for it 100 % of the time',
  ],
  [
    'missing pieces',
    { peers: { useful: 0 }, availability: 0.8799 },
    ...(['missing', 'availability 0.87'] as const),
    'all 4 peers lack what is missing (availability 0.87)',
  ],
  [
    'missing pieces of the only peer',
    { peers: { connected: 1, useful: 0 }, availability: 0.5 },
    ...(['missing', 'availability 0.50', 'the only peer lacks what is missing (availability 0.50)'] as const),
  ],
  [
    'the only useful peer chokes',
    { peers: { useful: 1, choking: 1 }, shares: { choked: 1 } },
    ...(['choked', 'choked by 1 of 1', 'the only peer that has what is missing chokes us'] as const),
  ],
  [
    'most choke',
    { peers: { useful: 4, choking: 3 }, shares: { choked: 0.75 } },
    ...(['choked', 'choked by 3 of 4'] as const),
    '3 of 4 peers that have what is missing choke us; the other one sends 1 MiB/s',
  ],
  [
    'a choke before anything was measured',
    { seconds: 0, rate: 0, peers: { useful: 3, choking: 3 } },
    ...(['choked', 'choked by 3 of 3', 'all 3 peers that have what is missing choke us'] as const),
  ],
  [
    'few choke',
    { peers: { useful: 4, choking: 1 }, shares: { choked: 0.25 } },
    ...(['peers', 'limited by the peers', '3 peers send no more than 1 MiB/s together'] as const),
  ],
  [
    'memory',
    { shares: { work: 0.6, memory: 0.9 } },
    ...(['memory', 'limited by --memory'] as const),
    'the memory for data in flight (--memory): 4 pieces of 16 MiB are in flight, and no more fit',
  ],
  [
    'the end of a download',
    { shares: { work: 0.6 } },
    ...(['peers', 'limited by the peers'] as const),
    'the peers: all that is missing is requested, and comes at 1 MiB/s',
  ],
  ['silence', { rate: 0 }, 'silent', 'no data comes', 'all are gone'],
  [
    'the first request',
    { rate: 0, seconds: 0.5 },
    ...(['peers', 'limited by the peers', 'the peers: the first block has not arrived yet'] as const),
  ],
  [
    'a long round trip',
    { fastest },
    ...(['round-trip', 'limited by the round trip'] as const),
    'the round trip of 300 ms to 10.0.0.7:1: it accepts 16 requests at a time',
  ],
  [
    'little memory on a long link',
    { fastest: { ...fastest, requestLimit: 'memory' } },
    ...(['round-trip', 'limited by the round trip'] as const),
    'the round trip of 300 ms to 10.0.0.7:1: our memory (--memory) allows 16 requests at a time',
  ],
  [
    'a queue at the peer, which more requests do not shorten',
    { fastest: { ...fastest, waitMs: 900 }, peers: { useful: 1 } },
    ...(['peers', 'limited by the peers'] as const),
    'the only peer that sends, 10.0.0.7:1, gives no more than 1 MiB/s',
  ],
  [
    'a short link',
    { fastest: { ...fastest, roundTripMs: 2, waitMs: 2 } },
    ...(['peers', 'limited by the peers', '2 peers send no more than 1 MiB/s together'] as const),
  ],
  [
    'web seeds',
    { webSeeds: 2, peers: { connected: 0, useful: 0 } },
    ...(['peers', 'limited by the peers', '2 web seeds send no more than 1 MiB/s together'] as const),
  ],
  [
    'a peer and a web seed, though others choke',
    { webSeeds: 1, peers: { useful: 4, choking: 3 }, shares: { choked: 0.8 } },
    ...([
      'peers',
      'limited by the peers',
      '1 peer and 1 web seed send no more than 1 MiB/s together',
    ] as const),
  ],
]

t.test('the first stage that waits, from the end of the chain, is the bottleneck', async t => {
  for (const [title, given, kind, short, sentence] of TEST_CASES) {
    const found = bottleneck(given)
    t.strictSame([found.kind, found.short, found.sentence], [kind, short, sentence], title)
    const lists = ['metadata', 'unreachable', 'missing', 'choked', 'silent'].includes(kind)
    t.equal(found.outcomes.length, lists ? 1 : 0, `outcomes of ${title}`)
  }
})

t.test(
  'the availability is the copies of the rarest piece, and the part of the pieces that have one more',
  async t => {
    const wanted = Bitfield.full(4)
    const verified = new Bitfield(4)
    const copies = [1, 0, 2, 0]
    const availability = () => computeAvailability(wanted, verified, index => copies[index]!)
    t.equal(availability(), 0.5)
    verified.add(1)
    t.equal(availability(), 0.75)
    verified.add(3)
    t.equal(availability(), 1.25, 'every piece has a copy, and one of them two')
    t.equal(
      computeAvailability(new Bitfield(4), verified, () => 1),
      0,
      'nothing is wanted',
    )
  },
)

t.test('the diagnosis has the answer of each tracker, and the number of nodes of the DHT', async t => {
  const error = new DiscoveryError('ERR_TRACKER', 'tracker http://a/announce: connection refused')
  const trackers = [
    { name: 'http://a/announce', state: 'failing' as const, error },
    { name: 'udp://b', state: 'working' as const, peers: 0 },
    { name: 'udp://c', state: 'working' as const, peers: 1 },
    { name: 'udp://d', state: 'untried' as const, isAsking: true },
  ]
  const explain = (trackers: unknown[], nodes: number | undefined, others = ['the DHT']) =>
    explainNoPeers({ announcer: {}, trackers, dht: { size: nodes }, others } as never)
  t.equal(
    explain(trackers.slice(0, 3), 17),
    'no tracker gave us any peer (tracker http://a/announce: connection refused; tracker udp://b named none; ' +
      'tracker udp://c named 1 peer), nor did the DHT (17 nodes)',
  )
  t.equal(
    explain(trackers.slice(3), 0, ['the DHT', 'the local network']),
    'no tracker gave us any peer (tracker udp://d has not answered yet), nor did the DHT (no nodes) and the local network',
  )
  t.match(explain(trackers, undefined, []), /named 1 peer; and 1 more\)$/)
  const refusal = new DiscoveryError('ERR_TRACKER_FAILURE', 'tracker http://e/announce: Not authorized.')
  t.match(explain([{ ...trackers[0], error: refusal }], undefined, []), / \(tracker \S+: Not authorized\)$/)
  const sources = { announcer: undefined, trackers: [], others: ['the DHT'], dht: { size: 1 } }
  t.equal(explainNoPeers(sources as never), 'no peers are known, neither to us nor to the DHT (1 node)')
})

t.test('times in sentences have units', async t => {
  t.strictSame([0.2, 17.6, 999, 1500, 12_345].map(millisecondsOf), [
    '1 ms',
    '18 ms',
    '999 ms',
    '1.5 s',
    '12 s',
  ])
})
