import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmod, readdir, readFile, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import t from 'tap'
import { offer, type RunOptions, tsdl } from '../helpers/cli.ts'

interface Daemon {
  /** Resolves with the next event of this name that was not returned before. */
  // biome-ignore lint/suspicious/noExplicitAny: tests read any field of an event
  event(name: string): Promise<any>
  readonly child: ChildProcess
  /** Ends the daemon with a signal. Resolves with its exit code. */
  end(signal?: NodeJS.Signals): Promise<number | null>
}

interface Test {
  teardown(call: () => unknown): unknown
}

/** Starts a daemon, which is killed at the end of the test if it still runs. */
async function start(t: Test, args: readonly string[], options: RunOptions = {}): Promise<Daemon> {
  // biome-ignore lint/suspicious/noExplicitAny: tests read any field of an event
  const events: any[] = []
  let wake = () => {}
  let child: ChildProcess | undefined
  const ended = tsdl(['daemon', '--json', '--http', '127.0.0.1:0', '--bind', '127.0.0.1', ...args], {
    ...options,
    started: process => {
      child = process
    },
  })
  createInterface({ input: child!.stderr! }).on('line', line => {
    events.push(JSON.parse(line))
    wake()
  })
  void ended.then(() => wake())
  t.teardown(() => {
    child!.kill('SIGKILL')
    return ended
  })
  return {
    child: child!,
    async event(name) {
      for (;;) {
        const at = events.findIndex(({ event }) => event === name)
        if (at >= 0) return events.splice(at, 1)[0]
        if (child!.exitCode !== null) throw new Error(`no ${name}: ${JSON.stringify(events)}`)
        await new Promise<void>(resolve => {
          wake = resolve
        })
      }
    },
    async end(signal = 'SIGTERM') {
      child!.kill(signal)
      return (await ended).code
    },
  }
}

// tap removes the directory of a test before it runs the teardowns that were registered after `testdir`, and skips them
// if the removal fails. A daemon would still write to the directory then. After one earlier teardown, all of them run
// before it.
t.beforeEach(t => t.teardown(() => {}))

t.test('torrents continue after SIGTERM and after SIGKILL, and are completed once', async t => {
  const dir = t.testdir()
  const peers = await offer(t)
  const args = ['--state', join(dir, 'state'), '-o', join(dir, 'out')]
  const first = await start(t, [...args, '--peer', peers.peer, peers.path])
  t.match(await first.event('added'), { name: 'content.bin', id: 1 })
  await first.event('completed')
  t.strictSame(await readFile(join(dir, 'out', 'content.bin')), peers.bytes)
  t.equal(await first.end('SIGKILL'), null)
  const second = await start(t, args)
  t.match(await second.event('ready'), { torrents: 1 })
  t.equal(await second.end(), 143)
  const third = await start(t, [...args, peers.path])
  t.match(await third.event('ready'), { torrents: 1 })
  t.equal(await third.end('SIGINT'), 130)
})

t.test('a second daemon on a state directory is refused', async t => {
  const dir = t.testdir()
  const first = await start(t, ['--state', dir])
  await first.event('ready')
  const second = await tsdl(['daemon', '--state', dir, '--http', '127.0.0.1:0'])
  t.equal(second.code, 4)
  t.match(second.stderr, /another session uses this state directory/)
  await first.end()
  const third = await start(t, ['--state', dir])
  await third.event('ready')
})

t.test('files and links in a watch directory are added when they are completely written', async t => {
  const dir = t.testdir({ watch: {} })
  const peers = await offer(t)
  const daemon = await start(t, [
    '--state',
    join(dir, 's'),
    '-o',
    join(dir, 'o'),
    '--watch',
    join(dir, 'watch'),
    '--token',
    'secret',
  ])
  t.notMatch(await daemon.event('ready'), { url: /secret/ }, 'logs have no token')
  const path = join(dir, 'watch', 'a.torrent')
  await writeFile(path, peers.torrent.subarray(0, 100))
  await writeFile(join(dir, 'watch', 'ignored.txt'), 'x')
  await writeFile(join(dir, 'watch', 'b.magnet'), `magnet:?xt=urn:btih:${'7'.repeat(40)}\n`)
  t.match(await daemon.event('added'), { infoHash: '7'.repeat(40) })
  await writeFile(path, peers.torrent)
  t.match(await daemon.event('added'), { name: 'content.bin' })
  daemon.child.kill('SIGHUP') // a reload includes a scan of the watch directory
  await daemon.event('reloaded')
  t.strictSame((await readdir(join(dir, 'watch'))).sort(), [
    'a.torrent.added',
    'b.magnet.added',
    'ignored.txt',
  ])
})

