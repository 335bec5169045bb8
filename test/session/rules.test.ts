import t from 'tap'
import { defaultSettings } from '../../src/session/records/session-record.ts'
import { DEFAULT_TORRENT_OPTIONS } from '../../src/session/records/torrent-record.ts'
import type { SessionTorrent } from '../../src/session/session-torrent.ts'
import { SessionRates, TorrentRateLimits } from '../../src/session/torrent/session-rates.ts'
import { FaultyDisk, systemError } from '../helpers/faulty-disk.ts'
import {
  openSession,
  type SessionDisk,
  sessionDisk,
  smallTorrent,
  waitForSession,
} from '../helpers/session.ts'
import { VirtualClock, waitUntil } from '../helpers/virtual-clock.ts'

const HOUR_MS = 3_600_000

/** Opens a session on the virtual clock, with complete torrents. */
async function inTime(t: Parameters<typeof openSession>[0], names: readonly string[]) {
  const disk = sessionDisk()
  const clock = new VirtualClock()
  const start = new Date(2026, 10, 26, 8).getTime() // a Thursday
  const opened = await openSession(t, disk, { clock, now: () => start + clock.now() })
  const torrents: SessionTorrent[] = []
  for (const [index, name] of names.entries()) {
    const made = smallTorrent(name, index + 1)
    await disk.writeFile(`/home/${name}`, made.content)
    const torrent = await opened.session.add(made.metainfo)
    await waitForSession(opened.session, () => torrent.status === 'seeding')
    torrents.push(torrent)
  }
  return { ...opened, clock, torrents }
}

t.test('sharing ends after a time, and the torrent is finished until it is started again', async t => {
  const { session, clock, torrents } = await inTime(t, ['a', 'b', 'c'])
  const [a, b, c] = torrents as [SessionTorrent, SessionTorrent, SessionTorrent]
  const finished: string[] = []
  session.on('finished', ({ name }, rule) => finished.push(`${name} ${rule}`))
  await session.set({ seedTime: { enabled: true, value: HOUR_MS } })
  await b.set({ seedTime: { mode: 'none', value: 0 } })
  await c.set({ seedTime: { mode: 'none', value: 0 }, seedIdle: { mode: 'own', value: 2 * HOUR_MS } })
  await clock.advance(HOUR_MS + 5000)
  await waitUntil(() => a.status === 'stopped')
  t.strictSame(finished, ['a time'])
  t.equal(a.record.isFinished, true)
  t.ok(Math.abs(a.progress.seedingTime - HOUR_MS) < 10_000)
  t.equal(b.status, 'seeding')
  await clock.advance(HOUR_MS)
  await waitUntil(() => c.status === 'stopped')
  t.strictSame(finished, ['a time', 'c idle'])
  await session.set({ seedTime: { enabled: false, value: HOUR_MS } })
  await a.start()
  await waitForSession(session, () => a.status === 'seeding')
  t.equal(a.record.isFinished, false)
})

t.test('a torrent that moves no bytes takes no place in the queue', async t => {
  const { session, clock } = await inTime(t, [])
  await session.set({
    downloadQueue: { enabled: true, value: 1 },
    stalled: { enabled: true, value: HOUR_MS },
  })
  const first = await session.add(smallTorrent('x', 8).metainfo)
  const second = await session.add(smallTorrent('y', 9).metainfo)
  await waitForSession(session, () => first.status === 'downloading')
  t.equal(second.status, 'queued')
  await clock.advance(HOUR_MS + 2000)
  await waitUntil(() => second.status === 'downloading')
  t.equal(first.isStalled, true)
  t.equal(first.status, 'downloading')
})

t.test('the alternative rates hold at their times, and may be switched between them', async t => {
  const { session, clock } = await inTime(t, [])
  const alternative = { enabled: false, up: 1000, down: 1000 }
  const days = [4] // Thursday
  await session.set({ alternative, alternativeTimes: { enabled: true, from: 9 * 60, to: 10 * 60, days } })
  t.equal(session.settings.alternative.enabled, false)
  await clock.advance(HOUR_MS + 60_000)
  await waitUntil(() => session.settings.alternative.enabled)
  await session.set({ alternative })
  await clock.advance(HOUR_MS / 4)
  t.equal(session.settings.alternative.enabled, false, 'as it was switched')
  await session.set({ alternative: { ...alternative, enabled: true } })
  await clock.advance(HOUR_MS)
  await waitUntil(() => !session.settings.alternative.enabled)
})

