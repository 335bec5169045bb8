import t from 'tap'
import type { AnnounceReply } from '../../src/discovery/announce-reply.ts'
import type { AnnounceRequest } from '../../src/discovery/announce-request.ts'
import { Announcer } from '../../src/discovery/announcer.ts'
import type { AnnouncerOptions } from '../../src/discovery/announcer-options.ts'
import { HttpTracker } from '../../src/discovery/http-tracker.ts'
import { TrackerFailure } from '../../src/discovery/tracker.ts'
import { parseTrackerUrl } from '../../src/discovery/tracker-url.ts'
import { DiscoveryError } from '../../src/errors.ts'
import { peersBody, scriptedTracker } from '../helpers/tracker.ts'
import { settle, VirtualClock } from '../helpers/virtual-clock.ts'

const peer = { host: '10.0.0.1', port: 6881 }
type Answer = Partial<AnnounceReply> | Error | 'hang'

/** A promise, and the function that settles it. */
function deferred() {
  let resolve: (value: unknown) => void = () => {}
  const promise = new Promise<unknown>(settle => {
    resolve = settle
  })
  return { promise, resolve }
}

/** Creates an announcer with trackers in memory. `answers` has the behaviour of each, by URL. All calls are logged. */
function setup(
  tiers: string[][],
  answers: Record<string, (request: AnnounceRequest) => Answer | Promise<Answer>> = {},
  more: Partial<AnnouncerOptions> = {},
) {
  const clock = new VirtualClock()
  const log: string[] = []
  const requests: AnnounceRequest[] = []
  const warnings: DiscoveryError[] = []
  const found: unknown[] = []
  const laterReplies: ((reply: AnnounceReply) => void)[] = []
  const closed: string[] = []
  const counters = { uploaded: 0, downloaded: 0, left: 100, partial: false }
  const announcer = new Announcer({
    tiers,
    infoHash: Buffer.alloc(20, 1),
    peerId: Buffer.alloc(20, 2),
    port: 6881,
    key: 7,
    clock,
    random: () => 0.999_999,
    stats: () => counters,
    makeTracker: url => {
      parseTrackerUrl(url)
      return {
        scrape: async () => [],
        takesPaused: url.startsWith('http'),
        close: () => void closed.push(log.at(-1) ?? ''),
        announce: async (request, { signal, more } = {}) => {
          if (more) laterReplies.push(more)
          log.push(`${Math.round(clock.now() / 1000)} ${url.replace('http://', '')} ${request.event ?? '-'}`)
          requests.push(request)
          const answer = (await answers[url.replace('http://', '')]?.(request)) ?? {}
          if (answer instanceof Error) throw answer
          if (answer === 'hang') {
            await new Promise((_, reject) =>
              signal?.addEventListener('abort', () => reject(new Error('aborted'))),
            )
          }
          return { interval: 1800, minInterval: 60, peers: [], ...(answer as Partial<AnnounceReply>) }
        },
      }
    },
    ...more,
  })
  announcer.on('warning', error => warnings.push(error))
  announcer.on('peers', (peers, source) => found.push(...peers.map(({ host }) => `${host} ${source}`)))
  return { announcer, clock, log, requests, warnings, found, counters, laterReplies, closed }
}

const down = () => new DiscoveryError('ERR_TRACKER', 'down')
const minutes = (n: number) => n * 60_000

t.test(
  'the first announce is started, the next have no event, completed is sent once, and stopped is the last',
  async t => {
    const { announcer, clock, log, counters, requests } = setup([['http://a']])
    announcer.start()
    announcer.start()
    t.same(log, ['0 a started'], 'sent before start returns')
    await clock.advance(minutes(61))
    counters.left = 0
    announcer.complete()
    announcer.complete()
    await clock.advance(minutes(31))
    await announcer.stop()
    await announcer.stop()
    announcer.complete()
    await clock.advance(minutes(100))
    t.same(log, ['0 a started', '1800 a -', '3600 a -', '3660 a completed', '5460 a -', '5520 a stopped'])
    t.same(requests.at(-3)?.left, 0)
    t.equal(requests.at(-1)?.numwant, 0)
    t.equal(clock.pending, 0, 'no timer is left')
  },
)

