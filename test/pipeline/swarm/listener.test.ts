import { once } from 'node:events'
import net from 'node:net'
import t, { type Test } from 'tap'
import type { AcceptedConnection } from '../../../src/pipeline/peer/accepted-connection.ts'
import { ACCEPT_TIMEOUT_MS, Listener, type ListenerOptions } from '../../../src/pipeline/swarm/listener.ts'
import { generator } from '../../helpers/feed.ts'
import { noise } from '../../helpers/metainfo.ts'
import { SimulatedNetwork } from '../../helpers/simulation/network.ts'
import { VirtualClock } from '../../helpers/virtual-clock.ts'

import { HANDSHAKE_BYTES, INFO_HASH } from '../../helpers/wire.ts'

const PEER_PORT = 6881

/** Creates a listener on a simulated network that shares `INFO_HASH`, and hosts that dial it. */
async function setup(t: Test, options: ListenerOptions = {}) {
  const clock = new VirtualClock()
  const network = new SimulatedNetwork({ clock, random: generator(1) })
  const home = network.host('10.0.0.1')
  const warnings: Error[] = []
  const accepted: AcceptedConnection[] = []
  const listener = new Listener({ port: PEER_PORT, clock, createServer: home.createServer, ...options })
  listener.on('warning', error => warnings.push(error))
  listener.add(INFO_HASH, connection => accepted.push(connection))
  const wait = (ms = 1) => clock.run({ for: ms })
  const listening = listener.listen()
  await wait()
  await listening
  t.teardown(() => listener.close())
  /** Connects from an address. */
  const call = async (address = '10.0.0.2') => {
    const from = network.hosts.get(address) ?? network.host(address)
    const socket: net.Socket = from.connect({ host: '10.0.0.1', port: PEER_PORT })
    const caller = { socket, closed: false, errors: [] as Error[] }
    socket.on('error', error => caller.errors.push(error))
    socket.on('close', () => {
      caller.closed = true
    })
    socket.resume()
    await wait()
    return caller
  }
  return { clock, network, home, listener, warnings, accepted, wait, call }
}

/** Continues to read from a connection that was accepted. */
function reading({ head, socket }: AcceptedConnection): () => Buffer {
  const chunks: Uint8Array[] = [head]
  socket.on('data', chunk => chunks.push(chunk))
  socket.resume()
  return () => Buffer.concat(chunks)
}

for (const cut of [1, 7, 47, 48, 49, 68, 200, 1000]) {
  t.test(`a handshake cut every ${cut} bytes reaches its torrent, with all bytes after it`, async t => {
    const { accepted, call, wait, warnings, clock } = await setup(t)
    const { socket } = await call()
    const bytes = Buffer.concat([HANDSHAKE_BYTES, noise(300, 1)])
    let all: (() => Buffer) | undefined
    for (let at = 0; at < bytes.length; at += cut) {
      socket.write(bytes.subarray(at, at + cut))
      await wait()
      if (accepted[0]) all ??= reading(accepted[0])
    }
    await wait(10)
    t.equal(accepted.length, 1)
    t.ok(accepted[0]!.head.length >= 48)
    t.ok(all!().equals(bytes))
    t.same(warnings, [])
    t.equal(clock.pending, 0, 'its time is no longer counted')
  })
}

t.test('nothing is read before the connection is taken over', async t => {
  const { accepted, call, wait } = await setup(t)
  const { socket } = await call()
  const bytes = Buffer.concat([HANDSHAKE_BYTES, noise(200_000, 2)])
  socket.write(bytes)
  await wait(100)
  t.equal(accepted[0]!.socket.isPaused(), true)
  const all = reading(accepted[0]!)
  await wait(100)
  t.ok(all().equals(bytes))
})

t.test('each torrent gets its own connections, and none after it was removed', async t => {
  const { listener, accepted, call, wait, warnings } = await setup(t)
  const others: AcceptedConnection[] = []
  const hash = noise(20, 3)
  listener.add(hash, connection => others.push(connection))
  const [a, b, c] = [await call(), await call(), await call()]
  const other = Buffer.from(HANDSHAKE_BYTES)
  hash.copy(other, 28)
  a.socket.write(other)
  b.socket.write(HANDSHAKE_BYTES)
  await wait()
  t.equal(others.length, 1)
  t.equal(accepted.length, 1)
  listener.remove(hash)
  c.socket.write(other)
  await wait()
  t.equal(others.length, 1)
  t.equal(c.closed, true)
  t.match(warnings, [{ message: new RegExp(hash.toString('hex')) }])
})

t.test(
  'a connection for an unknown torrent is closed with a report, without an answer to the peer',
  async t => {
    const { accepted, call, wait, warnings, clock } = await setup(t)
    const caller = await call()
    let receivedBytes = 0
    caller.socket.on('data', chunk => {
      receivedBytes += chunk.length
    })
    const other = Buffer.from(HANDSHAKE_BYTES).fill(0xbb, 28, 48)
    caller.socket.write(other)
    await wait()
    t.equal(caller.closed, true)
    t.same(accepted, [])
    t.equal(receivedBytes, 0)
    t.match(warnings, [{ name: 'PeerError', code: 'ERR_HANDSHAKE', message: /^10\.0\.0\.2:\d+: .*bbbb/ }])
    t.equal(clock.pending, 0)
  },
)

