import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { encode } from '../../src/codec/bencode.ts'
import { encodePeers4 } from '../../src/codec/compact.ts'
import { publicFile } from '../helpers/counterparts/content.ts'
import { noLibtorrent } from '../helpers/counterparts/libtorrent.ts'
import { noNetwork, ownNetwork } from '../helpers/counterparts/own-network.ts'
import { type Running, scratch, startProgram } from '../helpers/counterparts/process.ts'
import { noTransmission } from '../helpers/counterparts/transmission.ts'
import { startTsdl, type Tsdl } from '../helpers/counterparts/tsdl.ts'
import { inProject, TYPESCRIPT_FLAG } from '../helpers/project.ts'

const helper = (name: string) => inProject(`test/helpers/counterparts/${name}`)
const MiB = 1 << 20

// These tests wait for other programs most of the time.
t.jobs = 3

/** Maximum milliseconds until they have found each other. */
const PATIENCE_MS = 35_000

/** Resolves with the match when the program has printed it. Rejects if it ends or takes too long. */
async function waitForMatch(program: Running, pattern: RegExp): Promise<string[]> {
  const deadline = Date.now() + PATIENCE_MS
  for (;;) {
    const found = pattern.exec(program.output())
    if (found) return found
    if (program.child.exitCode !== null || Date.now() > deadline)
      throw new Error(`it did not say ${pattern}, but: ${program.output()}`)
    await delay(50)
  }
}

/** A libtorrent that prints the sources of its peers. */
async function libtorrent(t: Test, args: readonly string[], network: readonly string[] = []) {
  const program = startProgram(t, [...network, '/usr/bin/python3', helper('libtorrent-finding.py'), ...args])
  const [, port = ''] = await waitForMatch(program, /listening (\d+)/)
  return { program, port }
}

/** Resolves once it is connected to a peer. */
const connected = (tsdl: Tsdl, host: string) =>
  tsdl.event(
    ({ event, state, address }) =>
      event === 'peer' && state === 'connected' && String(address).startsWith(`${host}:`),
  )
const listening = async (tsdl: Tsdl) =>
  String((await tsdl.event(({ event }) => event === 'listening')).address)

t.test('libtorrent and tsdl exchange peers', { skip: noLibtorrent }, async t => {
  const content = publicFile(scratch(t), 4 * MiB)
  const seed = await libtorrent(t, ['seed', content.torrent, content.dir, '127.0.0.2', '0'])
  const get = (host: string, ...more: string[]) =>
    startTsdl(t, [
      ...['get', content.torrent, '-o', scratch(t), '--bind', host, '--no-tracker'],
      ...['--down', '64K', '--peer', ...more],
    ])
  const middle = get('127.0.0.1', `127.0.0.2:${seed.port}`)
  const address = await listening(middle)
  await connected(middle, '127.0.0.2')
  const leech = await libtorrent(t, ['leech', content.torrent, scratch(t), '127.0.0.3', '0', address])
  // Both get the address: either the seed or the leecher dials the other.
  await waitForMatch(leech.program, /incoming connection from 127\.0\.0\.2:|peer 127\.0\.0\.2:\d+ \S*pex/)
  const last = get('127.0.0.4', `127.0.0.3:${leech.port}`)
  await connected(last, '127.0.0.1')
  t.pass()
})

t.test(
  'libtorrent and tsdl find each other on the local network',
  { skip: noLibtorrent || noNetwork },
  async t => {
    const network = await ownNetwork(t)
    const content = publicFile(scratch(t), MiB)
    const out = scratch(t)
    const seed = await libtorrent(t, ['seed', content.torrent, content.dir, '10.9.0.2', '0', 'lsd'], network)
    const args = ['--bind', '10.9.0.1', '--no-tracker', '--no-dht']
    const tsdl = startTsdl(t, ['get', content.torrent, '-o', out, ...args], network)
    t.equal(await tsdl.ended, 0, 'it came first and heard of us')
    // Now our client is first, and receives the announce.
    seed.program.child.stdin!.end()
    const ours = startTsdl(t, ['seed', content.torrent, content.dir, ...args], network)
    await listening(ours)
    const leech = await libtorrent(t, ['leech', content.torrent, scratch(t), '10.9.0.2', '0', 'lsd'], network)
    await waitForMatch(leech.program, /incoming connection from 10\.9\.0\.1:/)
    t.pass()
  },
)

t.test('the DHT alone finds a seed of transmission', { skip: noTransmission || noNetwork }, async t => {
  const network = await ownNetwork(t)
  const content = publicFile(scratch(t), MiB)
  const nodes = startProgram(t, [
    ...[...network, process.execPath, TYPESCRIPT_FLAG, helper('dht-nodes.ts')],
    ...['10.9.0.1', '9'],
  ])
  const ports: number[] = JSON.parse((await waitForMatch(nodes, /^\[.*\]$/m))[0]!)
  const dir = scratch(t)
  mkdirSync(join(dir, 'torrents'))
  copyFileSync(content.torrent, join(dir, 'torrents', 'content.torrent'))
  // It gets saved nodes like those of an earlier run, because with only one node it takes a minute to find the others.
  const known = encodePeers4(ports.map(port => ({ host: '10.9.0.1', port })))
  writeFileSync(join(dir, 'dht.dat'), encode({ id: Buffer.alloc(20, 'transmission'), nodes: known }))
  startProgram(t, [
    ...[
      ...network,
      'transmission-daemon',
      '--foreground',
      '--config-dir',
      dir,
      '--download-dir',
      content.dir,
    ],
    ...['--bind-address-ipv4', '10.9.0.2', '--peerport', '51413', '--port', '9091', '--dht'],
    ...['--no-lpd', '--no-utp', '--no-portmap', '--no-watch-dir', '--no-incomplete-dir'],
  ])
  const tsdl = startTsdl(
    t,
    [
      ...['get', content.torrent, '-o', scratch(t), '--bind', '10.9.0.1', '--no-tracker', '--no-lsd'],
      ...['--dht-node', `10.9.0.1:${ports[0]}`],
    ],
    [...network, 'env', `XDG_STATE_HOME=${dir}`],
  )
  await connected(tsdl, '10.9.0.2')
  t.equal(await tsdl.ended, 0, tsdl.output())
})
