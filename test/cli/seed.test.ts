import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { appendFile, cp, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { tsdl } from '../helpers/cli.ts'
import { makeTorrent } from '../helpers/metainfo.ts'
import { inProject } from '../helpers/project.ts'

const PIECE_LENGTH = 65536
const CONTENT_LENGTH = 20 * PIECE_LENGTH + 77

/** Creates a torrent of one file, and that file, in separate directories. */
async function setup(t: Test) {
  const made = makeTorrent({
    files: [{ path: 'odd.bin', length: CONTENT_LENGTH }],
    pieceLength: PIECE_LENGTH,
  })
  const dir = await mkdtemp(join(tmpdir(), 'tsdl-seed-'))
  t.teardown(() => rm(dir, { recursive: true, force: true }))
  const torrent = join(dir, 'x.torrent')
  const content = join(dir, 'odd.bin')
  await writeFile(torrent, Buffer.concat([Buffer.from('d4:info'), made.info, Buffer.from('e')]))
  await writeFile(content, made.content)
  return { dir, torrent, content, bytes: Buffer.from(made.content) }
}

/** Runs `tsdl seed` until the test ends; resolves once it listens. */
function seeding(t: Test, args: string[], state: string) {
  let child: ChildProcess | undefined
  t.teardown(() => child?.kill('SIGKILL'))
  return new Promise<{ address: string; events: Record<string, unknown>[]; child: ChildProcess }>(
    (resolve, reject) => {
      const events: Record<string, unknown>[] = []
      const cli = inProject('dist/cli.js')
      child = spawn(process.execPath, [cli, 'seed', ...args, '--bind', '127.0.0.1', '--json'], {
        env: { PATH: process.env.PATH, XDG_STATE_HOME: state },
        stdio: ['ignore', 'ignore', 'pipe'],
      })
      let text = ''
      child.stderr!.on('data', chunk => {
        text += chunk
        const lines = text.split('\n')
        text = lines.pop()!
        for (const line of lines) {
          const event = JSON.parse(line)
          events.push(event)
          if (event.event === 'listening') resolve({ address: event.address, events, child: child! })
        }
      })
      child.on('close', code => reject(new Error(`ended with ${code}: ${JSON.stringify(events)}`)))
    },
  )
}

t.test('seeded files can be downloaded to a directory and to standard output', async t => {
  const { dir, torrent, content, bytes } = await setup(t)
  const { address, events } = await seeding(t, [torrent, content, '-v'], dir)
  const piped = await tsdl([torrent, '--peer', address, '--no-listen', '--bind', '127.0.0.2'])
  t.equal(piped.code, 0, piped.stderr)
  t.ok(piped.stdout.equals(bytes))
  t.ok(
    events.some(({ address }) => /^127\.0\.0\.2:/.test(String(address))),
    'it dialled from where it was bound to',
  )
  const out = join(dir, 'out')
  const stored = await tsdl([torrent, '--peer', address, '--bind', '127.0.0.1', '-o', out])
  t.equal(stored.code, 0, stored.stderr)
  t.ok((await readFile(join(out, 'odd.bin'))).equals(bytes))
})

t.test('only correct pieces are shared, with a warning', async t => {
  const { dir, torrent, content } = await setup(t)
  await truncate(content, CONTENT_LENGTH - 2 * PIECE_LENGTH)
  const { address, events } = await seeding(t, [torrent, content], dir)
  t.match(
    events.find(({ event }) => event === 'warning'),
    { message: /3 of 21 pieces are missing or wrong/ },
  )
  const { code, stderr } = await tsdl([torrent, '--peer', address, '--no-listen', '--timeout', '3s'])
  t.equal(code, 3)
  t.match(stderr, /the only peer, 127\.0\.0\.1:\d+, has none of the pieces that we lack/)
})

t.test('seed without any correct piece: exit code 5', async t => {
  const { torrent, content } = await setup(t)
  await writeFile(content, Buffer.alloc(CONTENT_LENGTH, 1))
  const { code, stderr } = await tsdl(['seed', torrent, content, '--bind', '127.0.0.1'])
  t.equal(code, 5)
  t.match(stderr, /holds no correct piece of the torrent/)
})

t.test('a port that is taken, and an address that is not ours, are usage errors', async t => {
  const { torrent, content } = await setup(t)
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const { port } = server.address() as { port: number }
  const taken = await tsdl(['seed', torrent, content, '--bind', '127.0.0.1', '--port', String(port)])
  t.equal(taken.code, 2)
  t.match(taken.stderr, new RegExp(`cannot listen at 127.0.0.1:${port}: .*EADDRINUSE`))
  const named = await tsdl([torrent, '-o', '-', '--bind', 'localhost'])
  t.equal(named.code, 2)
  t.match(named.stderr, /--bind: expected an IP address/)
  const foreign = await tsdl([torrent, '-o', '-', '--bind', '192.0.2.1'])
  t.equal(foreign.code, 2)
  t.match(foreign.stderr, /cannot listen at 192.0.2.1:0/)
})

t.test('--seed-time ends a seed with 0, and SIGINT ends it with 130', async t => {
  const { dir, torrent, content } = await setup(t)
  const timed = await tsdl(['seed', torrent, content, '--bind', '127.0.0.1', '--seed-time', '100ms'])
  t.equal(timed.code, 0, timed.stderr)
  t.match(timed.stderr, /^0 B uploaded in \d.*, 0 B\/s, ratio 0\.00$/m)
  const { address, child, events } = await seeding(t, [torrent, content], dir)
  t.equal((await tsdl([torrent, '--peer', address, '--no-listen', '-q'])).code, 0)
  const ended = new Promise(resolve => child.on('close', resolve))
  child.kill('SIGINT')
  t.equal(await ended, 130)
  t.match(events.at(-1), { event: 'done', uploaded: CONTENT_LENGTH, ratio: 1 }, 'it tells what it uploaded')
})

t.test('a resume record does not hide a changed file', async t => {
  const { torrent, content } = await setup(t)
  const start = async () => {
    const { code, stderr } = await tsdl([
      'seed',
      torrent,
      content,
      '--bind',
      '127.0.0.1',
      '--seed-time',
      '1ms',
      '-v',
    ])
    return { code, stderr }
  }
  t.equal((await start()).code, 0)
  t.equal((await start()).code, 0)
  await appendFile(content, 'x')
  await truncate(content, CONTENT_LENGTH)
  t.equal((await start()).code, 0)
  const changed = await readFile(content)
  changed[5 * PIECE_LENGTH]! ^= 1
  await writeFile(content, changed)
  t.match((await start()).stderr, /1 of 21 pieces are missing or wrong/)
})

t.test('invalid rates and ratios are rejected', async t => {
  for (const args of [
    ['--up', '0'],
    ['--up', 'fast'],
    ['--seed-ratio', '-1'],
    ['--seed-ratio', 'all'],
    ['--seed-time', 'soon'],
    ['--port', '65536'],
  ]) {
    const { code, stderr } = await tsdl(['seed', 'x.torrent', '.', ...args])
    t.equal(code, 2, args.join(' '))
    t.match(stderr, args[0])
  }
})

t.test('--page shows the torrent on a page of this machine', async t => {
  const { dir, torrent, content } = await setup(t)
  const { events } = await seeding(t, [torrent, content, '--page'], dir)
  const { url } = events.find(({ event }) => event === 'serving') as unknown as { url: string }
  t.equal(new URL(url).hostname, '127.0.0.1')
  t.match(await (await fetch(url)).text(), 'page/page.js')
  t.equal((await fetch(new URL('page/page.js', url))).status, 200)
  const { torrents } = await (await fetch(new URL('page/state?topic=list', url))).json()
  t.match(Object.values(torrents), [{ name: 'odd.bin', status: 'seeding' }])
  t.equal((await fetch(new URL('page/actions/stop', url), { method: 'POST', body: '{}' })).status, 404)
})

t.test(
  '--page serves files that are verified, rejects others with the reason, and downloads nothing',
  async t => {
    const [whole, damaged] = [randomBytes(3 * 16_384), randomBytes(4 * 16_384)]
    const dir = t.testdir({ d: { 'a.bin': whole, 'b.bin': damaged, sub: { 'c.txt': 'text' } }, right: {} })
    const torrent = join(dir, 'x.torrent')
    const made = await tsdl(['create', join(dir, 'd'), '-o', torrent, '--piece-length', '16K', '-q'])
    t.equal(made.code, 0, made.stderr)
    // a peer has all of it
    await cp(join(dir, 'd'), join(dir, 'right', 'd'), { recursive: true })
    const other = await seeding(t, [torrent, join(dir, 'right', 'd')], dir)
    const path = join(dir, 'd', 'b.bin')
    const wrong = Buffer.from(damaged).fill(1, 20_000, 20_100)
    await writeFile(path, wrong)
    const { events } = await seeding(t, [torrent, join(dir, 'd'), '--page', '--peer', other.address], dir)
    const { url } = events.find(({ event }) => event === 'serving') as unknown as { url: string }
    const state = async (topic: string) => (await fetch(new URL(`page/state?topic=${topic}`, url))).json()
    const { torrents } = await state('list')
    const [hash] = Object.keys(torrents) as [string]
    const read = async (name: string, init: RequestInit = {}) => {
      const response = await fetch(new URL(`${hash}/d/${name}`, url), init)
      return { status: response.status, body: Buffer.from(await response.arrayBuffer()) }
    }
    const range = (bytes: string) => ({ headers: { range: `bytes=${bytes}` } })
    t.strictSame(await read('a.bin'), { status: 200, body: whole })
    t.strictSame(await read('a.bin', range('5-40000')), { status: 206, body: whole.subarray(5, 40_001) })
    t.strictSame(await read('b.bin', range('0-16383')), { status: 206, body: damaged.subarray(0, 16_384) })
    const reason = /d\/b\.bin: 1 of 4 pieces are missing or wrong on disk/
    for (const init of [{}, range('0-'), range('19000-19001'), range('0-9,16384-16385')]) {
      const { body, status } = await read('b.bin', init)
      t.equal(status, 409)
      t.match(body.toString(), reason)
    }
    t.equal((await read('b.bin', { method: 'HEAD' })).status, 409)
    const archive = await read('?tar')
    t.equal(archive.status, 409)
    t.match(archive.body.toString(), reason)
    const part = await read('sub/?tar')
    t.equal(part.status, 200)
    t.ok(part.body.includes('text'))
    t.match(torrents[hash], { isReadable: true, wanted: 7 * 16_384 + 4, verified: 6 * 16_384 + 4 })
    const { files } = await state(`files:${hash}`)
    t.strictSame(
      Object.values(files).map(file => (file as { isStored?: true }).isStored),
      [true, undefined, true],
    )
    // a piece that is lost later is refused too
    await writeFile(join(dir, 'd', 'a.bin'), Buffer.from(whole).fill(1, 0, 9))
    // it is checked again after a second
    while ((await read('a.bin')).status !== 409) await new Promise(resolve => setTimeout(resolve, 50))
    t.ok((await readFile(path)).equals(wrong), 'the file was left alone')
    t.notMatch(await state(`peers:${hash}`), { peers: { 1: { downloaded: /[1-9]/ } } })
  },
)

for (const format of ['v2', 'hybrid']) {
  t.test(`${format}: ranges, -C, tar, single files and a resumed download get the right bytes`, async t => {
    const large = randomBytes(300_001)
    const small = randomBytes(70_000)
    const dir = t.testdir({ d: { large, copy: large, small, empty: '' } })
    const torrent = join(dir, 'x.torrent')
    const made = await tsdl(['create', join(dir, 'd'), '-o', torrent, '--format', format, '-q'])
    t.equal(made.code, 0, made.stderr)
    const { address } = await seeding(t, [torrent, join(dir, 'd')], dir)
    const fetch = async (...args: string[]) => {
      const { code, stderr, stdout } = await tsdl([torrent, ...args, '--peer', address, '-q'])
      t.equal(code, 0, `${args.join(' ')}: ${stderr}`)
      return stdout
    }
    t.ok((await fetch('--file', 'small')).equals(small))
    const range = ['--range', '100000-220000']
    t.ok((await fetch('--file', 'large', ...range)).equals(large.subarray(100_000, 220_001)))
    const begun = join(dir, 'begun')
    await writeFile(begun, large.subarray(0, 123_456))
    t.ok((await fetch('--file', 'large', '-C', begun)).equals(large.subarray(123_456)))
    const tar = await fetch('--tar')
    t.ok(tar.includes(large) && tar.includes(small))
    const out = join(dir, 'out')
    await fetch('-o', out, '--file', 'small')
    await fetch('-o', out)
    for (const [name, bytes] of Object.entries({ large, copy: large, small })) {
      t.ok((await readFile(join(out, 'd', name))).equals(bytes), name)
    }
    await rm(join(out, 'd', 'copy'))
    const again = await tsdl([torrent, '-o', out, '-q'])
    t.equal(again.code, 0, 'the missing file is copied from an equal one, without a peer')
    t.ok((await readFile(join(out, 'd', 'copy'))).equals(large))
  })
}
