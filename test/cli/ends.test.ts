import type { ChildProcess } from 'node:child_process'
import { chmodSync, closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { eventsOf, offer, tsdl } from '../helpers/cli.ts'
import { peersBody, scriptedTracker } from '../helpers/tracker.ts'

t.test('SIGINT and SIGTERM send stopped to the tracker', async t => {
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    const tracker = await scriptedTracker(t, { body: peersBody([]) })
    const { path } = await offer(t, { trackers: [[tracker.url]] })
    let child: ChildProcess | undefined
    const running = tsdl([path], {
      started: process => {
        child = process
      },
    })
    await tracker.seen(1)
    child!.kill(signal)
    const ran = await running
    t.equal(ran.code, code)
    t.equal(ran.stdout.length, 0)
    t.equal(ran.stderr, '')
    t.strictSame(
      tracker.announces.map(({ event }) => event),
      ['started', 'stopped'],
    )
  }
})

t.test('a second signal exits at once', async t => {
  const tracker = await scriptedTracker(t, ({ event }) =>
    event === 'stopped' ? { hang: true } : { body: peersBody([]) },
  )
  const { path } = await offer(t, { trackers: [[tracker.url]] })
  let child: ChildProcess | undefined
  const running = tsdl([path], {
    started: process => {
      child = process
    },
  })
  await tracker.seen(1)
  child!.kill('SIGTERM')
  await tracker.seen(2) // the announce of `stopped`, which is not answered
  child!.kill('SIGTERM')
  t.equal((await running).code, 143)
})

t.test('a closed pipe ends a download with exit code 141, and nothing is printed', async t => {
  const { path } = await offer(t, { files: { '': 3_000_000 } })
  const closed = await tsdl([path], {
    started: child => child.stdout!.once('data', () => child.stdout!.destroy()),
  })
  t.match(closed, { code: 141, stderr: '' })
  const info = await tsdl(['info', path], { started: child => child.stdout!.destroy() })
  t.match(info, { code: 141, stderr: '' })
})

t.test('a closed standard error does not stop the download', async t => {
  const { path, bytes } = await offer(t)
  const { code, stdout } = await tsdl([path, '--json'], { started: child => child.stderr!.destroy() })
  t.equal(code, 0)
  t.ok(stdout.equals(bytes))
})

t.test('a full disk ends a download with exit code 4', { skip: !existsSync('/dev/full') }, async t => {
  const { path } = await offer(t)
  for (const args of [[path], ['info', path]]) {
    const full = openSync('/dev/full', 'w')
    const { code, lines } = await tsdl(args, { stdout: full })
    closeSync(full)
    t.equal(code, 4)
    t.strictSame(lines, ['tsdl: cannot write to standard output: no space left on device'])
  }
})

t.test(
  'a file in place of the output directory ends a download with exit code 4, and is unchanged',
  async t => {
    const { path } = await offer(t)
    const file = join(t.testdirName, 'file')
    writeFileSync(file, 'mine')
    const ran = await tsdl([path, '-o', file, '--json'])
    t.equal(ran.code, 4)
    t.match(eventsOf(ran).at(-1), { event: 'error', code: 'ERR_STORAGE', exit: 4, message: /file/ })
    t.equal(readFileSync(file, 'utf8'), 'mine')
  },
)

t.test(
  'an output directory without write permission ends a download with exit code 4',
  { skip: process.getuid?.() === 0 && 'root may' },
  async t => {
    const { path } = await offer(t)
    const dir = join(t.testdirName, 'theirs')
    mkdirSync(dir)
    chmodSync(dir, 0o555)
    const { code, lines } = await tsdl([path, '-o', dir])
    t.equal(code, 4)
    t.match(lines, [/^tsdl: cannot write .*permission denied/])
  },
)

t.test(
  'without a peer that has the file, a download ends after --timeout with exit code 3 and the reason',
  async t => {
    const withoutPeers = await scriptedTracker(t, { body: peersBody([]) })
    const refuses = await scriptedTracker(t, {
      body: { 'failure reason': 'not \u001b[31mhere\u202e\nat all' },
    })
    const [empty, refused] = await Promise.all(
      [withoutPeers, refuses].map(async ({ url }) => {
        const { path } = await offer(t, { trackers: [[url]] })
        return tsdl([path, '--timeout', '4s'])
      }),
    )
    t.equal(empty!.code, 3)
    t.equal(empty!.stdout.length, 0)
    t.strictSame(empty!.lines, [
      `tsdl: no tracker gave us any peer (tracker ${withoutPeers.url} named none); nothing received for 4 s`,
    ])
    t.equal(refused!.code, 3)
    t.match(
      refused!.lines[0],
      /^tsdl: warning: tracker http:\/\/127\.0\.0\.1:\d+.*: not .*\[31mhere.*at all$/,
    )
    t.notMatch(refused!.lines.join(), /[\p{Cc}\u202e]/u)
  },
)