t.test('a hook gets the event in its environment, and no shell interprets it', async t => {
  const dir = t.testdir({
    hook: '#!/bin/sh\nprintf "%s %s|" "$TSDL_EVENT" "$TSDL_NAME" >> "$LOG"\n',
    cwd: {},
  })
  const peers = await offer(t, { name: '$(touch hacked);"\'x' })
  await chmod(join(dir, 'hook'), 0o755)
  const daemon = await start(
    t,
    [
      '--state',
      join(dir, 's'),
      '-o',
      join(dir, 'o'),
      '--hook',
      join(dir, 'hook'),
      '--peer',
      peers.peer,
      peers.path,
    ],
    { env: { LOG: join(dir, 'log') }, cwd: join(dir, 'cwd') },
  )
  await daemon.event('completed')
  await daemon.end()
  const log = (await readFile(join(dir, 'log'), 'utf8')).split('|').sort()
  t.strictSame(log, ['', 'added $(touch hacked);"\'x', 'completed $(touch hacked);"\'x'])
  t.strictSame(await readdir(join(dir, 'cwd')), [])
})

t.test('SIGHUP reads the configuration again', async t => {
  const dir = t.testdir({ 'config.toml': '[daemon]\nmax-downloads = 2\n' })
  const state = join(dir, 's')
  const daemon = await start(t, ['--state', state], { env: { TSDL_CONFIG: join(dir, 'config.toml') } })
  await daemon.event('ready')
  const read = async () => JSON.parse((await readFile(join(state, 'session.json'), 'utf8')).split('\n')[0]!)
  t.strictSame((await read()).settings.downloadQueue, { enabled: true, value: 2 })
  await writeFile(join(dir, 'config.toml'), '[daemon]\nmax-downloads = 3\n')
  daemon.child.kill('SIGHUP')
  await daemon.event('reloaded')
  t.strictSame((await read()).settings.downloadQueue, { enabled: true, value: 3 })
  await writeFile(join(dir, 'config.toml'), '[daemon]\nmax-downloads = "many"\n')
  daemon.child.kill('SIGHUP')
  t.match(await daemon.event('warning'), { message: /max-downloads/ })
  t.equal(await daemon.end(), 143)
})

t.test(
  'the daemon takes a socket from a service manager, and notifies it when it is ready and when it stops',
  async t => {
    const dir = t.testdir({ bin: { 'systemd-notify': '#!/bin/sh\nshift\necho "$@" >> "$LOG"\n' }, sock: {} })
    await chmod(join(dir, 'bin', 'systemd-notify'), 0o755)
    const server: Server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as { port: number }
    const daemon = await start(t, ['--state', join(dir, 's')], {
      env: {
        ...{ NOTIFY_SOCKET: '/nowhere', LOG: join(dir, 'log'), LISTEN_FDS: '1' },
        PATH: `${join(dir, 'bin')}:${process.env.PATH}`,
      },
      descriptor: (server as unknown as { _handle: { fd: number } })._handle.fd,
    })
    server.close() // only the daemon accepts connections from now on
    t.equal((await daemon.event('ready')).url, `http://127.0.0.1:${port}/`)
    t.equal((await fetch(`http://127.0.0.1:${port}/`)).status, 200)
    await daemon.end()
    t.equal(await readFile(join(dir, 'log'), 'utf8'), 'READY=1\nSTOPPING=1\n')
  },
)

t.test('invalid arguments and state are refused', async t => {
  const dir = t.testdir({ file: 'x' })
  for (const [args, code, message] of [
    [['--state', join(dir, 'file', 'x')], 4, /cannot write/],
    [['--state', join(dir, 's'), '-o', '/elsewhere', '--root', dir], 2, /outside of/],
    [['--state', join(dir, 's'), '--webhook', 'ftp://x'], 2, /webhook/],
    [['--state', join(dir, 's'), '--http', '0.0.0.0:0'], 2, /token/],
    [['--state', join(dir, 's'), join(dir, 'file')], 2, /not a torrent/],
  ] as const) {
    const ran = await tsdl(['daemon', '--http', '127.0.0.1:0', '-o', dir, ...args])
    t.equal(ran.code, code, args.join(' '))
    t.match(ran.stderr, message)
  }
})
