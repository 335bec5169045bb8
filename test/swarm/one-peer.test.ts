/** Downloads from a single peer. No second peer helps, so each fault in its handling shows. */

import fc from 'fast-check'
import t from 'tap'
import type { TorrentOptions } from '../../src/pipeline/torrent/torrent-options.ts'
import { Torrent } from '../../src/pipeline/torrent.ts'
import { WindowStorage } from '../../src/storage/window-storage.ts'
import { generator } from '../helpers/feed.ts'
import { type MadeTorrent, makeTorrent } from '../helpers/metainfo.ts'
import { RANDOM_SEED } from '../helpers/random-seed.ts'
import { MemoryStorage } from '../helpers/simulation/memory-storage.ts'
import {
  type BehaviourPeriod,
  type Fault,
  ModelPeer,
  type PeerBehaviour,
} from '../helpers/simulation/model-peer.ts'
import { SimulatedNetwork } from '../helpers/simulation/network.ts'
import { VirtualClock } from '../helpers/virtual-clock.ts'

const BLOCK_BYTES = 16_384
const PIECE_LENGTH = 4 * BLOCK_BYTES
const made = makeTorrent({
  files: [{ path: 'one', length: 12 * PIECE_LENGTH + 1234 }],
  pieceLength: PIECE_LENGTH,
})
const blocks = Math.ceil(made.content.length / BLOCK_BYTES)

const fault: fc.Arbitrary<Fault> = fc.oneof(
  { weight: 6, arbitrary: fc.constant<Fault>({ kind: 'serve' }) },
  {
    weight: 3,
    arbitrary: fc.constantFrom<Fault>({ kind: 'refuse' }, { kind: 'drop' }, { kind: 'duplicate' }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('late'), ms: fc.integer({ min: 10, max: 15_000 }) }),
  },
)
const spell: fc.Arbitrary<BehaviourPeriod> = fc.record({
  at: fc.integer({ min: 0, max: 8_000 }),
  ms: fc.integer({ min: 1, max: 25_000 }),
  kind: fc.constantFrom('silence', 'choke', 'chokeAndServe'),
})
const manners: fc.Arbitrary<PeerBehaviour> = fc.record({
  fast: fc.boolean(),
  reqq: fc.option(fc.integer({ min: 1, max: 300 }), { nil: undefined }),
  queue: fc.oneof(fc.integer({ min: 1, max: 12 }), fc.constant(500)),
  pace: fc.constantFrom(1, 5, 20, 150),
  shuffled: fc.boolean(),
  cancels: fc.boolean(),
  // a second wrong block would ban it
  faults: fc
    .tuple(fc.array(fault, { maxLength: 60 }), fc.option(fc.nat(59), { freq: 2 }))
    .map(([faults, at]) => (at === null ? faults : faults.toSpliced(at, 0, { kind: 'wrong' }))),
  periods: fc.array(spell, { maxLength: 3 }),
})
const latency = fc.constantFrom(0, 20, 100)
const seed = fc.integer({ min: 1, max: 1e6 })

const HONEST_MANNERS: PeerBehaviour = {
  fast: true,
  reqq: undefined,
  queue: 500,
  pace: 5,
  shuffled: false,
  cancels: true,
  faults: [],
  periods: [],
}

/** Returns the maximum cost of a behaviour, in virtual ms and in blocks that are received twice. */
function costOf({ fast, pace, queue, faults, periods }: PeerBehaviour, latency: number) {
  const count = (kind: Fault['kind']) => faults.filter(fault => fault.kind === kind).length
  const lateMs = faults.reduce((sum, fault) => sum + (fault.kind === 'late' ? fault.ms : 0), 0)
  const away = periods.reduce((sum, { ms }) => sum + ms, 0)
  // a reject may be matched to an earlier request, which the peer dropped although it has the fast extension
  const mistaken = 16_000 * Math.min(count('drop'), count('refuse'))
  const dropped = fast ? 11_000 * count('drop') + mistaken : 3_000 * (count('drop') + count('refuse'))
  // requests beyond its queue are lost, which takes time to detect, and longer for a peer that was silent before
  const full = fast || queue > 12 ? 0 : 20_000 + 10_000 * periods.length
  const roundTripsMs = 3 * latency * blocks // one for each block if the window is that small
  const time =
    10_000 + 2 * pace * blocks + roundTripsMs + lateMs + away + dropped + full + 1_000 * count('refuse')
  // after a choke a peer without the fast extension may serve both the earlier requests and their repetitions
  const repeated = (fast ? 8 : 24) * periods.length + 4 * count('wrong')
  return { time, wasted: 2 + count('duplicate') + count('late') + repeated }
}

interface BlockRun {
  readonly torrent?: MadeTorrent
  readonly manners?: Partial<PeerBehaviour>
  readonly latency?: number
  readonly seed?: number
  readonly options?: Partial<TorrentOptions>
}

