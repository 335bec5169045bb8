import type { ChildProcess } from 'node:child_process'
import * as fs from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { eventsOf, offer, tsdl } from '../helpers/cli.ts'
import { pollUntil } from '../helpers/counterparts/poll-until.ts'
import { flipByte, nextTick } from '../helpers/other-program.ts'

const PIECE_LENGTH = 65_536
const CONTENT_LENGTH = 12 * PIECE_LENGTH

/** Downloads slowly, and calls `change` with the path of the files between two pieces. */
async function disturbed(t: Test, change: (out: string) => unknown) {
  const files = { a: CONTENT_LENGTH / 2, b: CONTENT_LENGTH / 2 }
  const { path, bytes, file } = await offer(t, { name: 'd', files, pieceLength: PIECE_LENGTH })
  const out = join(t.testdirName, 'out')
  const running = tsdl([path, '-o', out, '--down', '300K', '--sequential', '--json'])
  const written = (): Buffer => {
    try {
      return fs.readFileSync(join(out, 'd/a'))
    } catch {
      return Buffer.alloc(0)
    }
  }
  const enough = file(0).subarray(0, 2 * PIECE_LENGTH)
  await pollUntil(() => written().subarray(0, enough.length).equals(enough))
  await nextTick(t.testdirName)
  await change(join(out, 'd'))
  const ran = await running
  const right = () =>
    fs.readFileSync(join(out, 'd/a')).equals(file(0)) && fs.readFileSync(join(out, 'd/b')).equals(file(1))
  return { ...ran, events: eventsOf(ran), right, out, path, bytes }
}

const changes: Record<string, (dir: string) => unknown> = {
  'a byte changed': dir => flipByte(join(dir, 'a'), 100),
  'a file truncated': dir => fs.truncateSync(join(dir, 'a'), 100),
  'a file overwritten': dir => fs.writeFileSync(join(dir, 'a'), 'mine'),
  'a file removed': dir => fs.unlinkSync(join(dir, 'a')),
  'the directory removed': dir => fs.rmSync(dir, { recursive: true }),
}

for (const [what, change] of Object.entries(changes)) {
  t.test(`${what} while it is downloaded: exit code 0 only with all bytes`, async t => {
    const { code, events, right } = await disturbed(t, change)
    t.equal(code, 0)
    t.ok(right())
    t.match(
      events.find(({ event }) => event === 'warning'),
      { code: 'ERR_CHANGED', message: /^d\/[ab] was changed by another program/ },
    )
  })
}

t.test(
  'a file replaced by a symbolic link while it is downloaded: exit code 4, and its target is unchanged',
  async t => {
    const { code, events, out } = await disturbed(t, dir => {
      fs.writeFileSync(join(dir, '..', 'theirs'), 'theirs')
      fs.unlinkSync(join(dir, 'a'))
      fs.symlinkSync('../theirs', join(dir, 'a'))
    })
    t.equal(code, 4)
    t.match(events.at(-1), { event: 'error', exit: 4, message: /d\/a: it is a symbolic link/ })
    t.equal(fs.readFileSync(join(out, 'theirs'), 'utf8'), 'theirs')
  },
)

t.test(
  'an output directory removed during a download: exit code 0 with all bytes, or 4 with the name of a file',
  async t => {
    const { code, events, right } = await disturbed(t, dir => fs.rmSync(join(dir, '..'), { recursive: true }))
    if (code === 0) t.ok(right())
    else t.match([code, events.at(-1)], [4, { message: /out\/d\// }])
  },
)

t.test('a file changed while it is shared is named, and the exit code is 4', async t => {
  const { path } = await offer(t, {
    name: 'd',
    files: { a: PIECE_LENGTH, b: PIECE_LENGTH },
    pieceLength: PIECE_LENGTH,
  })
  const out = join(t.testdirName, 'out')
  let child: ChildProcess | undefined
  const running = tsdl([path, '-o', out, '--seed-time', '2s', '--json'], {
    started: process => {
      child = process
    },
  })
  await new Promise<void>(resolve => {
    child!.stderr!.on('data', () => {
      if (fs.existsSync(join(out, 'd/b')) && fs.statSync(join(out, 'd/b')).size === PIECE_LENGTH) resolve()
    })
  })
  await nextTick(t.testdirName)
  fs.writeFileSync(join(out, 'd/a'), 'mine')
  const ran = await running
  t.equal(ran.code, 4)
  t.match(eventsOf(ran).at(-1), { event: 'error', code: 'ERR_CHANGED', message: /^d\/a was changed/ })
})

t.test('an unwanted neighbour that cannot be read does not end the run', async t => {
  const { path, file } = await offer(t, { name: 'd', files: { a: 20_000, b: 20_000 } })
  const out = join(t.testdirName, 'out')
  fs.mkdirSync(join(out, 'd/b'), { recursive: true })
  const { code, stderr } = await tsdl([path, '-o', out, '--file', 'a'])
  t.equal(code, 0, stderr)
  t.ok(fs.readFileSync(join(out, 'd/a')).equals(file(0)))
  t.same(fs.readdirSync(join(out, 'd/b')), [])
})
