import type { ChildProcess } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { eventsOf, offer, tsdl } from '../helpers/cli.ts'

/** Resolves with the process when it has reported progress, and so holds its locks. */
function running(args: readonly string[]) {
  let child: ChildProcess | undefined
  const ran = tsdl([...args, '--json'], {
    started: process => {
      child = process
    },
  })
  const progress = new Promise<ChildProcess>(resolve => {
    let text = ''
    child!.stderr!.on('data', chunk => {
      text += chunk
      if (text.includes('"progress"')) resolve(child!)
    })
  })
  return { ran, progress }
}

/** Arguments of a run that holds its files until it is killed. */
const holding = (path: string, out: string) => [path, '-o', out, '--seed-time', '1h']

t.test('of two torrents with one path in one directory, one is rejected with exit code 4', async t => {
  const [one, two] = [await offer(t, { files: { '': 900_000 } }), await offer(t, { files: { '': 800_000 } })]
  const out = join(t.testdirName, 'out')
  const first = running(holding(one.path, out))
  const child = await first.progress
  const refused = await tsdl([two.path, '-o', out, '--json'])
  t.equal(refused.code, 4)
  t.match(eventsOf(refused).at(-1), {
    event: 'error',
    code: 'ERR_LOCKED',
    exit: 4,
    message: `cannot write ${join(out, 'content.bin')}: "content.bin", in process ${child.pid}, writes it`,
  })
  child.kill('SIGTERM')
  t.equal((await first.ran).code, 143)
  t.ok(readFileSync(join(out, 'content.bin')).equals(one.bytes), 'the other wrote nothing')
  const after = await tsdl([two.path, '-o', out])
  t.equal(after.code, 0, after.stderr)
  t.ok(readFileSync(join(out, 'content.bin')).equals(two.bytes), 'when the first has ended it may')
})

t.test(
  'of two runs that start at the same moment one is rejected, and the other saves all bytes',
  async t => {
    const offers = [await offer(t, { files: { '': 600_000 } }), await offer(t, { files: { '': 700_000 } })]
    const out = join(t.testdirName, 'out')
    const runs = offers.map(({ path }) => running(holding(path, out)))
    const [loser, code] = await Promise.race(runs.map(async ({ ran }, at) => [at, (await ran).code] as const))
    t.equal(code, 4)
    const winner = 1 - loser!
    ;(await runs[winner]!.progress).kill('SIGTERM')
    await runs[winner]!.ran
    const after = await tsdl([offers[winner]!.path, '-o', out])
    t.equal(after.code, 0, after.stderr)
    t.ok(readFileSync(join(out, 'content.bin')).equals(offers[winner]!.bytes))
  },
)

t.test(
  'the second run of a torrent in one directory is rejected, and the message names the process of the first',
  async t => {
    const { path, bytes } = await offer(t, { files: { '': 900_000 } })
    const out = join(t.testdirName, 'out')
    const first = running(holding(path, out))
    const child = await first.progress
    const { code, stderr } = await tsdl([path, '-o', out])
    t.equal(code, 4)
    t.match(stderr, new RegExp(`in process ${child.pid}, writes it`))
    child.kill('SIGTERM')
    await first.ran
    t.ok(readFileSync(join(out, 'content.bin')).equals(bytes))
  },
)

t.test('torrents that share a directory and no file run side by side', async t => {
  const offers = [
    await offer(t, { name: 'd', files: { a: 300_000 } }),
    await offer(t, { name: 'd', files: { b: 300_000 } }),
  ]
  const out = join(t.testdirName, 'out')
  const codes = await Promise.all(
    offers.map(async ({ path }) => (await tsdl([path, '-o', out, '--down', '200K'])).code),
  )
  t.same(codes, [0, 0])
})

t.test('a run that was killed does not block the next one', async t => {
  const { path, bytes } = await offer(t, { files: { '': 900_000 } })
  const out = join(t.testdirName, 'out')
  const first = running([path, '-o', out, '--down', '300K'])
  ;(await first.progress).kill('SIGKILL')
  await first.ran
  const { code, stderr } = await tsdl([path, '-o', out])
  t.equal(code, 0, stderr)
  t.ok(readFileSync(join(out, 'content.bin')).equals(bytes))
})