t.test('a full disk rejects changes, which change nothing, and torrents go on', async t => {
  const disk = sessionDisk()
  const faulty = new FaultyDisk(disk)
  const fs = Object.assign(faulty.fs, { readdir: disk.readdir.bind(disk), rmdir: disk.rmdir.bind(disk) })
  const { session } = await openSession(t, fs as unknown as SessionDisk)
  const made = smallTorrent('a')
  await disk.writeFile('/home/a', made.content)
  const torrent = await session.add(made.metainfo)
  await waitForSession(session, () => torrent.status === 'seeding')
  faulty.fault = ({ name, path }) => {
    if (name === 'write' && path.startsWith('/state')) throw systemError('ENOSPC')
    return undefined
  }
  const full = { code: 'ERR_DISK_FULL' }
  await t.rejects(torrent.set({ labels: ['x'] }), full)
  await t.rejects(torrent.stop(), full)
  await t.rejects(session.set({ startsAdded: false }), full)
  await t.rejects(session.add(smallTorrent('b', 2).metainfo), full)
  await t.rejects(session.move(torrent, '/data'), full)
  t.equal(torrent.status, 'seeding')
  t.match(torrent.record, { labels: [], directory: '/home', intent: 'started', pending: null })
  t.equal(session.settings.startsAdded, true)
  t.equal(session.torrents.length, 1)
  faulty.fault = () => undefined
  await torrent.set({ labels: ['x'] })
  await session.add(smallTorrent('b', 2).metainfo)
  await session.move(torrent, '/data')
  t.strictSame(await disk.readFile('/data/a'), made.content)
})

t.test('a file in the way rejects a move, and nothing is moved', async t => {
  const { session, disk } = await openSession(t)
  const made = smallTorrent('a')
  await disk.writeFile('/home/a', made.content)
  const torrent = await session.add(made.metainfo)
  await waitForSession(session, () => torrent.status === 'seeding')
  await disk.mkdir('/data', { recursive: true })
  await disk.writeFile('/data/a', 'another file')
  await t.rejects(session.move(torrent, '/data'), {
    code: 'ERR_STORAGE',
    message: /\/data\/a exists already/,
  })
  t.equal(String(await disk.readFile('/data/a')), 'another file')
  t.match(torrent.record, { directory: '/home', pending: null })
  await waitForSession(session, () => torrent.status === 'seeding')
})

t.test('a bandwidth group limits its torrents together, and may be exempt from the session', async t => {
  const clock = new VirtualClock()
  const session = new SessionRates(clock)
  const settings = defaultSettings('/home')
  const group = {
    up: { enabled: true, value: 10_000 },
    down: { enabled: false, value: 0 },
    honorsSessionLimits: true,
  }
  const sent = new Map<TorrentRateLimits, number>()
  const start = (options: Partial<typeof DEFAULT_TORRENT_OPTIONS>) => {
    const rates = new TorrentRateLimits(session, { ...DEFAULT_TORRENT_OPTIONS, ...options })
    sent.set(rates, 0)
    const take = (): void => {
      rates.up.take(
        100,
        () => {
          sent.set(rates, sent.get(rates)! + 100)
          if (rates.up.isUnlimited)
            clock.setTimeout(take, 1) // like a network
          else queueMicrotask(take)
        },
        rates,
      )
    }
    take()
    return rates
  }
  /** Returns the kilobytes per second of each torrent over ten seconds. */
  const measure = async () => {
    await clock.advance(1000)
    for (const rates of sent.keys()) sent.set(rates, 0)
    await clock.advance(10_000)
    return [...sent.values()].map(bytes => Math.round(bytes / 10_000))
  }
  session.apply({ ...settings, up: { enabled: true, value: 40_000 }, groups: { slow: group } })
  const [a, b, c] = [start({ group: 'slow' }), start({ group: 'slow' }), start({})]
  t.strictSame(await measure(), [5, 5, 30])
  session.apply({
    ...settings,
    up: { enabled: true, value: 4000 },
    groups: { slow: { ...group, honorsSessionLimits: false } },
  })
  t.strictSame(await measure(), [5, 5, 4])
  b.apply({ ...DEFAULT_TORRENT_OPTIONS, group: 'slow', honorsSessionLimits: false })
  t.strictSame(await measure(), [10, 100, 4])
  b.apply({ ...DEFAULT_TORRENT_OPTIONS, group: 'none' })
  t.strictSame(await measure(), [10, 2, 2])
  session.apply({ ...settings, groups: {} })
  t.strictSame(await measure(), [100, 100, 100])
  for (const rates of [a, b, c]) rates.close()
  session.close()
})
