import type net from 'node:net'
import t, { type Test } from 'tap'
import { HandshakeRunner } from '../../src/codec/handshake-runner.ts'
import { type Ciphers, CRYPTO_METHODS, type Encryption } from '../../src/codec/mse.ts'
import { initiate } from '../../src/codec/mse-handshake.ts'
import type { Peer } from '../../src/pipeline/peer/peer.ts'
import { ACCEPT_TIMEOUT_MS } from '../../src/pipeline/swarm/listener.ts'
import { noise } from '../helpers/metainfo.ts'
import { RANDOM_SEED } from '../helpers/random-seed.ts'
import { type MemberSpec, SimulatedSwarm } from '../helpers/simulation/swarm.ts'

const ENCRYPTION_MODES = ['prefer', 'require', 'off'] as const
/** Milliseconds of a round trip. */
const ROUND_TRIP = 40

/** Creates a swarm with pieces that end within a block, and checks that nothing is left open. */
function swarmOf(t: Test, ...members: MemberSpec[]) {
  const swarm = new SimulatedSwarm({ seed: RANDOM_SEED, pieces: 9, pieceLength: 40_000 })
  for (const member of members) swarm.join(member)
  t.teardown(async () => {
    await swarm.close()
    if (swarm.network.open + swarm.clock.pending > 0) throw new Error('something was left')
  })
  return swarm
}

/** A seed and a client that downloads from it, and how they connected. */
async function pair(t: Test, seeds: Encryption, fetches: Encryption) {
  const swarm = swarmOf(t, { complete: true, encryption: seeds }, { encryption: fetches })
  const [seed, leech] = swarm.members as [(typeof swarm.members)[0], (typeof swarm.members)[0]]
  const met: { at: number; peer: Peer }[] = []
  leech.torrent.on('connected', peer => met.push({ at: swarm.clock.now() - leech.startedAt, peer }))
  await swarm.start([seed])
  await swarm.start([leech])
  return { swarm, seed, leech, met }
}

/**
 * The result for each pair of modes of the dialled and the dialling side: the encryption, and the number of attempts.
 */
const MODE_PAIRS = [
  ['prefer', 'prefer', false, 2],
  ['prefer', 'off', false, 2],
  ['off', 'prefer', false, 2],
  ['off', 'off', false, 2],
  ['prefer', 'require', true, 3],
  ['require', 'require', true, 3],
  // a connection that was made and closed, and then the same as above
  ['require', 'prefer', true, 5],
] as const

for (const [seeds, fetches, encrypted, trips] of MODE_PAIRS)
  t.test(`a seed with ${seeds} is dialled with ${fetches}`, async t => {
    const { swarm, seed, leech, met } = await pair(t, seeds, fetches)
    await swarm.finish([leech], 60_000)
    t.ok(leech.storage.holds(swarm.made.content))
    t.ok(seed.storage.holds(swarm.made.content), 'F13: what was given is as it was')
    t.equal(met[0]!.peer.encrypted, encrypted)
    t.ok(Math.abs(met[0]!.at / ROUND_TRIP - trips) < 0.3, `SEED=${RANDOM_SEED}: ${met[0]!.at} ms`)
  })

for (const [seeds, fetches] of [
  ['require', 'off'],
  ['off', 'require'],
] as const)
  t.test(`a seed with ${seeds} and a client that dials with ${fetches} never connect`, async t => {
    const { swarm, leech, met } = await pair(t, seeds, fetches)
    await swarm.clock.run({ for: 20_000 })
    t.same(met, [])
    t.equal(leech.torrent.progress.downloaded, 0)
  })

t.test('clients that require encryption share with each other in both directions', async t => {
  const members = Array.from({ length: 4 }, (_, at) => ({
    complete: at === 0,
    encryption: 'require' as const,
  }))
  const swarm = swarmOf(t, ...members)
  await swarm.start()
  await swarm.finish(swarm.members, 60_000)
  t.ok(swarm.members.every(({ storage }) => storage.holds(swarm.made.content)))
})

