import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { appendFile, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { tsdl } from '../helpers/cli.ts'
import { makeTorrent } from '../helpers/metainfo.ts'
import { inProject } from '../helpers/project.ts'

const PIECE_LENGTH = 65536
const CONTENT_LENGTH = 20 * PIECE_LENGTH + 77

/** A torrent of one file, and that file, in a directory of their own. */
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

t.test('--seed-time ends it by itself, SIGINT ends it with 130', async t => {
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