t.test('completed during an announce follows at once, after started', async t => {
  const { announcer, clock, log } = setup([['http://a']])
  announcer.start()
  announcer.complete()
  await clock.advance(1000)
  t.same(log, ['0 a started', '0 a completed'])
  await announcer.stop()
})

t.test('completed is sent again after a failure, and not after an answer', async t => {
  let broken = false
  const { announcer, clock, log } = setup([['http://a']], { a: () => (broken ? down() : {}) })
  announcer.start()
  await settle()
  broken = true
  announcer.complete()
  await clock.advance(1000)
  broken = false
  await clock.advance(minutes(40))
  t.same(log, ['0 a started', '0 a completed', '14 a completed', '1814 a -'])
  await announcer.stop()
})

t.test(
  'a partial seed sends paused with every announce but the first and the last (BEP 21), and never completed',
  async t => {
    const { announcer, clock, log, counters, requests } = setup([['http://a']])
    counters.partial = true
    announcer.becomePartialSeed()
    announcer.start()
    await clock.advance(minutes(61))
    t.same(log, ['0 a started', '0 a paused', '1800 a paused', '3600 a paused'])
    announcer.complete()
    counters.partial = false
    counters.left = 0
    await clock.advance(minutes(1))
    await announcer.stop()
    t.same(log.slice(4), ['3660 a completed', '3720 a stopped'], 'unless more was wanted, and all came')
    t.ok(requests.slice(0, 4).every(({ left }) => left === 100))
  },
)

t.test(
  'a download that becomes a partial seed sends paused a second later, unless it stops before',
  async t => {
    const { announcer, clock, log, counters } = setup([['http://a']])
    announcer.start()
    await clock.advance(minutes(10))
    counters.partial = true
    announcer.becomePartialSeed()
    await clock.advance(minutes(1))
    t.same(log, ['0 a started', '601 a paused'])
    await announcer.stop()
    const other = setup([['http://a']])
    other.announcer.start()
    await other.clock.advance(minutes(10))
    other.counters.partial = true
    other.announcer.becomePartialSeed()
    await other.announcer.stop()
    await other.clock.advance(minutes(1))
    t.same(other.log, ['0 a started', '600 a stopped'])
    t.equal(other.clock.pending, 0)
  },
)

t.test('a torrent that is complete at the start never sends completed', async t => {
  const { announcer, clock, log, counters } = setup([['http://a']])
  counters.left = 0
  announcer.start()
  announcer.complete()
  await clock.advance(minutes(31))
  announcer.complete()
  await announcer.stop()
  t.same(log, ['0 a started', '1800 a -', '1860 a stopped'])
})

t.test('all announces have the same key, and return the tracker id', async t => {
  const { announcer, clock, requests } = setup([['http://a']], {
    a: () => ({ trackerId: Buffer.from('testtest') }),
  })
  announcer.start()
  await clock.advance(minutes(31))
  await announcer.stop()
  t.same([...new Set(requests.map(({ key }) => key))], [7])
  t.equal(requests[0]!.trackerId, undefined)
  t.equal(requests[1]!.trackerId?.toString(), 'testtest')
  t.equal(requests[2]!.trackerId?.toString(), 'testtest')
})

t.test('numwant is the requested number', async t => {
  const { announcer, requests, found } = setup(
    [['http://a']],
    { a: () => ({ peers: [peer] }) },
    { numwant: 1 },
  )
  announcer.start()
  await settle()
  t.equal(requests[0]!.numwant, 1)
  t.same(found, ['10.0.0.1 http://a/'])
  await announcer.stop()
})

t.test('stopped is not sent to a tracker never reached', async t => {
  const { announcer, log } = setup([['http://a'], ['http://b'], ['http://c']], { a: down })
  announcer.start()
  await settle()
  await announcer.stop()
  t.same(log, ['0 a started', '0 b started', '0 b stopped'])
})

