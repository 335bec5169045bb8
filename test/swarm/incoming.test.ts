import net from 'node:net'
import t from 'tap'
import { parseAddressRange } from '../../src/codec/address-range.ts'
import { AddressRanges } from '../../src/codec/address-ranges.ts'
import { asBytes, asDict, decode } from '../../src/codec/bencode.ts'
import { parseExtendedHandshake } from '../../src/codec/extended.ts'
import { encodeHandshake } from '../../src/codec/handshake.ts'
import type { Peer } from '../../src/pipeline/peer/peer.ts'
import { Listener } from '../../src/pipeline/swarm/listener.ts'
import { blocksOf, dial, scriptedPeer, type Wire } from '../helpers/scripted-peer.ts'
import { client, leavesNothing, oddTorrent } from '../helpers/swarm.ts'
import { settle } from '../helpers/virtual-clock.ts'
import { msg, RESERVED_BYTES, UNCHOKE_BYTES } from '../helpers/wire.ts'

const made = oddTorrent()
const { infoHash } = made.metainfo
const [first] = blocksOf(made, 0)
const none = () => false
const sendGreeting = () => {}
const shakes = (handshake: object) => ({ sendGreeting: (wire: Wire) => wire.sendHandshake(handshake) })
const handshakeOf = (name: string, reserved = RESERVED_BYTES.plain) =>
  encodeHandshake({ infoHash, peerId: Buffer.alloc(20, name), reserved })
/** Returns the extended handshake of the client. */
const extendedPayloadOf = (wire: Wire) => wire.messagesOf('extended')[0]!.payload

/** Checks that a new connection is served. */
async function servesOthers(t: Test, address: { host: string; port: number }) {
  const other = await dial(t, made, address)
  await other.waitForUnchoke()
  t.same(await other.fetchBlock(first!), made.content.subarray(0, 16384), 'others are served')
}
type Test = Parameters<typeof client>[0]

t.test('a handshake is answered with ours for the same torrent, and the connection stays', async t => {
  const { address } = await client(t, made, { peerId: Buffer.alloc(20, 'm') })
  const wire = await dial(t, made, address)
  await wire.waitForMessages('handshake')
  const [handshake] = wire.messagesOf('handshake')
  t.same(Buffer.from(handshake!.infoHash), infoHash)
  t.same(Buffer.from(handshake!.peerId), Buffer.alloc(20, 'm'))
  await wire.waitForUnchoke()
  t.equal(wire.closed, false)
})

t.test('a peer that asks for an unknown torrent gets no answer', async t => {
  const { address, listener } = await client(t, made)
  const warnings: string[] = []
  listener.on('warning', ({ message }) => warnings.push(message))
  const wire = await dial(t, made, address, shakes({ infoHash: Buffer.alloc(20, 7) }))
  await wire.waitForEnd()
  t.equal(wire.bytes.length, 0)
  t.match(warnings, [/^127\.0\.0\.1:\d+: asks for a torrent that we do not share, 0707/])
  await servesOthers(t, address)
})

t.test('a peer that does not speak BitTorrent is dropped as soon as that shows', async t => {
  const { address } = await client(t, made)
  for (const payload of ['\x12', '\x13bittorrent', 'GET / HTTP/1.1\r\n\r\n', '\x13BitTorrent protocoL']) {
    const wire = await dial(t, made, address, {
      sendGreeting: wire => wire.sendBytes(Buffer.from(payload, 'latin1')),
    })
    await wire.waitForEnd()
    t.equal(wire.bytes.length, 0, JSON.stringify(payload))
  }
  await servesOthers(t, address)
})

t.test('a handshake byte by byte, or in one chunk with the messages after it, is the same', async t => {
  const whole = Buffer.concat([handshakeOf('p'), msg(5, [0xff, 0xe0]), UNCHOKE_BYTES])
  for (const cut of [1, 48, 67, 68, 69, whole.length]) {
    const { address, torrent, file } = await client(t, made, { has: none })
    const wire = await dial(t, made, address, { sendGreeting, interested() {} })
    for (let at = 0; at < whole.length; at += cut) {
      wire.sendBytes(whole.subarray(at, at + cut))
      await settle()
    }
    await torrent.done
    t.same(await file('odd.bin'), made.content, `cut every ${cut} bytes`)
    await torrent.close()
  }
})

t.test('an end within the handshake ends the connection and nothing else', async t => {
  const { address, warnings, events } = await client(t, made)
  for (let length = 0; length < 68; length++) {
    const wire = await dial(t, made, address, {
      sendGreeting: wire => wire.socket.end(handshakeOf('p').subarray(0, length)),
    })
    await wire.waitForEnd()
    t.equal(wire.bytes.length, 0)
  }
  await servesOthers(t, address)
  t.same(warnings, [])
  t.same(events, ['started', 'done', 'connected'])
})

