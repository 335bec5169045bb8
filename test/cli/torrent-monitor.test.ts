import { EventEmitter } from 'node:events'
import t, { type Test } from 'tap'
import { JsonReporter } from '../../src/cli/json-reporter.ts'
import type { Reporter } from '../../src/cli/reporter.ts'
import { TextReporter } from '../../src/cli/text-reporter.ts'
import { TorrentMonitor } from '../../src/cli/torrent-monitor.ts'
import type { Progress, Torrent } from '../../src/index.ts'
import { bottleneckOf } from '../helpers/bottleneck.ts'
import { VirtualClock } from '../helpers/virtual-clock.ts'

const MiB = 1 << 20

/** A torrent with a state that the test sets. */
class Standing extends EventEmitter {
  readonly metainfo = { pieceCount: 4 }
  readonly files = []
  readonly peers = []
  readonly reason = 'the only peer chokes us'
  started = true
  waiting = true
  progress = {
    verified: 0,
    total: 4 * MiB,
    downloaded: 0,
    uploaded: 0,
    wasted: 0,
    reused: 0,
    ratio: 0,
    eta: 7,
    bottleneck: bottleneckOf(),
  }

  has(progress: Partial<Standing['progress']>) {
    this.progress = { ...this.progress, ...progress }
  }
}

function following(options = {}) {
  const clock = new VirtualClock()
  const torrent = new Standing()
  const stalls: number[] = []
  let reports = 0
  let eta: number | null | undefined
  const reporter = {
    reportProgress: (progress: Progress) => {
      reports++
      eta = progress.eta
    },
    reportStall: (_code: string, reason: string) => {
      t.equal(reason, torrent.reason)
      stalls.push(clock.now())
    },
  } as unknown as Reporter
  const monitor = new TorrentMonitor(torrent as unknown as Torrent, reporter, clock, options)
  return { clock, torrent, stalls, monitor, reports: () => reports, eta: () => eta }
}

t.test(
  'progress is reported once a second, from the start of the torrent until the monitor stops',
  async t => {
    const { clock, torrent, monitor, reports } = following()
    torrent.started = false
    await clock.advance(5000)
    t.equal(reports(), 0)
    torrent.started = true
    await clock.advance(5000)
    t.equal(reports(), 5)
    monitor.stop()
    t.equal(clock.pending, 0)
  },
)

t.test('the remaining time is unknown if only the data of readers is downloaded', async t => {
  for (const [options, expected] of [
    [{}, 7],
    [{ onDemand: true }, null],
  ] as const) {
    const { clock, eta, monitor } = following(options)
    await clock.advance(1000)
    t.equal(eta(), expected)
    monitor.stop()
  }
})

t.test('a stall is reported once, ten seconds after the last byte, and again after another byte', async t => {
  const { clock, torrent, stalls } = following()
  await clock.advance(5000)
  torrent.has({ verified: MiB })
  await clock.advance(60_000)
  t.strictSame(stalls, [17_000])
  torrent.has({ downloaded: 16_384 })
  await clock.advance(60_000)
  t.strictSame(stalls, [17_000, 77_000])
})

t.test('a download that waits for a reader or a disk is not stalled', async t => {
  const { clock, torrent, stalls } = following()
  torrent.waiting = false // a reader or a disk delays it, or everything is verified
  await clock.advance(60_000)
  t.strictSame(stalls, [])
  torrent.waiting = true
  await clock.advance(10_000)
  t.strictSame(stalls, [], 'what it waited for others does not count')
  await clock.advance(2000)
  t.equal(stalls.length, 1)
})

t.test('the duration of a download ends with its last byte, and that of the run later', async t => {
  const { clock, torrent, monitor } = following()
  await clock.advance(4000)
  torrent.has({ verified: 4 * MiB, downloaded: 4 * MiB })
  torrent.emit('done')
  await clock.advance(16_000)
  torrent.has({ uploaded: 2 * MiB, ratio: 0.5 })
  t.match(monitor.outcome(), { elapsed: 20, downloadTime: 4, ratio: 0.5 })
})

/** Returns the lines that a reporter writes to standard error during `report`. */
function lines(t: Test, report: () => void): string[] {
  const written = t.capture(process.stderr, 'write', () => true)
  report()
  return written().map(({ args }) => String(args[0]).trimEnd())
}

const outcome = {
  verified: 4 * MiB,
  elapsed: 20,
  downloadTime: 4,
  downloaded: 4 * MiB,
  uploaded: 2 * MiB,
  ratio: 0.5,
  wasted: 0,
  reused: 0,
  digests: {},
  sources: [],
}

t.test('the text has the rates of the download alone, or of the sharing alone', async t => {
  const reporter = new TextReporter({})
  const none = { downloaded: 0, uploaded: 0, ratio: 0 }
  t.strictSame(
    lines(t, () => {
      reporter.reportDone(outcome)
      reporter.reportDone({ ...outcome, ...none })
      reporter.reportShared(outcome)
    }),
    [
      '4 MiB verified in 4s, 1 MiB/s; 2 MiB uploaded, ratio 0.50',
      '4 MiB verified in 4s',
      '2 MiB uploaded in 20s, 102 KiB/s, ratio 0.50',
    ],
  )
  const quiet = new TextReporter({ quiet: true })
  t.strictSame(
    lines(t, () => {
      quiet.reportDone(outcome)
      quiet.reportShared(outcome)
    }),
    [],
  )
})

t.test('the text reports a stall once, and names a source once', async t => {
  const reports: string[] = []
  const lines = {
    label: 'x',
    showsDetail: true,
    show() {},
    say: (line: string) => reports.push(line),
    close() {},
  }
  const reporter = new TextReporter({}, lines)
  reporter.reportStall('ERR_STALLED', 'no peers')
  reporter.reportProgress({
    ...{ verified: 0, total: 1, peers: 0, webSeeds: 0, downSpeed: 0, upSpeed: 0, eta: null },
    bottleneck: { short: 'no peers', sentence: 'no peers are known' },
  } as unknown as Progress)
  reporter.reportStall('ERR_STALLED', 'no peers')
  reporter.reportError('ERR_METAINFO', 'x: not a torrent')
  t.strictSame(reports, ['tsdl: x: stalled: no peers', 'tsdl: x: not a torrent'])
})

t.test('JSON has the event `done` for a download and for a seed', async t => {
  const reporter = new JsonReporter()
  const [done, shared] = lines(t, () => {
    reporter.reportDone(outcome)
    reporter.reportShared(outcome)
  })
  for (const line of [done, shared]) t.match(JSON.parse(line!), { event: 'done', ...outcome })
})
