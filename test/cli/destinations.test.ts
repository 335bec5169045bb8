import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  appendFileSync,
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { choose, type DestinationOptions } from '../../src/cli/destinations/choose.ts'
import { parseRange, resolveRange } from '../../src/cli/range.ts'
import { formatAddress } from '../../src/codec/compact.ts'
import { eventsOf, offer, type PeerPieces, type Ran, tsdl } from '../helpers/cli.ts'
import { makeTorrent } from '../helpers/metainfo.ts'
import { scriptedPeer } from '../helpers/scripted-peer.ts'

const MANY_FILES = { 'a.txt': 50_000, 'sub/b.bin': 20_000, 'sub/empty': 0, 'sub/c.bin': 40_001 }

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

t.test('--tar: GNU tar unpacks the chosen files, and the bytes are the same every time', async t => {
  const { path, file } = await offer(t, { files: MANY_FILES, name: 'many' })
  const all = await tsdl([path, '--tar', '--memory', '64K'])
  t.equal(all.code, 0, all.stderr)
  t.ok((await tsdl([path, '--tar'])).stdout.equals(all.stdout))
  const to = join(t.testdirName, 'to')
  mkdirSync(to)
  t.equal(spawnSync('tar', ['-xmf', '-', '-C', to], { input: all.stdout }).status, 0)
  for (const [index, name] of Object.keys(MANY_FILES).entries()) {
    t.ok(readFileSync(join(to, 'many', name)).equals(file(index)), name)
  }
  const some = await tsdl([path, '--tar', '--strip', '--file', 'sub/*', '--digest', 'sha256'])
  t.equal(some.code, 0, some.stderr)
  const { stdout } = spawnSync('tar', ['-tf', '-'], { input: some.stdout, encoding: 'utf8' })
  t.equal(stdout, 'sub/b.bin\nsub/empty\nsub/c.bin\n')
  t.match(some.stderr, `${sha256(file(1))}  many/sub/b.bin`)
  t.match(some.stderr, `${sha256(Buffer.alloc(0))}  many/sub/empty`)
})

t.test('--range: only these bytes are written and only their pieces downloaded', async t => {
  const { path, file, metainfo } = await offer(t, { files: MANY_FILES, name: 'many' })
  const index = 3
  const { length } = metainfo.files[index]!
  const cases: [range: string, start: number, end: number][] = [
    ['100-16500', 100, 16_501],
    ['40000-', 40_000, length],
    ['-17', length - 17, length],
  ]
  for (const [range, start, end] of cases) {
    const run = await tsdl([path, '--file', 'c.bin', '--range', range, '--json', '--digest', 'sha256'])
    t.equal(run.code, 0, run.stderr)
    const right = file(index).subarray(start, end)
    t.ok(run.stdout.equals(right), range)
    const done = eventsOf(run).at(-1)
    const { offset } = metainfo.files[index]!
    const pieces = Math.floor((offset + end - 1) / 16_384) - Math.floor((offset + start) / 16_384) + 1
    t.ok(done.downloaded <= pieces * 16_384, `${done.downloaded} bytes for ${range}`)
    t.same(done.digests, { 'many/sub/c.bin': sha256(right) })
  }
})

t.test('a range has the syntax and meaning of HTTP', async t => {
  const of = (range: string) => resolveRange(parseRange(range), 1000, 'a')
  t.same(of('0-0'), { start: 0, end: 1 })
  t.same(of('999-5000'), { start: 999, end: 1000 })
  t.same(of('-5000'), { start: 0, end: 1000 })
  t.same(of('10-'), { start: 10, end: 1000 })
  for (const beyond of ['1000-', '1000-2000', '-0']) {
    t.throws(() => of(beyond), {
      code: 'ERR_USAGE',
      message: `--range ${beyond}: a has 1000 bytes, none of them in this range`,
    })
  }
  for (const wrong of ['5-2', 'a-b', '-', '', '1-2,4-5', '1', '99999999999999999999-']) {
    t.throws(() => of(wrong), { code: 'ERR_USAGE', message: `not a range: ${JSON.stringify(wrong)}` })
  }
})

t.test('invalid combinations of options are rejected before the download begins', async t => {
  const { path, metainfo } = await offer(t, { trackers: [['http://127.0.0.1:1/announce']] })
  const range = parseRange('0-1')
  const refused: [options: DestinationOptions, message: RegExp][] = [
    [{ tar: true, range }, /--tar and --range exclude each other/],
    [{ tar: true, continueAt: 'x' }, /--tar and -C exclude/],
    [{ range, continueAt: 'x' }, /--range and -C exclude/],
    [{ tar: true, output: 'dir' }, /--tar writes to standard output, not to a directory: remove -o dir/],
    [{ continueAt: 'x', output: 'dir' }, /-C writes to standard output/],
    [{ strip: true }, /--strip needs --tar/],
    [{ file: ['*.nothing'] }, /no file matches/],
  ]
  for (const [options, message] of refused) await t.rejects(choose(metainfo, options), { message })
  const processes: [args: string[], message: RegExp][] = [
    [['--range', '300000-'], /--range 300000-: content.bin has 300000 bytes, none of them/],
    [['--tar', '--range', '0-1'], /--tar and --range exclude each other/],
    [['--digest', 'md5'], /sha256/],
    [['--file', '*.nothing'], /no file matches .*; the files are:\n {2}0 {2}content.bin/],
  ]
  for (const [args, message] of processes) {
    const { code, stdout, stderr } = await tsdl([path, ...args])
    t.strictSame([code, stdout.length], [2, 0], args.join(' '))
    t.match(stderr, message)
  }
})