t.test('stop waits no longer than its timeout, and with 0 sends nothing', async t => {
  const { announcer, clock, log } = setup([['http://a']], {
    a: ({ event }) => (event === 'stopped' ? 'hang' : {}),
  })
  announcer.start()
  await settle()
  let ended = false
  const stopped = announcer.stop({ timeout: 700 }).then(() => (ended = true))
  await clock.advance(699)
  t.notOk(ended)
  await clock.advance(1)
  await stopped
  t.equal(clock.pending, 0)
  announcer.start()
  await settle()
  await announcer.stop({ timeout: 0 })
  t.same(log, ['0 a started', '0 a stopped', '1 a started'])
})

t.test('a tracker that never answers does not delay the others (real sockets)', async t => {
  const tracker = await scriptedTracker(t, { hang: true })
  const { announcer, clock } = overHttp(tracker.url)
  announcer.start()
  await tracker.seen(1)
  const stopped = announcer.stop({ timeout: 500 })
  await tracker.seen(2)
  await clock.advance(500)
  await stopped
  await tracker.idle()
  t.equal(clock.pending, 0)
})

t.test('stop in the tick of start still sends stopped', async t => {
  const tracker = await scriptedTracker(t, { body: peersBody([peer]) })
  const { announcer } = overHttp(tracker.url)
  announcer.start()
  await announcer.stop()
  t.equal(tracker.announces.at(-1)?.event, 'stopped')
  await tracker.idle()
})

t.test('a private torrent is announced to its own trackers only', async t => {
  const { announcer, clock, log } = setup([['http://a']])
  announcer.start()
  await clock.advance(minutes(31))
  await announcer.stop()
  t.ok(log.every(line => line.includes(' a ')))
})

t.test('failures are retried with a growing delay, up to half an hour', async t => {
  const { announcer, clock, log, warnings } = setup([['http://a']], { a: down })
  announcer.start()
  await clock.advance(minutes(180))
  const times = log.map(line => Number(line.split(' ')[0]))
  const delays = times.slice(1).map((time, n) => time - times[n]!)
  t.same(delays.slice(0, 4), [14, 27, 54, 108])
  t.equal(Math.max(...delays), 1620)
  t.equal(warnings.length, log.length)
  await announcer.stop()
  t.notMatch(log.at(-1), 'stopped')
  t.equal(clock.pending, 0)
})

t.test('success clears the error and the delay', async t => {
  let broken = true
  const { announcer, clock, log } = setup([['http://a']], { a: () => (broken ? down() : {}) })
  t.equal(announcer.announces[0]!.state, 'untried')
  announcer.start()
  await clock.advance(minutes(1))
  t.match(announcer.announces, [{ name: 'http://a/', state: 'failing', error: { message: 'down' } }])
  broken = false
  await clock.advance(minutes(1))
  t.match(announcer.announces, [{ name: 'http://a/', state: 'working', error: undefined }])
  broken = true
  await clock.advance(minutes(31))
  t.same(log.slice(-3), ['1895 a -', '1908 a -', '1935 a -'], 'from the first delay again')
  await announcer.stop()
})

t.test('after a tracker that never answers the next one is used (real sockets)', async t => {
  const mute = await scriptedTracker(t, { hang: true })
  const good = await scriptedTracker(t, { body: peersBody([peer]) })
  const { announcer, clock, peers } = overHttp(mute.url, good.url)
  announcer.start()
  await mute.seen(1)
  const come = peers()
  await clock.advance(30_000)
  t.same(await come, [peer])
  await mute.idle()
  await announcer.stop()
  t.same(
    good.announces.map(({ event }) => event),
    ['started', 'stopped'],
  )
  t.equal(mute.announces.length, 1)
})