t.test('an encrypted connection to ourselves is recognized, and never dialled again', async t => {
  const swarm = swarmOf(t, {
    complete: true,
    encryption: 'require',
    peers: [{ host: '10.0.0.1', port: 6881 }],
  })
  const [own] = swarm.members
  let dialled = 0
  const { listener } = own!
  const add = listener.add.bind(listener)
  listener.add = (infoHash, accept) =>
    add(infoHash, accepted => {
      dialled++
      accept(accepted)
    })
  const warnings: string[] = []
  own!.torrent.on('warning', ({ message }) => warnings.push(message))
  await swarm.start()
  await swarm.clock.run({ for: 60_000 })
  t.equal(own!.address.host, '10.0.0.1')
  t.same(warnings, [], 'that is nothing to warn of')
  t.equal(dialled, 1)
})

/** A download with `prefer`, and a host that handles connections by a script. */
async function dialled(t: Test, answer: (socket: net.Socket, nth: number) => void) {
  const swarm = swarmOf(t)
  const host = swarm.host()
  const first: Buffer[] = []
  const server = host.createServer((socket: net.Socket) => {
    const nth = first.push(Buffer.alloc(0))
    socket.on('error', () => {})
    socket.on('data', bytes => {
      first[nth - 1] = Buffer.concat([first[nth - 1]!, bytes])
    })
    answer(socket, nth)
  })
  server.listen({ port: 7000 })
  t.teardown(() => void server.close())
  const peers = [{ host: host.address, port: 7000 }]
  const { torrent } = swarm.join({ encryption: 'prefer', peers })
  const warnings: string[] = []
  torrent.on('warning', ({ message }) => warnings.push(message))
  await swarm.start()
  const isPlain = (bytes: Buffer) => bytes.toString('latin1', 0, 20) === '\x13BitTorrent protocol'
  return { swarm, first, warnings, ways: () => first.map(bytes => (isPlain(bytes) ? 'plain' : 'encrypted')) }
}

t.test('a peer that hangs up is dialled once in the other mode at once, and then rests', async t => {
  const { swarm, ways, warnings } = await dialled(t, socket => void socket.once('data', () => socket.end()))
  await swarm.clock.run({ for: 5 * ROUND_TRIP })
  t.same(ways(), ['plain', 'encrypted'])
  await swarm.clock.run({ for: 4000 })
  t.same(ways(), ['plain', 'encrypted', 'plain', 'encrypted'])
  t.same(warnings, [], 'to hang up is no fault')
})

t.test('a peer that answers encryption with a plain handshake is dialled in plaintext again', async t => {
  const { swarm, ways, warnings } = await dialled(t, (socket, nth) => {
    if (nth === 1) socket.once('data', () => socket.end())
    else socket.write(Buffer.alloc(68, '\x13BitTorrent protocol\0\0\0\0\0\0\0\0'))
  })
  await swarm.clock.run({ for: 5000 })
  t.same(ways().slice(0, 3), ['plain', 'encrypted', 'plain'])
  t.match(warnings[0], /encryption: answered without encryption/)
})

t.test('a host that does not listen, or speaks another protocol, is not dialled twice', async t => {
  const { swarm, ways, warnings } = await dialled(
    t,
    socket => void socket.write(Buffer.alloc(68, 'HTTP/1.1 ')),
  )
  await swarm.clock.run({ for: 1000 })
  t.same(ways(), ['plain'])
  t.match(warnings, [/not a BitTorrent handshake/])
})

t.test('a silent host is tried in the other mode after its time limit', async t => {
  const { swarm, ways } = await dialled(t, () => {})
  await swarm.clock.run({ for: 9000 })
  t.same(ways(), ['plain'])
  await swarm.clock.run({ for: 9000 })
  t.same(ways(), ['plain', 'encrypted'])
})

/** A scripted connection to a client of ours, and the bytes that it received. */
async function caller(t: Test, encryption: Encryption) {
  const swarm = swarmOf(t, { complete: true, encryption })
  await swarm.start()
  const [client] = swarm.members
  const warnings: string[] = []
  client!.listener.on('warning', ({ message }) => warnings.push(message))
  client!.torrent.on('warning', ({ message }) => warnings.push(message))
  const socket = swarm.host().connect({ ...client!.address }) as net.Socket
  const received = { bytes: Buffer.alloc(0), closed: false }
  socket.on('error', () => {})
  socket.on('data', bytes => {
    received.bytes = Buffer.concat([received.bytes, bytes])
  })
  socket.on('close', () => {
    received.closed = true
  })
  const wait = (ms = 2 * ROUND_TRIP) => swarm.clock.run({ for: ms })
  await wait()
  return { swarm, socket, received, warnings, wait, infoHash: swarm.made.metainfo.infoHash }
}

