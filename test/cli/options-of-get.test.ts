import { createHash } from 'node:crypto'
import { chmodSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { parseAnswer } from '../../src/cli/ask-for-files.ts'
import { startTracker } from '../../src/cli/demo/tracker.ts'
import { credentialsOf } from '../../src/cli/netrc.ts'
import { parseAddress } from '../../src/index.ts'
import { eventsOf, offer, tsdl } from '../helpers/cli.ts'
import { NO_TMUX, Tmux } from '../helpers/tmux.ts'

const THREE_FILES = { files: { a: 20_000, 'sub/b.txt': 30_000, 'sub/c.bin': 40_000 }, name: 'three' }
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

t.test('--tracker URL announces to one more tracker; --no-tracker to none', async t => {
  const made = await offer(t, { trackers: [] })
  const tracker = await startTracker([parseAddress(made.peer)])
  t.teardown(() => tracker.close())
  const cwd = t.testdirName
  const link = `magnet:?xt=urn:btih:${made.metainfo.infoHash.toString('hex')}`
  for (const source of [made.path, link]) {
    const { code, stdout, stderr } = await tsdl([source, '--tracker', tracker.url, '--timeout', '20s'], {
      cwd,
    })
    t.equal(code, 0, stderr)
    t.ok(stdout.equals(made.bytes))
  }
  const byVariable = await tsdl([made.path, '--timeout', '20s'], { env: { TSDL_TRACKER: tracker.url } })
  t.equal(byVariable.code, 0, byVariable.stderr)
  const none = await tsdl([made.path, '--no-tracker', '--timeout', '1s'], {
    env: { TSDL_TRACKER: tracker.url },
  })
  t.equal(none.code, 3)
  const off = await tsdl([made.path, '--timeout', '1s'], { env: { TSDL_TRACKER: 'false' } })
  t.equal(off.code, 3)
  const invalid = await tsdl([made.path, '--tracker', 'ftp://x/announce'])
  t.match(invalid, { code: 2, stderr: /^tsdl: --tracker: / })
})

t.test('--exclude removes files from the selection, with and without --file', async t => {
  const made = await offer(t, THREE_FILES)
  const cwd = t.testdirName
  await tsdl([made.path, '-o', 'all', '--exclude', '*.bin'], { cwd })
  t.strictSame(readdirSync(join(cwd, 'all/three/sub')), ['b.txt'])
  t.ok(readFileSync(join(cwd, 'all/three/a')).equals(made.file(0)))
  const one = await tsdl([made.path, '--file', 'sub/*', '--exclude', '2'], { cwd })
  t.ok(one.stdout.equals(made.file(1)))
  const none = await tsdl([made.path, '-o', 'none', '--exclude', '*'], { cwd })
  t.match(none, { code: 2, stderr: /^tsdl: no file is selected; the files are:\n {2}0 {2}three\/a/ })
})

t.test('--dry-run lists what would be downloaded, and downloads nothing', async t => {
  const made = await offer(t, THREE_FILES)
  const cwd = t.testdirName
  const { code, stdout } = await tsdl([made.path, '-o', 'd', '--exclude', 'a', '--dry-run'], { cwd })
  t.equal(code, 0)
  t.equal(
    stdout.toString(),
    '     1   29.3 KiB  d/three/sub/b.txt\n     2   39.1 KiB  d/three/sub/c.bin\n2 files, 68.4 KiB\n',
  )
  t.notOk(existsSync(join(cwd, 'd')))
})

t.test('--checksum compares the digest of the only file, and a difference is exit code 4', async t => {
  const made = await offer(t, THREE_FILES)
  const cwd = t.testdirName
  const args = [made.path, '--file', 'a', '-o', 'd']
  const right = await tsdl([...args, '--checksum', `sha256:${sha256(made.file(0)).toUpperCase()}`], { cwd })
  t.equal(right.code, 0, right.stderr)
  const wrong = await tsdl([...args, '--checksum', `sha256:${'0'.repeat(64)}`, '--json'], { cwd })
  t.equal(wrong.code, 4)
  t.match(eventsOf(wrong).at(-1), { event: 'error', code: 'ERR_MISMATCH', message: sha256(made.file(0)) })
  const several = await tsdl([made.path, '-o', 'e', '--checksum', `sha256:${'0'.repeat(64)}`], { cwd })
  t.match(several, { code: 2, stderr: /3 files, but --checksum is of one/ })
  t.match(await tsdl([made.path, '--checksum', 'md5:0']), {
    code: 2,
    stderr: /^tsdl: --checksum: expected sha256:/,
  })
})

t.test('--on-complete runs a program without a shell; its failure is a warning', async t => {
  const made = await offer(t, { name: 'x $(touch y); z' })
  const cwd = t.testdirName
  const program = join(cwd, 'program')
  writeFileSync(
    program,
    '#!/bin/sh\nprintf "%s|%s|%s|%s" "$TSDL_EVENT" "$TSDL_NAME" "$TSDL_DIRECTORY" "$#" > ran\n',
  )
  chmodSync(program, 0o755)
  const { code, stderr } = await tsdl([made.path, '-o', 'd', '--on-complete', program], { cwd })
  t.equal(code, 0, stderr)
  t.equal(readFileSync(join(cwd, 'ran'), 'utf8'), `completed|x $(touch y); z|${join(cwd, 'd')}|0`)
  const failing = await tsdl([made.path, '-o', 'd', '--on-complete', 'false'], { cwd })
  t.match(failing, { code: 0, stderr: /warning: the command false failed: exit code 1/ })
})

t.test('--log appends the events of one or several sources to a file', async t => {
  const made = await offer(t)
  const cwd = t.testdirName
  const one = await tsdl([made.path, '-o', 'd', '--log', 'log'], { cwd })
  t.match(one.stderr, /^saved d\//m)
  await tsdl([made.path, made.path, '-o', 'd', '-i', '-', '--log', 'log'], { cwd, stdin: made.path })
  const events = readFileSync(join(cwd, 'log'), 'utf8')
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line).event)
  t.equal(events[0], 'metadata')
  t.ok(events.includes('done') && events.at(-1) === 'end', events.join())
  t.match(await tsdl([made.path, '--log', '/nowhere/log']), {
    code: 2,
    stderr: /^tsdl: --log: cannot write /,
  })
  const full = await tsdl([made.path, '-o', 'd', '--log', '/dev/full'], { cwd })
  t.equal(full.code, 0)
  t.strictSame(full.stderr.match(/--log: .*/g), ['--log: cannot write "/dev/full": no space left on device'])
})