t.test('a silent tracker is waited for without a delay of the others', async t => {
  const slow = deferred()
  const { announcer, clock, log, found } = setup([['http://a'], ['http://b'], ['http://c']], {
    a: () => slow.promise as Promise<Answer>,
    b: () => ({ peers: [peer], interval: 600 }),
  })
  announcer.start()
  await clock.advance(4_999)
  t.same(log, ['0 a started'])
  await clock.advance(1)
  t.same(log, ['0 a started', '5 b started'], 'five seconds later, and no further than needed')
  t.match(announcer.announces[0], {
    state: 'failing',
    error: { message: 'tracker http://a/: no answer yet' },
  })
  await clock.advance(600_000)
  t.same(log.slice(2), ['605 b -'], 'not asked again before it has answered')
  slow.resolve({ peers: [{ host: '10.0.0.2', port: 1 }], interval: 100 })
  await clock.advance(0)
  t.same(found, ['10.0.0.1 http://b/', '10.0.0.1 http://b/', '10.0.0.2 http://a/'])
  t.match(announcer.announces[0], { name: 'http://a/', state: 'working', error: undefined })
  await clock.advance(600_000)
  t.same(log.slice(3), ['1205 a -'], 'answered later, but is first in order')
  await announcer.stop()
  t.equal(clock.pending, 0)
})

t.test('while all trackers are silent, the first answer counts, whenever it comes', async t => {
  const slow = deferred()
  let answered = false
  const { announcer, clock, log } = setup([['http://a', 'http://b']], {
    a: () => (answered ? {} : (slow.promise as Promise<Answer>)),
    b: down,
  })
  announcer.start()
  await clock.advance(30_000)
  t.same(log, ['0 a started', '5 b started', '19 b started'])
  answered = true
  slow.resolve({ interval: 300 })
  await clock.advance(299_000)
  t.same(log.slice(3), [])
  await clock.advance(1_000)
  t.same(log.slice(3), ['330 a -'])
  await announcer.stop()
  t.equal(clock.pending, 0)
})

t.test('the end of a run does not wait for a tracker that never answered', async t => {
  const { announcer, clock, log } = setup([['http://a']], { a: () => 'hang' })
  announcer.start()
  await clock.advance(6_000)
  await announcer.stop()
  t.same(log, ['0 a started'])
  t.equal(clock.pending, 0)
})

t.test('stop after complete ends even if the tracker fails', async t => {
  const { announcer, clock, log } = setup([['http://a']], { a: down })
  announcer.start()
  announcer.complete()
  await announcer.stop()
  t.same(log, ['0 a started'])
  t.equal(clock.pending, 0)
})

t.test('trackers release their resources after stopped was sent, not before', async t => {
  const { announcer, clock, closed } = setup([['http://a']])
  announcer.start()
  await clock.advance(1_000)
  t.same(closed, [])
  await announcer.stop()
  t.same(closed, ['1 a stopped'])
  announcer.start()
  await clock.advance(1_000)
  await announcer.stop()
  t.same(closed, ['1 a stopped', '2 a stopped'], 'after each run')
})

t.test('peers of the other address family that come after the first answer are found too', async t => {
  const { announcer, requests, found, laterReplies } = setup([['http://a']], {
    a: () => ({ peers: [peer] }),
  })
  announcer.start()
  await settle()
  laterReplies[0]?.({ interval: 1800, minInterval: 60, peers: [{ host: '::1', port: 2 }] })
  t.same(found, ['10.0.0.1 http://a/', '::1 http://a/'])
  t.equal(requests.length, 1)
  await announcer.stop()
  laterReplies[0]?.({ interval: 1800, minInterval: 60, peers: [peer] })
  t.equal(found.length, 2, 'nothing after the end')
})

t.test('the next tier is used only when all trackers of a tier failed', async t => {
  let broken = true
  const tiers = [['http://a', 'http://b'], ['http://c']]
  const { announcer, clock, log } = setup(tiers, { a: down, b: () => (broken ? down() : {}) })
  announcer.start()
  await settle()
  t.same(log, ['0 a started', '0 b started', '0 c started'])
  broken = false
  await clock.advance(minutes(31))
  t.same(log.slice(3), ['1800 a started', '1800 b started'])
  await announcer.stop()
  t.same(log.slice(5), ['1860 b stopped', '1860 c stopped'], 'all that know us')
})

t.test('the tracker that answered is the first one the next time', async t => {
  const { announcer, clock, log } = setup([['http://a', 'http://b']], { a: down })
  announcer.start()
  await clock.advance(minutes(31))
  t.same(log, ['0 a started', '0 b started', '1800 b -'])
  await announcer.stop()
})

