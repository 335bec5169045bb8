import { chmod, readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { join } from 'node:path'
import t from 'tap'
import { CommandHook } from '../../src/session/hooks/command-hook.ts'
import type { Hook, HookEvent } from '../../src/session/hooks/hook-event.ts'
import { SessionHooks } from '../../src/session/hooks/session-hooks.ts'
import { Webhook } from '../../src/session/hooks/webhook.ts'
import { openSession, smallTorrent } from '../helpers/session.ts'
import { VirtualClock, waitUntil } from '../helpers/virtual-clock.ts'

const event: HookEvent = {
  ...{ event: 'completed', time: 5, id: 1, infoHash: 'ab'.repeat(20), name: '$(x)\n"; \'', directory: '/d' },
  ...{ labels: ['a', 'b'], category: '', size: 3, downloaded: 2, uploaded: 1 },
}
const never = new AbortController().signal

t.test('a session runs its hooks for added, completed, removed and failed torrents', async t => {
  const { session, disk } = await openSession(t)
  const events: HookEvent[] = []
  const hook: Hook = {
    deliver: async given => {
      events.push(given)
    },
  }
  const hooks = new SessionHooks(session, [hook], { now: () => 7 })
  const made = smallTorrent('a')
  await disk.writeFile('/home/a', made.content)
  const torrent = await session.add(made.metainfo, { labels: ['x'] })
  await new Promise<void>(resolve => session.once('completed', () => resolve()))
  await session.remove(torrent)
  await disk.writeFile('/file', 'x')
  await session.add(smallTorrent('b').metainfo, { directory: '/file' })
  await new Promise<void>(resolve => session.once('failed', () => resolve()))
  await hooks.close()
  t.match(events, [
    { event: 'added', name: 'a', time: 7, labels: ['x'], directory: '/home', size: 100_000 },
    { event: 'completed', name: 'a' },
    { event: 'removed', name: 'a' },
    { event: 'added', name: 'b' },
    { event: 'error', name: 'b', error: /\/file/ },
  ])
  await session.add(smallTorrent('c', 3).metainfo, { start: false })
  t.equal(events.length, 5, 'nothing after close')
})

t.test('a hook that fails is a warning, and the others go on', async t => {
  const { session } = await openSession(t)
  let delivered = 0
  const hooks = new SessionHooks(session, [
    { deliver: () => Promise.reject(new Error('no')) },
    {
      deliver: async () => {
        delivered++
      },
    },
  ])
  const warnings: string[] = []
  hooks.on('warning', ({ message }) => warnings.push(message))
  await session.add(smallTorrent('a').metainfo, { start: false })
  await hooks.close()
  t.equal(delivered, 1)
  t.strictSame(warnings, ['no'])
})

t.test('a command gets the event in its environment', async t => {
  const dir = t.testdir({ hook: '#!/bin/sh\nenv -0 > "$OUT"\necho noise\n' })
  await chmod(join(dir, 'hook'), 0o755)
  const secrets = { TSDL_TOKEN: 'secret', TSDL_DAEMON_PASSWORD: 'secret' }
  const environment = { OUT: join(dir, 'out'), PATH: process.env.PATH, ...secrets }
  await new CommandHook(join(dir, 'hook'), { environment }).deliver(event, never)
  const variables = (await readFile(join(dir, 'out'), 'utf8'))
    .split('\0')
    .filter(line => line.startsWith('TSDL_'))
  t.strictSame(variables.sort(), [
    'TSDL_CATEGORY=',
    'TSDL_DIRECTORY=/d',
    'TSDL_DOWNLOADED=2',
    'TSDL_EVENT=completed',
    'TSDL_ID=1',
    `TSDL_INFO_HASH=${'ab'.repeat(20)}`,
    'TSDL_LABELS=a,b',
    'TSDL_NAME=$(x)\n"; \'',
    'TSDL_SIZE=3',
    'TSDL_TIME=5',
    'TSDL_UPLOADED=1',
  ])
})

t.test('a command that fails, is missing, or does not end is a StorageError', async t => {
  const dir = t.testdir({
    fails: '#!/bin/sh\nexit 3\n',
    hangs: '#!/bin/sh\ntrap "" TERM\necho $$ > "$OUT"\nwhile :; do sleep 0.05; done\n',
  })
  for (const name of ['fails', 'hangs']) await chmod(join(dir, name), 0o755)
  const failing = { code: 'ERR_STORAGE', message: /exit code 3/ }
  await t.rejects(new CommandHook(join(dir, 'fails')).deliver(event, never), failing)
  await t.rejects(new CommandHook(join(dir, 'none')).deliver(event, never), {
    code: 'ERR_STORAGE',
    message: `the command ${join(dir, 'none')} failed: no such file or directory`,
  })
  const clock = new VirtualClock()
  const environment = { OUT: join(dir, 'out'), PATH: process.env.PATH }
  const hook = new CommandHook(join(dir, 'hangs'), { clock, environment, timeout: 1000 })
  const rejected = t.rejects(hook.deliver(event, never), { code: 'ERR_STORAGE', message: /more than 1 s/ })
  while (!(await readFile(join(dir, 'out'), 'utf8').catch(() => ''))) await new Promise(setImmediate)
  await clock.advance(1000)
  await clock.advance(5000)
  await rejected
  t.equal(clock.pending, 0)
})

t.test('a webhook is tried again after a failure that may pass', async t => {
  const statuses = [503, 429, 200]
  const bodies: string[] = []
  const server = createServer((request, response) => {
    let body = `${request.method} ${request.url} ${request.headers['content-type']} ${request.headers.authorization} `
    request.on('data', chunk => {
      body += chunk
    })
    request.on('end', () => {
      bodies.push(body)
      response.writeHead(statuses.shift()!).end()
    })
  }).listen(0, '127.0.0.1')
  t.teardown(() => server.close())
  await new Promise(resolve => server.once('listening', resolve))
  const { port } = server.address() as { port: number }
  const clock = new VirtualClock()
  let isDone = false
  const delivered = new Webhook(`http://u:p@127.0.0.1:${port}/x?y`, { clock })
    .deliver(event, never)
    .then(() => {
      isDone = true
    })
  await waitUntil(() => bodies.length === 1 && clock.pending === 1)
  await clock.advance(1000)
  await waitUntil(() => bodies.length === 2 && clock.pending === 1)
  await clock.advance(5000)
  await waitUntil(() => isDone)
  await delivered
  const sent = `POST /x?y application/json Basic dTpw ${JSON.stringify(event)}`
  t.strictSame(bodies, [sent, sent, sent])
  t.equal(clock.pending, 0)
})

t.test(
  'a webhook is given up after five tries, at once for a failure that stays, and by a signal',
  async t => {
    let requests = 0
    const clock = new VirtualClock()
    const answering = (status: number) => async () => {
      requests++
      if (status === 0) throw new Error('refused')
      return { status, headers: {}, body: { destroy() {}, async *[Symbol.asyncIterator]() {} } }
    }
    const failing = new Webhook('http://host/', { clock, http: answering(0) }).deliver(event, never)
    const rejected = t.rejects(failing, { code: 'ERR_CONNECTION', message: /refused/ })
    await clock.advance(200_000)
    await rejected
    t.equal(requests, 5)
    await t.rejects(new Webhook('http://host/', { clock, http: answering(404) }).deliver(event, never), {
      message: /HTTP status 404/,
    })
    t.equal(requests, 6)
    const abort = new AbortController()
    const given = new Webhook('http://host/', { clock, http: answering(503) }).deliver(event, abort.signal)
    await waitUntil(() => requests === 7 && clock.pending === 1)
    abort.abort()
    await t.rejects(given, { message: /HTTP status 503/ })
    t.equal(clock.pending, 0)
    for (const url of ['', 'ftp://x', 'nothing']) t.throws(() => new Webhook(url), { code: 'ERR_USAGE' })
  },
)
