import fc from 'fast-check'
import t from 'tap'
import { CHOKE_INTERVAL_MS, type ChokeRound, rechoke } from '../../../src/pipeline/upload/choker.ts'
import { generator } from '../../helpers/feed.ts'

/** A model of a peer for the choker, which counts its own bytes. */
class Leecher {
  readonly id = this
  readonly name: string
  interested = true
  uploadOnly = false
  downRate = 0
  upRate = 0
  snubbed = false
  unchoked = false
  unchokedAt = Number.NEGATIVE_INFINITY
  connectedAt: number
  sentSince = 0
  /** Bytes per second that it downloads while it is unchoked. */
  takes = 100_000
  got = 0
  /** The number of rounds in which it was unchoked. */
  rounds = 0
  /** Its rate to us, in bytes per second. */
  gives: () => number = () => this.downRate

  constructor(name: string, { connectedAt = -1e6, ...state }: Partial<Leecher> = {}) {
    this.name = name
    this.connectedAt = connectedAt
    Object.assign(this, state)
  }
}

/** Runs the choker: calls it every ten seconds, and transfers bytes in between. */
class Simulation {
  readonly peers: Leecher[]
  now = 0
  optimistic: Leecher | undefined
  optimisticSince = 0
  readonly #round: Omit<ChokeRound<Leecher>, 'peers' | 'now'>

  constructor(peers: Leecher[], round: Partial<ChokeRound<Leecher>> & Pick<ChokeRound<Leecher>, 'slots'>) {
    this.peers = peers
    this.#round = { seeding: false, random: generator(1), ...round }
  }

  get unchoked(): string[] {
    return this.peers.filter(({ unchoked }) => unchoked).map(({ name }) => name)
  }