t.test('without trackers, or with empty tiers, nothing is sent', async t => {
  for (const tiers of [[], [[]], [[], []]]) {
    const { announcer, clock, warnings } = setup(tiers)
    announcer.start()
    announcer.announceAgain()
    announcer.complete()
    await clock.advance(minutes(60))
    t.same(announcer.announces, [])
    t.same(warnings, [])
    t.equal(clock.pending, 0)
    await announcer.stop()
  }
})

t.test('a repeated tracker gets each announce once', async t => {
  const { announcer, log } = setup(
    [
      ['http://a', 'http://A/'],
      [' http://a/', 'http://b'],
    ],
    { a: down, b: down },
  )
  announcer.start()
  await settle()
  t.same(log, ['0 a started', '0 b started'])
  await announcer.stop()
})

t.test('invalid tracker URLs are reported once and skipped', async t => {
  const odd = [
    'announce',
    'http://',
    'http://h:0/',
    'http://h:99999/',
    'javascript:alert(1)',
    'http://x\r\ny/',
  ]
  const wss = ['wss://one.example', 'wss://two.example', 'wss://three.example']
  const { announcer, clock, log, warnings } = setup([odd, ['ws://w.example/'], wss, ['http://a']])
  announcer.start()
  await clock.advance(minutes(31))
  await announcer.stop()
  announcer.start()
  await settle()
  t.same(log.slice(0, 2), ['0 a started', '1800 a -'])
  t.equal(warnings.length, odd.length + 2)
  t.ok(warnings.every(({ code, message }) => code === 'ERR_TRACKER' && !/\p{Cc}/u.test(message)))
  t.match(warnings.at(-1)!.message, 'wss trackers are not supported: skipped wss://one.example/ and 2 more')
  t.match(warnings.at(-2)!.message, 'ws trackers are not supported: skipped ws://w.example/')
  await announcer.stop()
})

t.test('after an IPv6 tracker that cannot be reached the next one of its tier is used', async t => {
  const dead = await scriptedTracker(undefined, {}, '::1').catch(() => undefined)
  await dead?.close()
  const good = await scriptedTracker(t, { body: peersBody([peer]) })
  const { announcer, peers } = overHttp(dead?.url ?? 'http://[::1]:9/announce', good.url)
  const come = peers()
  announcer.start()
  t.same(await come, [peer])
  await announcer.stop()
})

t.test('pause sends stopped, resume sends started, and announces continue from there', async t => {
  const { announcer, clock, log } = setup([['http://a']])
  announcer.start()
  await clock.advance(minutes(10))
  await announcer.stop()
  await clock.advance(minutes(60))
  announcer.start()
  await clock.advance(minutes(31))
  t.same(log, ['0 a started', '600 a stopped', '4200 a started', '6000 a -'])
  await announcer.stop()
})

t.test('a resume before the end of stopped sends started after it', async t => {
  const { announcer, clock, log } = setup([['http://a']], {
    a: ({ event }) => (event === 'stopped' ? 'hang' : {}),
  })
  announcer.start()
  await settle()
  const stopped = announcer.stop({ timeout: 1000 })
  announcer.start()
  await clock.advance(999)
  t.same(log, ['0 a started', '0 a stopped'])
  await clock.advance(1)
  await stopped
  t.same(log.at(-1), '1 a started')
  await announcer.stop({ timeout: 0 })
  t.equal(clock.pending, 0)
})

t.test('regular announces wait for the interval, and additional ones for the min interval', async t => {
  const { announcer, clock, log } = setup([['http://a']], { a: () => ({ interval: 1042, minInterval: 10 }) })
  announcer.start()
  await clock.advance(1043_000)
  t.same(log, ['0 a started', '1042 a -'])
  announcer.announceAgain()
  announcer.announceAgain()
  await clock.advance(20_000)
  t.same(log.slice(2), ['1052 a -'], 'asked for by hand: not before 10 s')
  await clock.advance(600_000)
  announcer.announceAgain()
  await clock.advance(0)
  t.same(log.slice(3), ['1663 a -'], 'long after: at once')
  await announcer.stop()
  announcer.announceAgain()
  t.equal(clock.pending, 0)
})