t.test('a peer with our own peer id is dropped', async t => {
  const { address, events } = await client(t, made, { peerId: Buffer.alloc(20, 'm') })
  const wire = await dial(t, made, address, shakes({ peerId: Buffer.alloc(20, 'm') }))
  await wire.waitForEnd()
  await servesOthers(t, address)
  t.equal(events.filter(name => name === 'connected').length, 1)
})

t.test('our own address among the peers is dialled once, and never again', async t => {
  let dialled = 0
  const connect = ((options: net.TcpNetConnectOpts) => {
    dialled++
    return net.connect(options)
  }) as typeof net.connect
  const { torrent, clock, events, warnings } = await client(t, made, {
    has: none,
    connect,
    peers: own => [own],
  })
  while (dialled === 0 || torrent.progress.peers > 0) await settle()
  for (let turns = 0; turns < 100; turns++) await settle()
  await clock.advance(60_000)
  t.equal(dialled, 1)
  t.same(warnings, [], 'that is nothing to warn of')
  t.notOk(events.includes('connected'))
})

for (const [greater, side] of [
  [true, 'the connection that we dialled'],
  [false, 'the connection that it dialled'],
] as const) {
  for (const order of ['ours', 'theirs']) {
    t.test(
      `if our peer id is ${greater ? 'greater' : 'smaller'} and ${order} came first, ${side} stays`,
      async t => {
        const peerId = Buffer.alloc(20, greater ? 'a' : 'z')
        const peer = await scriptedPeer(t, made, { sendGreeting })
        const options = { peerId: Buffer.alloc(20, 'm'), has: none, peers: [peer.address] }
        const { address, torrent } = await client(t, made, options)
        const ours = await peer.connection()
        const theirs = await dial(t, made, address, { sendGreeting })
        const [one, two] = order === 'ours' ? [ours, theirs] : [theirs, ours]
        one.sendHandshake({ peerId })
        one.send({ type: 'have', index: 0 })
        await one.waitForMessages('interested')
        two.sendHandshake({ peerId })
        const [stays, goes] = greater ? [ours, theirs] : [theirs, ours]
        await goes.waitForEnd()
        stays.send({ type: 'have', index: 1 }, { type: 'unchoke' })
        await stays.waitForMessages('request', 3)
        t.equal(stays.closed, false)
        t.equal(torrent.progress.peers, 1)
      },
    )
  }
}

t.test('two clients with one half each, of which one dials, finish over one connection', async t => {
  const left = await client(t, made, { has: index => index < 5, peerId: Buffer.alloc(20, 'a') })
  const right = await client(t, made, {
    has: index => index >= 5,
    peerId: Buffer.alloc(20, 'z'),
    peers: [left.address],
  })
  const [own, other] = [left, right].map(({ events }) => () => {
    const count = (name: string) => events.filter(event => event === name).length
    return count('connected') - count('disconnected')
  })
  await Promise.all([left.torrent.done, right.torrent.done])
  t.same([own!(), other!()], [1, 1])
  t.same(await left.file('odd.bin'), made.content)
  t.same(await right.file('odd.bin'), made.content)
})

t.test('with all reserved bits set we use what we support, and set no other bits', async t => {
  const { address } = await client(t, made)
  const wire = await dial(t, made, address, shakes({ reserved: Buffer.alloc(8, 0xff) }))
  await wire.waitForUnchoke()
  t.same(await wire.fetchBlock(first!), made.content.subarray(0, 16384))
  t.same([...wire.messagesOf('handshake')[0]!.reserved], [0, 0, 0, 0, 0, 0x10, 0, 0x04])
})

t.test('to a peer without extensions we send only messages of BEP 3', async t => {
  const { address } = await client(t, made)
  const wire = await dial(t, made, address)
  await wire.waitForUnchoke()
  await wire.fetchBlock(first!)
  t.same(wire.types, ['handshake', 'bitfield', 'unchoke', 'piece'])
})

t.test('a closed torrent accepts no connection while others still listen', async t => {
  const { address, torrent } = await client(t, made)
  await torrent.close()
  const wire = await dial(t, made, address)
  await wire.waitForEnd()
  t.equal(wire.bytes.length, 0)
})

t.test('the handshake, the extended handshake and our pieces are sent in this order', async t => {
  const { address } = await client(t, made)
  const wire = await dial(t, made, address, shakes({ reserved: RESERVED_BYTES.fast }))
  await wire.waitForMessages('haveAll')
  t.same(wire.types.slice(0, 3), ['handshake', 'extended', 'haveAll'])
  const plain = await dial(t, made, address, shakes({ reserved: RESERVED_BYTES.extended }))
  await plain.waitForMessages('bitfield')
  t.same(plain.types, ['handshake', 'extended', 'bitfield'])
})