/** A torrent and the only peer that has it, on their own network. */
function connect({ torrent: content = made, manners = {}, latency = 20, seed = 1, options }: BlockRun) {
  const clock = new VirtualClock({ patience: 60_000 })
  const network = new SimulatedNetwork({ clock, random: generator(seed) })
  const host = network.host('10.0.1.1', { latency })
  const peer = new ModelPeer(clock, host, content, { ...HONEST_MANNERS, ...manners }, generator(seed))
  const torrent = new Torrent(content.metainfo, {
    clock,
    storage: new MemoryStorage(content.content.length),
    random: generator(seed),
    connect: network.host('10.0.0.1', { latency }).connect,
    trackers: false,
    encryption: 'off',
    peers: [peer.address],
    ...options,
  })
  const errors: string[] = []
  torrent.on('warning', error => errors.push(error.message))
  torrent.on('error', error => errors.push(error.message))
  const close = async () => {
    void torrent.close()
    await clock.run({ for: 60_000 })
  }
  return { clock, peer, torrent, errors, close }
}

/** Downloads everything. @returns the duration in virtual ms, and the number of blocks that were received twice */
async function fetchAll(run: BlockRun & { limitMs?: number }) {
  const { content } = run.torrent ?? made
  const storage = new MemoryStorage(content.length)
  const { clock, peer, torrent, errors, close } = connect({ ...run, options: { storage, ...run.options } })
  torrent.start()
  try {
    await clock.run({
      until: () => torrent.complete || errors.some(line => line.includes('nothing')),
      for: run.limitMs ?? 600_000,
    })
    const took = clock.now()
    if (!storage.holds(content)) throw new Error(`not all came: ${errors}`)
    if (peer.connections !== 1) throw new Error(`${peer.connections} connections: ${errors}`)
    return { took, wasted: torrent.progress.wasted / BLOCK_BYTES, peer }
  } finally {
    await close()
  }
}

t.test(
  'a full queue that rejects without a choke costs little: the rest is requested again soon',
  async t => {
    const { took, wasted, peer } = await fetchAll({ manners: { queue: 3, reqq: undefined } })
    t.equal(wasted, 0)
    t.ok(took < 2_000, `${took} ms`)
    t.ok(peer.asked < 2 * blocks, `${peer.asked} requests for ${blocks} blocks`)
  },
)

t.test(
  'after 14 s of silence all answers are used: nothing is requested twice, and the peer stays',
  async t => {
    for (const fast of [true, false]) {
      const periods: BehaviourPeriod[] = [{ at: 150, ms: 14_000, kind: 'silence' }]
      const { took, wasted, peer } = await fetchAll({ manners: { fast, periods } })
      t.ok(took < 16_000, `${took} ms`)
      t.equal(wasted, 0)
      t.ok(peer.asked <= blocks + 5, `${peer.asked} requests for ${blocks} blocks`)
    }
  },
)

t.test(
  'a peer without the fast extension that drops requests beyond its queue is idle for seconds only',
  async t => {
    for (const queue of [1, 2, 5, 10]) {
      const { peer, wasted } = await fetchAll({ manners: { fast: false, queue } })
      const pauses = peer.pauses.filter(ms => ms > 1_000)
      t.ok(Math.max(...pauses) < 3_500 && pauses.length <= 4, `queue ${queue}: ${pauses} ms`)
      t.equal(wasted, 0)
    }
  },
)

t.test('a peer that chokes often and still answers old requests is asked again at once', async t => {
  for (const kind of ['choke', 'chokeAndServe'] as const) {
    const periods = Array.from(
      { length: 10 },
      (_, at): BehaviourPeriod => ({ at: 100 + 300 * at, ms: 200, kind }),
    )
    const { took, wasted } = await fetchAll({ manners: { fast: false, pace: 40, periods } })
    t.ok(took < 5_000, `${kind}: ${took} ms`)
    t.ok(wasted <= 1, `${wasted}`)
  }
})

t.test(
  'with a slow peer and long pieces there is no stall while blocks come, and each comes once',
  async t => {
    const torrent = makeTorrent({ files: [{ path: 'slow', length: 3 << 20 }], pieceLength: 1 << 20 })
    for (const fast of [true, false]) {
      const manners = { fast, pace: 400 } // 40 KiB/s: a piece takes 26 s
      const { wasted, peer } = await fetchAll({ torrent, manners, options: { timeout: 10_000 } })
      t.equal(wasted, 0)
      t.equal(peer.asked, 3 * 64)
    }
  },
)

t.test('a peer that sends a block every eight seconds is slow, not stalled', async t => {
  for (const fast of [true, false]) {
    const { wasted, peer } = await fetchAll({ manners: { fast, pace: 8_000 }, options: { timeout: 10_000 } })
    t.ok(wasted <= 1, `${wasted}`)
    t.ok(peer.asked <= blocks + 10, `${peer.asked} requests for ${blocks} blocks`)
  }
})