/**
 * Performs an encrypted handshake with `payload` as the initial payload. The later bytes are collected as they come.
 */
async function shake(
  { socket, wait, infoHash }: Awaited<ReturnType<typeof caller>>,
  payload: Uint8Array,
  provide: number = CRYPTO_METHODS.rc4,
) {
  const send = (bytes: Uint8Array) => void socket.write(bytes)
  const exchange = new HandshakeRunner(initiate({ infoHash, provide, payload: () => payload, send }))
  let end: { result: Ciphers | undefined; rest: Buffer } | undefined
  socket.on('data', bytes => {
    if (end) end.rest = Buffer.concat([end.rest, bytes])
    else end = exchange.take(bytes)
  })
  await wait(4 * ROUND_TRIP)
  return end
}

const handshake = (infoHash: Uint8Array) =>
  Buffer.concat([Buffer.from('\x13BitTorrent protocol'), Buffer.alloc(8), infoHash, Buffer.alloc(20, 'p')])

for (const provide of [CRYPTO_METHODS.plaintext, CRYPTO_METHODS.rc4])
  for (const inside of [0, 30, 68])
    t.test(
      `a handshake with ${inside} of its bytes in the first encrypted payload, then ${provide}`,
      async t => {
        const call = await caller(t, 'prefer')
        const payload = handshake(call.infoHash)
        const end = (await shake(call, payload.subarray(0, inside), provide))!
        const { result } = end
        t.equal(result === undefined, provide === CRYPTO_METHODS.plaintext)
        const left = Buffer.from(payload.subarray(inside))
        if (left.length > 0) call.socket.write(result?.outgoing.apply(left) ?? left)
        await call.wait()
        const answer = result?.incoming.apply(end.rest) ?? end.rest
        t.ok(answer.subarray(28, 48).equals(Buffer.from(call.infoHash)), 'its handshake, as agreed')
        t.equal(call.received.closed, false)
      },
    )

t.test('an encrypted handshake for one torrent that then names another ends the connection', async t => {
  const call = await caller(t, 'prefer')
  await shake(call, handshake(noise(20, 1)))
  t.equal(call.received.closed, true)
  t.match(call.warnings, [/answered for another torrent/])
})

t.test('an encrypted handshake for an unknown torrent ends the connection, and reveals nothing', async t => {
  const call = await caller(t, 'prefer')
  const wanted = noise(20, 2)
  t.equal(await shake({ ...call, infoHash: wanted }, handshake(wanted)), undefined)
  t.equal(call.received.closed, true)
  t.match(call.warnings, [/encryption: asks for a torrent that we do not share/])
})

t.test('0x13 and random bytes are a key, unless encryption is off', async t => {
  for (const encryption of ENCRYPTION_MODES) {
    const { socket, received, wait } = await caller(t, encryption)
    socket.write(Buffer.concat([Buffer.from([0x13]), noise(95, 3)]))
    await wait()
    t.equal(received.closed, encryption === 'off', encryption)
    t.equal(received.bytes.length >= 96, encryption !== 'off', 'ours in answer')
  }
})

t.test('with encryption required, a plain handshake ends the connection at once', async t => {
  const { socket, received, warnings, wait } = await caller(t, 'require')
  socket.write('\x13BitTorrent protocol')
  await wait()
  t.equal(received.closed, true)
  t.equal(received.bytes.length, 0)
  t.match(warnings, [/is not encrypted/])
})

t.test('endless random bytes end the connection soon', async t => {
  const { socket, received, warnings, wait } = await caller(t, 'prefer')
  socket.write(noise(96 + 532, 4))
  await wait()
  t.equal(received.closed, true)
  t.match(warnings, [/within 512 bytes/])
})

t.test('an encrypted handshake has ten seconds, too', async t => {
  const { socket, received, warnings, wait } = await caller(t, 'prefer')
  socket.write(noise(96, 5))
  for (let second = 0; second < ACCEPT_TIMEOUT_MS / 1000 - 1; second++) {
    await wait(1000)
    socket.write(noise(1, second))
  }
  t.equal(received.closed, false)
  await wait(1100)
  t.equal(received.closed, true)
  t.match(warnings, [/no handshake in time/])
})
