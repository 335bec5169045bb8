import { EventEmitter } from 'node:events'
import { queryObjects } from 'node:v8'
import t from 'tap'
import { Client } from '../../src/pipeline/client.ts'
import { directoryContent } from '../../src/pipeline/download.ts'
import { Session } from '../../src/session/session.ts'
import { SessionTorrent } from '../../src/session/session-torrent.ts'
import { FileStateStore } from '../../src/session/store/file-state-store.ts'
import { generator } from '../helpers/feed.ts'
import { RANDOM_SEED } from '../helpers/random-seed.ts'
import { STATE_DIRECTORY, sessionDisk, smallTorrent } from '../helpers/session.ts'
import { SimulatedNetwork } from '../helpers/simulation/network.ts'
import { memoryDisk } from '../helpers/swarm.ts'
import { VirtualClock } from '../helpers/virtual-clock.ts'

const HOUR_MS = 3_600_000
/** Milliseconds of each hour in which torrents run. Then all are stopped, which makes the test faster. */
const ACTIVE_MS = 60_000
const SIMULATED_HOURS = 24
/** Hours until all objects that are created once exist. */
const WARM_UP_HOURS = 6
const KEPT_TORRENTS = 4
const PEER_PORT = 6881
/** Torrents, runs, peers, connections, stages, sockets and servers are emitters. */
const COUNTED_CLASSES = { EventEmitter, SessionTorrent }
t.test('a day of adding, changing and removing leaves nothing behind', async t => {
  const seed = RANDOM_SEED
  t.comment(`SEED=${seed}`)
  const random = generator(seed)
  const clock = new VirtualClock({ patience: 120_000 })
  const network = new SimulatedNetwork({ clock, random: generator(seed + 1000) })
  const clientAt = (address: string, disk: ReturnType<typeof memoryDisk>) => {
    const { connect, createServer } = network.host(address, { latency: 20 })
    return new Client({
      ...{ clock, connect, createServer, random: generator(seed + 1), fs: disk, port: PEER_PORT },
      ...{ dht: false, lsd: false, trackers: false, hashThreads: 0, encryption: 'off' },
    })
  }
  const reach = (isMet: () => boolean) => clock.run({ until: isMet, for: HOUR_MS })

  /** Advances the virtual time until `work` settles. Settles with its result. */
  const finish = async <T>(work: Promise<T>): Promise<T> => {
    let hasEnded = false
    const ended = work.finally(() => {
      hasEnded = true
    })
    const [result] = await Promise.all([ended, reach(() => hasEnded)])
    return result
  }

  const all = Array.from({ length: KEPT_TORRENTS + 2 }, (_, at) => smallTorrent(`file-${at}`, at + 1))
  const shared = memoryDisk()
  const sharer = clientAt('10.0.0.1', shared)
  for (const { content, metainfo } of all) {
    await shared.writeFile(`/home/${metainfo.name}`, content)
    const torrent = await finish(sharer.add(metainfo, { share: true }))
    torrent.begin(directoryContent(metainfo, { output: '/home', fs: shared }))
  }
  await reach(() => sharer.torrents.every(({ state }) => state === 'seeding'))

  const disk = sessionDisk()
  const client = clientAt('10.0.1.1', disk)
  const session = await finish(
    Session.open({
      ...{ client, clock, fs: disk, directory: '/home', hashThreads: 0, now: () => clock.now() },
      store: new FileStateStore(STATE_DIRECTORY, { fs: disk }),
    }),
  )
  const warnings: string[] = []
  session.on('warning', ({ message }) => warnings.push(message))

  const pick = () => session.torrents[Math.floor(random() * session.torrents.length)]!

  const passHour = async (hour: number) => {
    const end = clock.now() + HOUR_MS
    const torrent = await finish(
      session.add(all[hour % all.length]!.metainfo, { peers: [`10.0.0.1:${PEER_PORT}`] }),
    )
    await reach(() => torrent.status === 'seeding')
    await finish(pick().stop())
    await finish(pick().recheck())
    await finish(pick().set({ up: { enabled: true, value: 1000 * hour }, labels: [`${hour}`] }))
    await finish(pick().setPriority([0], 'high'))
    for (const one of session.torrents) await finish(one.start())
    await reach(() => session.torrents.every(({ status }) => status === 'seeding'))
    if (session.torrents.length > KEPT_TORRENTS)
      await finish(session.remove(session.torrents[0]!, { withData: true }))
    await clock.run({ for: ACTIVE_MS })
    for (const one of session.torrents) await finish(one.stop())
    await clock.run({ for: end - clock.now() })
  }

  const count = () => ({
    ...Object.fromEntries(
      Object.entries(COUNTED_CLASSES).map(([name, kind]) => [name, queryObjects(kind, { format: 'count' })]),
    ),
    listeners: [session, client].flatMap(emitter =>
      emitter.eventNames().map(name => emitter.listenerCount(name as never)),
    ),
    sockets: network.open,
    timers: clock.pending,
  })
  let before: ReturnType<typeof count> | undefined
  for (let hour = 0; hour < SIMULATED_HOURS; hour++) {
    await passHour(hour)
    if (hour === WARM_UP_HOURS) before = count()
  }
  // the disk in memory keeps deleted files, so bytes of the heap are not compared
  t.strictSame(count(), before)
  t.comment(JSON.stringify(before))
  t.strictSame(warnings, [])

  await finish(session.close())
  await finish(Promise.all([client.close(), sharer.close()]))
  t.match({ sockets: network.open, timers: clock.pending }, { sockets: 0, timers: 0 })
})