  /** Calls the choker, and applies its decision. */
  ask(): void {
    const { peers, now, optimistic, optimisticSince } = this
    const decision = rechoke({ ...this.#round, peers, now, optimistic, optimisticSince })
    this.optimistic = decision.optimistic
    this.optimisticSince = decision.optimisticSince
    for (const peer of peers) {
      const unchoke = decision.unchoke.has(peer)
      if (unchoke && !peer.unchoked) {
        peer.unchokedAt = now
        peer.sentSince = 0
      }
      peer.unchoked = unchoke
    }
  }

  flow(ms: number): void {
    for (const peer of this.peers) {
      peer.upRate = peer.unchoked ? peer.takes : 0
      peer.sentSince += (peer.upRate * ms) / 1000
      peer.got += (peer.upRate * ms) / 1000
      if (peer.unchoked) peer.rounds++
      peer.downRate = peer.gives()
    }
    this.now += ms
  }

  run(ms: number, each?: () => void): void {
    for (const end = this.now + ms; this.now < end; ) {
      this.ask()
      each?.()
      this.flow(CHOKE_INTERVAL_MS)
    }
  }
}

const MINUTE_MS = 60_000
const many = (count: number, make: (index: number) => Partial<Leecher> = () => ({})) =>
  Array.from({ length: count }, (_, index) => new Leecher(`p${index}`, make(index)))
const mean = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0) / numbers.length

t.test('with enough slots, every interested peer is unchoked, also a snubbed one', async t => {
  for (const seeding of [false, true]) {
    const peers = many(4, index => ({ snubbed: index === 1 }))
    peers.push(new Leecher('bored', { interested: false, downRate: 1e6 }))
    peers.push(new Leecher('seed', { uploadOnly: true, downRate: 1e6 }))
    const simulation = new Simulation(peers, { slots: 4, seeding })
    simulation.ask()
    t.same(simulation.unchoked, ['p0', 'p1', 'p2', 'p3'])
    t.equal(simulation.optimistic, undefined)
  }
})

t.test('while downloading, all slots but one go to the peers that upload most to us', async t => {
  const peers = many(20, index => ({ downRate: 1000 * ((index * 7) % 20) }))
  const best = [...peers].sort((a, b) => b.downRate - a.downRate).slice(0, 4)
  const simulation = new Simulation(peers, { slots: 5 })
  simulation.run(20 * MINUTE_MS, () => {
    t.equal(simulation.unchoked.length, 5)
    t.ok(best.every(({ unchoked }) => unchoked))
    t.ok(simulation.optimistic?.unchoked && !best.includes(simulation.optimistic))
  })
})

t.test('a peer that uploads more replaces one that uploads less within a round', async t => {
  const peers = many(10, index => ({ downRate: 1000 * (10 - index) }))
  const simulation = new Simulation(peers, { slots: 4 })
  simulation.ask()
  t.ok(['p0', 'p1', 'p2'].every(name => simulation.unchoked.includes(name)))
  const other = peers.find(({ unchoked }) => !unchoked)!
  other.downRate = 1e6
  peers[0]!.downRate = 0
  simulation.flow(CHOKE_INTERVAL_MS)
  simulation.ask()
  t.ok(other.unchoked && simulation.optimistic !== other)
  t.ok(peers[1]!.unchoked && peers[2]!.unchoked)
})

t.test('the optimistic unchoke moves to another peer after thirty seconds', async t => {
  const simulation = new Simulation(
    many(10, index => ({ downRate: index < 3 ? 1000 : 0 })),
    { slots: 4 },
  )
  const turns: (Leecher | undefined)[] = []
  simulation.run(30 * MINUTE_MS, () => turns.push(simulation.optimistic))
  for (let round = 0; round < turns.length; round++) {
    if (round % 3 === 0) t.not(turns[round], turns[round - 1])
    else t.equal(turns[round], turns[round - 1])
  }
  t.equal(new Set(turns).size, 7, 'every peer has the chance')
})

t.test('a round that starts slightly early still counts as a round', async t => {
  const peers = many(10, index => ({ downRate: index < 3 ? 1000 : 0 }))
  const simulation = new Simulation(peers, { slots: 4 })
  simulation.ask()
  const first = simulation.optimistic
  simulation.now = 29_998
  simulation.ask()
  t.not(simulation.optimistic, first)
})

t.test('an optimistic peer that leaves, or loses interest, is replaced at once', async t => {
  for (const leave of [true, false]) {
    const peers = many(10, index => ({ downRate: index < 3 ? 1000 : 0 }))
    const simulation = new Simulation(peers, { slots: 4 })
    simulation.ask()
    const first = simulation.optimistic!
    if (leave) peers.splice(peers.indexOf(first), 1)
    else first.interested = false
    simulation.now += 1000
    simulation.ask()
    t.ok(simulation.optimistic && simulation.optimistic !== first)
    t.equal(simulation.optimisticSince, 1000)
    t.equal(simulation.unchoked.length, 4)
  }
})

t.test(
  'an optimistic peer that uploads enough keeps a regular slot, and the optimistic slot moves on',
  async t => {
    const peers = many(10, index => ({ downRate: index < 3 ? 1000 : 0 }))
    const simulation = new Simulation(peers, { slots: 4 })
    simulation.ask()
    const first = simulation.optimistic!
    first.downRate = 5000
    simulation.flow(CHOKE_INTERVAL_MS)
    simulation.ask()
    t.ok(first.unchoked)
    t.ok(simulation.optimistic && simulation.optimistic !== first)
  },
)

t.test(
  'a peer that connected within the last minute is three times as likely to get the optimistic slot',
  async t => {
    const random = generator(11)
    const counts = { new: 0, old: 0 }
    const peers = [
      ...many(3, () => ({ downRate: 1000 })),
      ...many(10, index => ({ connectedAt: index < 4 ? -59_999 : -60_000 })),
    ]
    for (let round = 0; round < 20_000; round++) {
      const { optimistic } = rechoke({ peers, seeding: false, slots: 4, now: 0, random })
      if (optimistic!.connectedAt > -60_000) counts.new++
      else counts.old++
    }
    const ratio = counts.new / 4 / (counts.old / 6)
    t.ok(ratio > 2.8 && ratio < 3.2, `${ratio} times, seed 11`)
  },
)

t.test('a snubbed peer is unchoked only by the optimistic slot, however much it uploaded before', async t => {
  const peers = many(12, index => ({ downRate: index === 0 ? 1e6 : 1000, snubbed: index === 0 }))
  const simulation = new Simulation(peers, { slots: 4 })
  simulation.run(60 * MINUTE_MS, () => {
    if (peers[0]!.unchoked) t.equal(simulation.optimistic, peers[0])
  })
  t.ok(peers[0]!.rounds > 0, 'it has its chance')
  t.ok(peers[0]!.rounds < 120, `${peers[0]!.rounds} of 360 rounds`)
})

t.test('slots that no other peer can use go to snubbed peers in turns', async t => {
  const peers = many(10, index => ({ downRate: index < 2 ? 1000 : 0, snubbed: index >= 2 }))
  const simulation = new Simulation(peers, { slots: 5 })
  simulation.run(60 * MINUTE_MS, () => t.equal(simulation.unchoked.length, 5))
  t.equal(peers[0]!.rounds, 360)
  for (const { name, rounds } of peers.slice(2))
    t.ok(rounds > 80 && rounds < 200, `${name}: ${rounds} rounds`)
})

t.test('while no peer uploads, all peers take turns of a minute', async t => {
  const peers = many(12)
  const simulation = new Simulation(peers, { slots: 4 })
  let chokes = 0
  let before: string[] = []
  simulation.run(60 * MINUTE_MS, () => {
    chokes += before.filter(name => !simulation.unchoked.includes(name)).length
    before = simulation.unchoked
  })
  for (const { name, rounds } of peers) t.ok(rounds > 80 && rounds < 160, `${name}: ${rounds} rounds`)
  // three slots change each minute, and one each half minute
  t.ok(chokes <= 60 * 3 + 120, `${chokes} chokes in an hour`)
})

t.test('a peer that uploads in return gets far more than one that uploads nothing', async t => {
  for (const seed of [1, 2, 3]) {
    const random = generator(seed)
    const peers = many(24)
    // a peer that uploads unchokes the peers that unchoked it, and sometimes an optimistic one
    peers.forEach((peer, index) => {
      if (index < 12) peer.gives = () => (peer.unchoked || random() < 0.1 ? 50_000 * (1 + random()) : 0)
    })
    const simulation = new Simulation(peers, { slots: 5, random })
    simulation.run(120 * MINUTE_MS)
    const givers = mean(peers.slice(0, 12).map(({ got }) => got))
    const takers = mean(peers.slice(12).map(({ got }) => got))
    t.ok(givers > 4 * takers, `${givers} and ${takers} bytes, seed ${seed}`)
    t.ok(
      peers.every(({ got }) => got > 0),
      `every peer received something, seed ${seed}`,
    )
  }
})

t.test('while seeding, forty equal leechers get equal parts of four slots within twenty minutes', async t => {
  for (let seed = 1; seed <= 20; seed++) {
    const random = generator(seed)
    for (const slots of [4, 5, 7]) {
      // no two peers are equal, and their downloads are not a whole number of turns
      const peers = many(40, () => ({
        takes: 95_000 + 10_000 * random(),
        connectedAt: -MINUTE_MS * random(),
      }))
      new Simulation(peers, { slots, seeding: true, random }).run(20 * MINUTE_MS)
      const got = peers.map(({ got }) => got)
      const [least, most] = [Math.min(...got), Math.max(...got)]
      if (most > 1.5 * mean(got) || least < mean(got) / 1.5) {
        t.fail(`${least} to ${most} bytes, ${mean(got)} in the mean, ${slots} slots, seed ${seed}`)
      }
    }
  }
  t.pass()
})

t.test(
  'while seeding, a turn is a minute, or shorter for a peer that used its quota or takes nothing',
  async t => {
    const ends = (taker: Partial<Leecher>) => {
      const peers = many(10, index => (index === 0 ? { ...taker, connectedAt: -2e6 } : { takes: 1000 }))
      const simulation = new Simulation(peers, { slots: 4, seeding: true, quota: 1e6 })
      simulation.ask()
      t.ok(peers[0]!.unchoked, 'the peer that waits longest is the first')
      while (peers[0]!.unchoked) {
        simulation.flow(CHOKE_INTERVAL_MS)
        simulation.ask()
      }
      return simulation.now
    }
    t.equal(ends({ takes: 1000 }), 60_000)
    t.equal(ends({ takes: 33_400 }), 30_000)
    t.equal(ends({ takes: 1e9 }), 10_000)
    t.equal(ends({ takes: 0 }), 20_000)
  },
)

t.test('while seeding, an extra call ends no turn before the round is over', async t => {
  const peers = many(10, () => ({ takes: 1e9 }))
  const simulation = new Simulation(peers, { slots: 4, seeding: true, quota: 1 })
  simulation.ask()
  const first = simulation.unchoked
  for (let asked = 0; asked < 4; asked++) {
    simulation.flow(1000)
    simulation.ask()
    t.same(simulation.unchoked, first)
  }
})

t.test(
  'while seeding, no peer waits forever when others come and go, and reconnecting gains nothing',
  async t => {
    const random = generator(5)
    const peers = many(30)
    const patient = peers.slice(0, 15)
    const restless = new Leecher('restless')
    peers.push(restless)
    const simulation = new Simulation(peers, { slots: 4, seeding: true, random })
    const waits = new Map<Leecher, number>()
    simulation.run(120 * MINUTE_MS, () => {
      for (const peer of patient) {
        waits.set(peer, peer.unchoked ? 0 : (waits.get(peer) ?? 0) + 1)
        // thirty others, four at a time, a minute each: eight minutes, and a little for those that reconnect
        if (waits.get(peer)! > 60) t.fail(`${peer.name} waits for ${waits.get(peer)} rounds, seed 5`)
      }
      // one in ten of the others is replaced by a new peer, and one reconnects after each choke
      const index = 15 + Math.floor(random() * 15)
      if (random() < 0.1) peers[index] = new Leecher(`n${simulation.now}`, { connectedAt: simulation.now })
      if (!restless.unchoked) {
        restless.unchokedAt = Number.NEGATIVE_INFINITY
        restless.connectedAt = simulation.now
      }
    })
    t.ok(restless.got <= mean(patient.map(({ got }) => got)), `${restless.got} bytes, seed 5`)
  },
)

t.test('while seeding, the peers that take most keep their slots when slots become fewer', async t => {
  const peers = many(10, index => ({ takes: 1000 * index, unchoked: index < 6 }))
  for (const peer of peers) {
    peer.upRate = peer.takes
    peer.sentSince = 1000
    if (peer.unchoked) peer.unchokedAt = -20_000
  }
  const simulation = new Simulation(peers, { slots: 3, seeding: true })
  simulation.ask()
  t.same(simulation.unchoked, ['p3', 'p4', 'p5'])
})

t.test('for random peers, slots are never exceeded and never left empty', async t => {
  const time = fc.integer({ min: -200_000, max: 0 })
  const rate = fc.constantFrom(0, 1, 1000, 1000, 50_000)
  const peer = fc
    .record({
      interested: fc.boolean(),
      uploadOnly: fc.integer({ min: 0, max: 4 }).map(n => n === 0),
      downRate: rate,
      upRate: rate,
      snubbed: fc.boolean(),
      unchoked: fc.boolean(),
      unchokedAt: fc.oneof(time, fc.constant(Number.NEGATIVE_INFINITY)),
      connectedAt: time,
      sentSince: fc.constantFrom(0, 1000, 1e9),
    })
    .map(state => new Leecher('any', state))
  const round = fc.record({
    peers: fc.array(peer, { maxLength: 30 }),
    seeding: fc.boolean(),
    slots: fc.integer({ min: 0, max: 12 }),
    optimistic: fc.option(fc.nat(29), { nil: undefined }),
    optimisticSince: time,
    seed: fc.nat(),
  })
  fc.assert(
    fc.property(round, ({ peers, optimistic, seed, ...rest }) => {
      const wanting = peers.filter(({ interested, uploadOnly }) => interested && !uploadOnly)
      const before = optimistic === undefined ? undefined : peers[optimistic]
      const decision = rechoke({ ...rest, peers, now: 0, optimistic: before, random: generator(seed) })
      const { slots, seeding } = rest
      if (decision.unchoke.size !== Math.min(slots, wanting.length))
        throw new Error(`${decision.unchoke.size} unchoked`)
      for (const id of decision.unchoke)
        if (!wanting.includes(id)) throw new Error('unchoked a peer without interest')
      const contended = slots > 0 && slots < wanting.length && !seeding
      if (contended !== (decision.optimistic !== undefined))
        throw new Error('optimistic without need, or not with it')
      if (decision.optimistic && !decision.unchoke.has(decision.optimistic))
        throw new Error('optimistic and choked')
    }),
    { seed: 20240702, numRuns: 1000 },
  )
  t.pass()
})