t.test(
  'a reader that closes and one that opens at the same place: cancels do not stop the second',
  async t => {
    for (const cancels of [true, false]) {
      const options = {
        storage: new WindowStorage({ keep: PIECE_LENGTH }),
        onDemand: true,
        memory: 16 * PIECE_LENGTH,
      }
      const { clock, torrent, peer, close } = connect({ latency: 50, manners: { cancels }, options })
      torrent.start()
      const film = torrent.files[0]!
      let read = 0
      const seek = async () => {
        for (let times = 0; times < 20; times++) {
          for await (const chunk of film.stream({ start: (times % 3) * PIECE_LENGTH })) {
            read += chunk.length
            break
          }
        }
        for await (const chunk of film.stream()) read += chunk.length
      }
      let done = false
      const all = seek().then(() => {
        done = true
      })
      await clock.run({ until: () => done, for: 20_000 })
      await all
      t.ok(read > film.length)
      t.equal(peer.connections, 1)
      await close()
    }
  },
)

t.test('a reader gets every byte from the only peer after a wrong block, however it reads', async t => {
  for (const at of [0, 9, 30, blocks - 1])
    for (const storage of [new WindowStorage(), new MemoryStorage(made.content.length)]) {
      const faults: Fault[] = [...Array(at).fill({ kind: 'serve' }), { kind: 'wrong' }]
      const options = { storage, onDemand: true, memory: 64 * PIECE_LENGTH }
      const { clock, torrent, peer, close } = connect({ manners: { faults }, options })
      torrent.start()
      const bytes: Uint8Array[] = []
      let done = false
      const read = async () => {
        for await (const chunk of torrent.files[0]!.stream()) bytes.push(chunk)
        done = true
      }
      const reading = read()
      await clock.run({ until: () => done, for: 10_000 })
      await reading
      t.ok(Buffer.concat(bytes).equals(made.content))
      t.equal(peer.connections, 1)
      await close()
    }
})

t.test(
  'however the only peer treats requests, everything comes over one connection, and little twice',
  async t => {
    const property = fc.asyncProperty(manners, latency, seed, async (manners, latency, seed) => {
      const cost = costOf(manners, latency)
      const { wasted } = await fetchAll({ manners, latency, seed, limitMs: cost.time })
      if (wasted > cost.wasted) throw new Error(`${wasted} blocks came twice, ${cost.wasted} may`)
    })
    await fc.assert(property, { numRuns: Number(process.env.RUNS ?? 150), seed: RANDOM_SEED })
    t.end()
  },
)

interface Visit {
  /** The start of the read as a fraction of the file, and its length as a fraction of the rest. */
  readonly from: number
  readonly part: number
  /** Milliseconds before it opens, and between two chunks. */
  readonly wait: number
  readonly pause: number
}

t.test(
  'readers of the only peer that open, seek and close at random get all bytes that they wait for',
  async t => {
    const visit: fc.Arbitrary<Visit> = fc.record({
      from: fc.constantFrom(0, 0, 0.1, 0.3, 0.5, 0.9),
      part: fc.constantFrom(0, 0.05, 0.2, 1),
      wait: fc.integer({ min: 0, max: 400 }),
      pause: fc.constantFrom(0, 0, 30, 200),
    })
    const player = fc.array(visit, { minLength: 1, maxLength: 8 })
    const players = fc.array(player, { minLength: 1, maxLength: 3 })
    const property = fc.asyncProperty(
      players,
      manners,
      latency,
      seed,
      async (players, manners, latency, seed) => {
        const storage = new WindowStorage({ keep: PIECE_LENGTH })
        const options = { storage, onDemand: true, memory: 16 * PIECE_LENGTH }
        const { clock, peer, torrent, errors, close } = connect({ manners, latency, seed, options })
        const film = torrent.files[0]!
        const sleep = (ms: number) => new Promise<void>(resolve => clock.setTimeout(() => resolve(), ms))
        const play = async (visits: readonly Visit[]) => {
          for (const { from, part, wait, pause } of visits) {
            await sleep(wait)
            const start = Math.floor(from * film.length)
            const end = start + Math.floor(part * (film.length - start))
            let at = start
            for await (const chunk of film.stream({ start })) {
              if (!made.content.subarray(at, at + chunk.length).equals(chunk))
                throw new Error(`wrong at ${at}`)
              at += chunk.length
              if (at >= end) break
              await sleep(pause)
            }
          }
        }
        torrent.start()
        try {
          let playing = players.length
          const all = Promise.all(players.map(visits => play(visits).finally(() => playing--)))
          await clock.run({
            until: () => playing === 0,
            for: 8 * players.flat().length * costOf(manners, latency).time,
          })
          await all
          if (peer.connections !== 1) throw new Error(`${peer.connections} connections: ${errors}`)
        } finally {
          await close()
        }
      },
    )
    await fc.assert(property, { numRuns: Number(process.env.RUNS ?? 100), seed: RANDOM_SEED })
    t.end()
  },
)
