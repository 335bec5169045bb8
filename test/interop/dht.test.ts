import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { formatAddress, type PeerAddress } from '../../src/codec/compact.ts'
import { Dht } from '../../src/dht/dht.ts'
import { noLibtorrent } from '../helpers/counterparts/libtorrent.ts'
import { type Running, scratch, startProgram } from '../helpers/counterparts/process.ts'
import { noTransmission } from '../helpers/counterparts/transmission.ts'
import { inProject, TYPESCRIPT_FLAG } from '../helpers/project.ts'

const helper = (name: string) => inProject(`test/helpers/counterparts/${name}`)

/** Milliseconds that libtorrent may take. */
const PATIENCE_MS = 30_000

/** Resolves with the matches when the program has printed a match. Rejects if it ends or takes too long. */
async function waitForMatches(program: Running, pattern: RegExp): Promise<RegExpExecArray> {
  const deadline = Date.now() + PATIENCE_MS
  for (;;) {
    const found = pattern.exec(program.output())
    if (found) return found
    if (program.child.exitCode !== null || Date.now() > deadline)
      throw new Error(`it did not say ${pattern}, but: ${program.output()}`)
    await delay(20)
  }
}

t.test('libtorrent and tsdl find each other in one DHT', { skip: noLibtorrent }, async t => {
  const [theirs, ours] = [randomBytes(20), randomBytes(20)]
  const first = await new Dht({ bind: '127.0.0.1', bootstrap: [] }).start()
  const bootstrap = [{ host: '127.0.0.1', port: first.port()! }]
  const other = await new Dht({ bind: '127.0.0.1', bootstrap }).start()
  t.teardown(() => Promise.all([first.close(), other.close()]))
  const program = startProgram(t, [
    '/usr/bin/python3',
    helper('libtorrent-dht.py'),
    ...['4', formatAddress(bootstrap[0]!), theirs.toString('hex'), ours.toString('hex')],
  ])
  const [, sharer = ''] = await waitForMatches(program, /node (127\.0\.0\.2:\d+)/)
  await waitForMatches(program, /node 127\.0\.0\.5:/)
  const peers: PeerAddress[] = []
  const deadline = Date.now() + PATIENCE_MS
  while (peers.length === 0 && Date.now() < deadline) {
    await other.lookup(theirs, { found: more => peers.push(...more) })
    await delay(50)
  }
  t.same(peers.map(formatAddress), [sharer], 'what libtorrent announces, we find')
  // Its tables contain our node after they have pinged it.
  let announced = 0
  while (announced < 5 && Date.now() < deadline) {
    const result = await other.lookup(ours, { announce: { port: 7_777 }, found: () => {} })
    announced = result.announced
  }
  t.equal(announced, 5, 'four nodes of libtorrent, and one of ours, took our announce')
  await waitForMatches(program, new RegExp(`peer ${ours.toString('hex')} 127\\.0\\.0\\.1:7777`))
})

// It accepts no node at 127.x, so it runs in a separate network, in which this machine has other addresses. Its
// processes end with that network.
const ALONE_COMMAND = ['unshare', '--net', '--map-root-user', '--pid', '--fork', '--kill-child', 'sh', '-c']
const PREPARE_COMMANDS =
  'ip link set lo up && ip addr add 10.9.0.1/32 dev lo && ip addr add 10.9.0.2/32 dev lo'
const noNetwork =
  noTransmission ||
  (spawnSync(ALONE_COMMAND[0]!, [...ALONE_COMMAND.slice(1), PREPARE_COMMANDS]).status !== 0 &&
    'no network of its own can be made here')

t.test('transmission and tsdl find each other in one DHT', { skip: noNetwork }, async t => {
  const program = startProgram(t, [
    ...[...ALONE_COMMAND, `${PREPARE_COMMANDS} && exec "$@"`, 'sh', process.execPath],
    ...[TYPESCRIPT_FLAG, helper('transmission-dht.ts'), scratch(t)],
  ])
  const [code] = await once(program.child, 'close')
  t.equal(code, 0, program.output())
  t.match(program.output(), /"found":\d+,"dialled":\d+/)
})