t.test('--seed shares after the download until a signal', async t => {
  const made = await offer(t)
  const cwd = t.testdirName
  const ran = await tsdl([made.path, '-o', 'd', '--seed', '--json'], {
    cwd,
    started: child =>
      child.stderr!.on('data', chunk => {
        if (/"verified":300000,.*"downSpeed"/.test(chunk)) child.kill('SIGTERM')
      }),
  })
  t.equal(ran.code, 143)
  t.match(eventsOf(ran).at(-1), { event: 'interrupted', advice: 'interrupted: d/content.bin is complete' })
})

/** Serves a .torrent, and keeps the headers of requests. */
async function serveTorrent(t: Test, torrent: Buffer) {
  const requests: IncomingHttpHeaders[] = []
  const server = createServer((request, response) => {
    requests.push(request.headers)
    if (request.url === '/away.torrent') {
      const { port } = server.address() as AddressInfo
      response.writeHead(302, { Location: `http://localhost:${port}/x.torrent` }).end()
    } else response.end(torrent)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  return { requests, port: (server.address() as AddressInfo).port }
}

t.test('--header, --user-agent and .netrc apply to the server of a .torrent, and to no other', async t => {
  const { torrent } = await offer(t, { trackers: [] })
  const cwd = t.testdirName
  const { port, requests } = await serveTorrent(t, torrent)
  writeFileSync(join(cwd, 'netrc'), 'machine 127.0.0.1 login me password secret\n')
  const env = { NETRC: join(cwd, 'netrc') }
  const args = ['--header', 'X-Key: a b', '--user-agent', 'curl/8']
  const { code, stderr } = await tsdl(['info', `http://127.0.0.1:${port}/away.torrent`, ...args], {
    cwd,
    env,
  })
  t.equal(code, 0, stderr)
  const authorization = `Basic ${Buffer.from('me:secret').toString('base64')}`
  t.match(requests[0], { 'x-key': 'a b', 'user-agent': 'curl/8', authorization })
  t.notOk('x-key' in requests[1]! || 'authorization' in requests[1]!)
  t.match(requests[1], { 'user-agent': /^tsdl\// })
  const invalid = await tsdl(['info', 'x', '--header', 'secret'])
  t.match(invalid, { code: 2, stderr: /^tsdl: --header: expected a header/ })
})

t.test('.netrc gives the login of the machine, else of default, without macros and comments', async t => {
  const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`
  const text =
    '# machine c login x password y\nmachine a login u1\n password p1 account z\nmacdef init\nmachine b\n\nmachine b password p2 login u2\ndefault login d password e\n'
  t.equal(credentialsOf(text, 'a'), basic('u1:p1'))
  t.equal(credentialsOf(text, 'b'), basic('u2:p2'))
  t.equal(credentialsOf(text, 'c'), basic('d:e'))
  t.equal(credentialsOf('machine a login u', 'a'), undefined)
  t.equal(credentialsOf('', 'a'), undefined)
})

t.test('--interactive asks which files to download', { skip: NO_TMUX }, async t => {
  const made = await offer(t, THREE_FILES)
  const terminal = new Tmux(t)
  terminal.type(`tsdl ${made.path} --no-dht --no-lsd -o d --interactive`, 'Enter')
  await terminal.waitFor(/files to download, such as/)
  terminal.type('7', 'Enter')
  await terminal.waitFor(/no file matches "7"$/)
  terminal.type('0-1', 'Enter')
  await terminal.waitFor(/^saved d\/three/)
  t.strictSame(readdirSync(join(t.testdirName, 'd/three/sub')), ['b.txt'])
  // the first question has to be gone, or Ctrl-C would be typed at once
  terminal.type('clear; echo again', 'Enter')
  await terminal.waitFor(/^again/)
  terminal.type(`tsdl ${made.path} --no-dht --no-lsd -o e --interactive; echo exit $?`, 'Enter')
  await terminal.waitFor(/files to download, such as/)
  terminal.type('C-c')
  await terminal.waitFor(/^exit 130/)
  const { code, stderr } = await tsdl([made.path, '-o', 'e', '--interactive'], { cwd: t.testdirName })
  t.match({ code, stderr }, { code: 2, stderr: /^tsdl: --interactive needs a terminal/ })
})

t.test('an answer to --interactive has indices, ranges and globs', async t => {
  t.strictSame(parseAnswer(' 0, 2-4 *.mkv'), ['0', '2', '3', '4', '*.mkv'])
  t.strictSame(parseAnswer('4-2 0-99999999'), ['4-2', '0-99999999'])
  t.strictSame(parseAnswer(''), [])
})