/** Runs `tsdl SOURCE -C out >> out` with the existing `out`. */
async function continued(t: Test, { path }: PeerPieces, out: string, ...args: string[]): Promise<Ran> {
  const fd = openSync(out, 'a')
  t.teardown(() => closeSync(fd))
  return tsdl([path, '-C', out, ...args], { stdout: fd })
}

t.test('-C continues at any byte and reports it, also after another interruption', async t => {
  const made = await offer(t)
  const out = join(t.testdirName, 'out')
  writeFileSync(out, '')
  for (const size of [0, 16_384, 40_000, 300_000]) {
    truncateSync(out, 0)
    appendFileSync(out, made.bytes.subarray(0, size))
    const run = await continued(t, made, out, '--json', '--digest', 'sha256')
    t.equal(run.code, 0, run.stderr)
    t.ok(readFileSync(out).equals(made.bytes), `from ${size}`)
    t.match(
      eventsOf(run).find(({ event }) => event === 'resumed'),
      { path: out, offset: size },
    )
    const { digests, downloaded } = eventsOf(run).at(-1)
    t.same(digests, { 'content.bin': sha256(made.bytes) }, 'of all of it, not of what was fetched')
    t.ok(downloaded <= 300_000 - size + 16_384)
  }
})

t.test('-C in the middle of a torrent: pieces shared with other files are compared', async t => {
  const made = await offer(t, { files: MANY_FILES, name: 'many' })
  const out = join(t.testdirName, 'out')
  for (const [index, name] of ['a.txt', 'sub/b.bin', undefined, 'sub/c.bin'].entries()) {
    if (!name) continue
    const whole = made.file(index)
    for (const size of [7, whole.length - 1]) {
      writeFileSync(out, whole.subarray(0, size))
      const { code, stderr } = await continued(t, made, out, '--file', name)
      t.equal(code, 0, stderr)
      t.ok(readFileSync(out).equals(whole), `${name} from ${size}`)
    }
  }
})

t.test(
  '-C does not append to a different file: exit code 4, the first wrong byte, nothing written',
  async t => {
    const made = await offer(t, { files: MANY_FILES, name: 'many' })
    const out = join(t.testdirName, 'out')
    const whole = made.file(3)
    const wrong = [5, 20_000, 39_000]
    for (const at of wrong) {
      const bytes = Buffer.from(whole.subarray(0, 39_500))
      bytes[at]! ^= 1
      writeFileSync(out, bytes)
      const { code, stderr } = await continued(t, made, out, '--file', 'c.bin')
      t.equal(code, 4, stderr)
      t.match(stderr, new RegExp(`differs from byte ${at} on. Nothing was written`))
      t.ok(readFileSync(out).equals(bytes))
    }
    writeFileSync(out, Buffer.concat([whole, Buffer.from('more')]))
    const { code, stderr } = await continued(t, made, out, '--file', 'c.bin')
    t.equal(code, 4, stderr)
    t.match(stderr, `differs from byte ${whole.length} on`)
  },
)

t.test(
  '--digest prints the digest of each file in the format of sha256sum, also with a directory',
  async t => {
    const { path, file } = await offer(t, { files: MANY_FILES, name: 'many' })
    const dir = join(t.testdirName, 'dir')
    const { code, stderr } = await tsdl([path, '-o', dir, '-q', '--digest', 'sha256'])
    t.equal(code, 0, stderr)
    const right = Object.keys(MANY_FILES).map((name, index) => `${sha256(file(index))}  many/${name}\n`)
    t.equal(stderr, right.join(''))
  },
)

t.test('done names the sources of each file and their bytes', async t => {
  const { path, peer } = await offer(t, { files: MANY_FILES, name: 'many' })
  const run = await tsdl([path, '-o', join(t.testdirName, 'dir'), '--json'])
  const filled = Object.entries(MANY_FILES).filter(([, length]) => length > 0)
  t.same(
    eventsOf(run).at(-1).sources,
    filled.map(([name, length]) => ({ path: `many/${name}`, from: [{ address: peer, bytes: length }] })),
  )
})

t.test(
  'peers without more pieces: exit code 3 with the number of bytes written, all of them correct',
  async t => {
    const made = makeTorrent({ files: [{ path: 'a', length: 20 * 16_384 }], pieceLength: 16_384 })
    const path = join(t.testdir(), 'half.torrent')
    writeFileSync(path, Buffer.concat([Buffer.from('d4:info'), made.info, Buffer.from('e')]))
    const { address } = await scriptedPeer(t, made, { has: index => index < 9 })
    const { code, stdout, stderr } = await tsdl([
      ...[path, '--no-tracker', '--no-listen', '--timeout', '2s'],
      ...['--peer', formatAddress(address)],
    ])
    t.equal(code, 3)
    t.ok(stdout.equals(made.content.subarray(0, 9 * 16_384)))
    t.match(
      stderr,
      /the only peer, 127\.0\.0\.1:\d+, has none of the pieces that we lack; .*; the 147456 bytes that were written are correct/,
    )
  },
)