t.test('our extended handshake has our queue length, our port and the address of the peer', async t => {
  const seed = await client(t, made)
  const wire = await dial(t, made, seed.address, shakes({ reserved: RESERVED_BYTES.extended }))
  wire.sendBytes(msg(20, [0, 0x64, 0x65]))
  await wire.waitForMessages('extended')
  const extendedHandshake = parseExtendedHandshake(extendedPayloadOf(wire))
  t.match(extendedHandshake, { reqq: 500, port: seed.address.port, yourIp: '127.0.0.1', uploadOnly: true })
  t.match(extendedHandshake.client, /^tsdl \d/)
  t.ok(extendedHandshake.extensions.get('lt_donthave')! > 0)
  t.same(asBytes(asDict(decode(extendedPayloadOf(wire)))?.yourip), Buffer.from([127, 0, 0, 1]))
  await wire.waitForUnchoke()
  const leech = await client(t, made, { has: none })
  const other = await dial(t, made, leech.address, shakes({ reserved: RESERVED_BYTES.extended }))
  await other.waitForMessages('extended')
  t.equal(parseExtendedHandshake(extendedPayloadOf(other)).uploadOnly, undefined)
})

t.test('an invalid extended handshake is ignored', async t => {
  const { address } = await client(t, made)
  for (const payload of ['', 'x', 'd', 'le', 'i1e', 'd1:v3:\xff\xff\xff4:reqqi-1ee', '9'.repeat(100_000)]) {
    const wire = await dial(t, made, address, shakes({ reserved: RESERVED_BYTES.extended }))
    wire.send({ type: 'extended', id: 0, payload: Buffer.from(payload, 'latin1') })
    await wire.waitForUnchoke()
    t.equal(wire.closed, false)
    wire.socket.destroy()
  }
})

t.test('a second extended handshake changes what it names, and so does a third', async t => {
  const { address, torrent } = await client(t, made)
  const connected = new Promise<Peer>(resolve => torrent.once('connected', resolve))
  const wire = await dial(t, made, address, shakes({ reserved: RESERVED_BYTES.extended }))
  const peer = await connected
  for (const [payload, id] of [
    ['d1:md11:lt_donthavei7e6:ut_pexi1ee4:reqqi9ee', 1],
    ['d1:md6:ut_pexi0eee', 0],
    ['d1:md6:ut_pexi5eee', 5],
  ] as const) {
    const extended = new Promise(resolve => peer.once('extended', resolve))
    wire.send({ type: 'extended', id: 0, payload: Buffer.from(payload) })
    await extended
    t.same([...peer.extendedHandshake.extensions].sort(), [
      ['lt_donthave', 7],
      ['ut_pex', id],
    ])
    t.equal(peer.extendedHandshake.reqq, 9)
  }
  await wire.waitForUnchoke()
})

t.test('a port in use is rejected with its number and the option', async t => {
  leavesNothing(t)
  const first = await new Listener({ bind: '127.0.0.1' }).listen()
  t.teardown(() => first.close())
  const second = new Listener({ bind: '127.0.0.1', port: first.port! })
  await t.rejects(second.listen(), {
    name: 'InputError',
    code: 'ERR_LISTEN',
    message: new RegExp(`cannot listen at 127.0.0.1:${first.port}: .*EADDRINUSE`),
  })
  t.equal(second.port, undefined)
  second.close()
})

t.test('after close no connection, timer or listener is left', async t => {
  const { address, torrent, listener, clock } = await client(t, made, { has: index => index < 5, up: 1000 })
  const wires = [
    await dial(t, made, address, { sendGreeting }),
    await dial(t, made, address, { sendGreeting: wire => wire.sendBytes(handshakeOf('h').subarray(0, 50)) }),
    await dial(t, made, address),
    await dial(t, made, address, { ...shakes({ reserved: RESERVED_BYTES.fast }) }),
  ]
  const busy = wires.at(-1)!
  await busy.waitForUnchoke()
  for (let n = 0; n < 100; n++) busy.send({ type: 'request', ...first! })
  await busy.waitForMessages('piece')
  await torrent.close()
  listener.close()
  for (const wire of wires) await wire.waitForEnd()
  t.equal(clock.pending, 0)
  t.equal(listener.port, undefined)
})

t.test('a blocked address is not accepted, and its connections end when it is blocked', async t => {
  const blocklist: { ranges: AddressRanges | undefined } = { ranges: undefined }
  const { address, clock, torrent } = await client(t, made, { blocklist })
  const wire = await dial(t, made, address)
  await wire.waitForUnchoke()
  blocklist.ranges = AddressRanges.from([parseAddressRange('127.0.0.0/8')!])
  await clock.advance(1000)
  await wire.waitForEnd()
  const refused = await dial(t, made, address)
  await refused.waitForEnd()
  t.equal(refused.bytes.length, 0)
  blocklist.ranges = undefined
  await servesOthers(t, address)
  t.equal(torrent.peers.length, 1)
})

t.test('the option peers overrides the blocklist', async t => {
  const seed = await client(t, made)
  const blocklist = { ranges: AddressRanges.from([parseAddressRange('127.0.0.0/8')!]) }
  const { clock, torrent } = await client(t, made, { blocklist, has: none, peers: [seed.address] })
  await clock.advance(1000)
  await torrent.done
})