t.test('an additional announce does not shorten the wait after failures', async t => {
  const { announcer, clock, log } = setup([['http://a']], { a: down })
  announcer.start()
  await settle()
  announcer.announceAgain()
  await clock.advance(13_000)
  t.same(log, ['0 a started'])
  await announcer.stop()
})

t.test(
  'after a failure reason the next tracker is used, and the first one again after its retry time',
  async t => {
    const refused = () => new TrackerFailure('tracker a: full', 600)
    const { announcer, clock, log, warnings } = setup([['http://a']], { a: refused })
    announcer.start()
    await clock.advance(minutes(21))
    t.same(log, ['0 a started', '600 a started', '1200 a started'])
    t.match(warnings[0], { code: 'ERR_TRACKER_FAILURE', message: 'tracker a: full' })
    await announcer.stop()
    const never = setup([['http://a']], { a: () => new TrackerFailure('gone', 86_400) })
    never.announcer.start()
    await never.clock.advance(minutes(1439))
    t.same(never.log, ['0 a started'])
    await never.clock.advance(minutes(2))
    t.equal(never.log.length, 2, 'and a day later again')
    await never.announcer.stop()
  },
)

t.test('a reply with a warning message is a warning and not a failure, and its peers are used', async t => {
  const { announcer, warnings, found } = setup([['http://a']], {
    a: () => ({ warning: 'be nice', peers: [peer] }),
  })
  announcer.start()
  await settle()
  t.match(warnings, [{ code: 'ERR_TRACKER_WARNING', message: 'tracker http://a/: be nice' }])
  t.equal(found.length, 1)
  t.equal(announcer.announces[0]!.state, 'working')
  await announcer.stop()
})

t.test('our own external address is not reported as a peer', async t => {
  const others = [peer, { host: '1.2.3.4', port: 9 }]
  const peers = [others[0]!, { host: '1.2.3.4', port: 6881 }, others[1]!]
  const { announcer, found } = setup([['http://a']], { a: () => ({ peers, externalIp: '1.2.3.4' }) })
  announcer.start()
  await settle()
  t.same(found, ['10.0.0.1 http://a/', '1.2.3.4 http://a/'])
  await announcer.stop()
})

t.test('a reply that comes after stop is not used', async t => {
  const { announcer, found, log } = setup([['http://a']], { a: () => ({ peers: [peer] }) })
  announcer.start()
  const stopped = announcer.stop()
  await stopped
  await settle()
  t.same(found, [])
  t.same(log, ['0 a started', '0 a stopped'])
})

t.test('an announcer that its listener stops sends a due completed, and nothing after stopped', async t => {
  const { announcer, clock, log } = setup([['http://a']])
  announcer.on('peers', () => void announcer.stop())
  announcer.start()
  announcer.complete()
  await clock.advance(minutes(60))
  t.same(log, ['0 a started', '0 a completed', '0 a stopped'])
  t.equal(clock.pending, 0)
})

t.test('any error of a tracker becomes a DiscoveryError', async t => {
  const { announcer, warnings } = setup([['http://a']], { a: () => new TypeError('bug\n here') })
  announcer.start()
  await settle()
  t.match(warnings[0], { code: 'ERR_TRACKER', message: 'tracker http://a/: bug here', cause: TypeError })
  t.type(warnings[0], DiscoveryError)
  await announcer.stop()
})

/**
 * Creates an announcer over real HTTP. Its trackers are tried in this order. `peers()` resolves with the peers of the
 * next reply.
 */
function overHttp(...urls: string[]) {
  const clock = new VirtualClock()
  const { announcer } = setup(
    [urls],
    {},
    {
      clock,
      makeTracker: url => new HttpTracker(url, { userAgent: 'tsdl/0', clock }),
    },
  )
  return { announcer, clock, peers: () => new Promise(resolve => announcer.once('peers', resolve)) }
}