for (const [what, bytes] of [
  ['another length of the name', Buffer.from('\x12BitTorrent protocol', 'latin1')],
  ['another name', Buffer.from('\x13BitTorrent protocoL', 'latin1')],
  ['another protocol altogether', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
  ['one wrong byte', Buffer.from([0])],
] as const) {
  t.test(`${what} is closed as soon as it is recognized`, async t => {
    const { accepted, call, wait, warnings } = await setup(t, { encryption: 'off' })
    const caller = await call()
    caller.socket.write(bytes)
    await wait()
    t.equal(caller.closed, true)
    t.same(accepted, [])
    t.match(warnings, [{ code: 'ERR_HANDSHAKE', message: /not a BitTorrent handshake/ }])
  })
}

t.test('a handshake has ten seconds, even if bytes keep arriving', async t => {
  const { accepted, call, wait, warnings } = await setup(t)
  const caller = await call()
  const start = 1
  for (let at = 0; at < 9; at++) {
    caller.socket.write(HANDSHAKE_BYTES.subarray(at, at + 1))
    await wait(1000)
  }
  await wait(ACCEPT_TIMEOUT_MS - 9000 - start - 1)
  t.equal(caller.closed, false)
  await wait(10)
  t.equal(caller.closed, true)
  t.same(accepted, [])
  t.match(warnings, [{ code: 'ERR_HANDSHAKE', message: /no handshake in time/ }])
})

t.test('a peer that leaves before its handshake is complete is dropped without an error', async t => {
  const { call, wait, warnings, clock, accepted } = await setup(t)
  for (let length = 0; length < 48; length++) {
    const { socket } = await call()
    socket.write(HANDSHAKE_BYTES.subarray(0, length))
    socket.destroy()
    await wait()
  }
  t.same(warnings, [])
  t.same(accepted, [])
  t.equal(clock.pending, 0)
})

t.test(
  'the number of connections without a handshake is limited, and a place becomes free again',
  async t => {
    const { accepted, call, wait } = await setup(t, { maxHalfOpen: 3 })
    const callers = []
    for (let at = 0; at < 5; at++) callers.push(await call(`10.0.1.${at}`))
    await wait(10)
    t.same(
      callers.map(({ closed }) => closed),
      [false, false, false, true, true],
    )
    callers[0]!.socket.write(HANDSHAKE_BYTES)
    callers[1]!.socket.destroy()
    await wait(10)
    t.equal(accepted.length, 1)
    const more = [await call('10.0.1.7'), await call('10.0.1.8'), await call('10.0.1.9')]
    await wait(10)
    t.same(
      more.map(({ closed }) => closed),
      [false, false, true],
    )
  },
)

t.test('one address gets only a share of these places, except loopback', async t => {
  for (const [address, most] of [
    ['10.0.0.2', 2],
    ['::ffff:10.0.0.3', 2],
    ['127.0.0.1', 4],
    ['::1', 4],
  ] as const) {
    const { call, wait } = await setup(t, { maxPerAddress: 2 })
    const callers = []
    for (let at = 0; at < 4; at++) callers.push(await call(address))
    await wait(10)
    t.equal(callers.filter(({ closed }) => !closed).length, most, address)
  }
})

t.test('closing ends connections without a handshake, and leaves the others', async t => {
  const { accepted, call, wait, listener, clock, warnings } = await setup(t)
  const [a, b] = [await call(), await call()]
  a.socket.write(HANDSHAKE_BYTES)
  b.socket.write(HANDSHAKE_BYTES.subarray(0, 30))
  await wait()
  listener.close()
  listener.close()
  await wait()
  t.same([a.closed, b.closed], [false, true])
  t.equal(clock.pending, 0)
  const all = reading(accepted[0]!)
  a.socket.write('more')
  await wait()
  t.ok(all().equals(Buffer.concat([HANDSHAKE_BYTES, Buffer.from('more')])))
  const lateCaller = await call()
  t.match(lateCaller.errors, [{ code: 'ECONNREFUSED' }])
  t.equal(listener.port, undefined)
  t.same(warnings, [])
})

t.test('the listener reports its address and port', async t => {
  const { listener } = await setup(t, { bind: '10.0.0.1' })
  t.equal(listener.port, PEER_PORT)
  t.equal(listener.address, `10.0.0.1:${PEER_PORT}`)
})

t.test('a port in use is an InputError that names it', async t => {
  const { clock, home } = await setup(t)
  const second = new Listener({ port: PEER_PORT, clock, createServer: home.createServer })
  const failed = second.listen().catch((error: unknown) => error)
  await clock.run({ for: 1 })
  t.match(await failed, { name: 'InputError', code: 'ERR_LISTEN', message: /6881.*EADDRINUSE/ })
})

t.test('with one address family, only connections of that family are accepted', async t => {
  const reaches = async (host: string, port: number) => {
    const socket = net.connect({ host, port })
    const isConnected = await once(socket, 'connect').then(
      () => true,
      () => false,
    )
    socket.destroy()
    return isConnected
  }
  for (const [options, hosts] of [
    [{}, ['127.0.0.1', '::1']],
    [{ family: 4 }, ['127.0.0.1']],
    [{ family: 6 }, ['::1']],
    [{ family: 6, bind: '::' }, ['::1']],
    [{ family: 6, bind: '::1' }, ['::1']],
  ] as const) {
    const listener = await new Listener(options).listen()
    t.teardown(() => listener.close())
    for (const host of ['127.0.0.1', '::1'])
      t.equal(
        await reaches(host, listener.port!),
        (hosts as readonly string[]).includes(host),
        `${JSON.stringify(options)} ${host}`,
      )
  }
  for (const [family, bind] of [
    [4, '::'],
    [4, 'fe80::1%lo'],
    [6, '0.0.0.0'],
    [6, '::ffff:127.0.0.1'],
  ] as const)
    t.throws(() => new Listener({ family, bind }), { code: 'ERR_USAGE', message: /^bind: expected an IPv/ })
  t.throws(() => new Listener({ family: 5 as 4 }), { code: 'ERR_USAGE', message: /^family: / })
})
