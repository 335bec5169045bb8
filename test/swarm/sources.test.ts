import { EventEmitter } from 'node:events'
import t, { type Test } from 'tap'
import { formatAddress, type PeerAddress } from '../../src/codec/compact.ts'
import { encodeExtendedHandshake, parseExtendedHandshake } from '../../src/codec/extended.ts'
import { decodePex, encodePex, PEX_FLAGS } from '../../src/codec/pex.ts'
import type { SharedDht, SharedLsd } from '../../src/discovery/peer-sources.ts'
import type { TorrentOptions } from '../../src/pipeline/torrent/torrent-options.ts'
import { type MadeTorrent, makeTorrent } from '../helpers/metainfo.ts'
import { RANDOM_SEED } from '../helpers/random-seed.ts'
import { blocksOf, dial, scriptedPeer, type Wire } from '../helpers/scripted-peer.ts'
import { SimulatedSwarm } from '../helpers/simulation/swarm.ts'
import { client, oddTorrent, run } from '../helpers/swarm.ts'

const made = oddTorrent()
const secret = makeTorrent({ files: [{ path: 'secret.bin', length: 100_000 }], private: true })
const none = () => false
/** The reserved bits of the extension protocol and, if given, of the DHT. */
const flags = (dht = false) => Buffer.from(`00000000001000${dht ? '01' : '00'}`, 'hex')
const extendedHandshakeOf = (wire: Wire) => parseExtendedHandshake(wire.messagesOf('extended')[0]!.payload)
/** The id that peers give ut_pex. */
const THEIR_ID = 77

/** A DHT and an LSD that record their calls, and name these peers. */
function sources({ found = [] as PeerAddress[], readOnly = false } = {}) {
  const calls: string[] = []
  const dht: SharedDht = {
    readOnly,
    port: family => (family === 6 ? 6666 : 4444),
    add: node => void calls.push(`add ${formatAddress(node)}`),
    async lookup(_, options) {
      calls.push('lookup')
      options.found(found)
      return { asked: 8, answered: 8, announced: 0 }
    },
  }
  const lsd = Object.assign(new EventEmitter(), {
    add: () => void calls.push('lsd'),
    remove: () => {},
  }) as unknown as SharedLsd
  return { calls, dht, lsd }
}

/** Connects a peer with the extension protocol to a client. */
async function extended(
  t: Test,
  made: MadeTorrent,
  to: PeerAddress,
  { dht = false, port, has = none }: { dht?: boolean; port?: number; has?: () => boolean } = {},
) {
  const wire = await dial(t, made, to, { has, handshake: { reserved: flags(dht) } })
  const extendedHandshake = {
    client: 'x',
    reqq: 250,
    extensions: { ut_pex: THEIR_ID },
    ...(port ? { port } : {}),
  }
  wire.send({ type: 'extended', id: 0, payload: encodeExtendedHandshake(extendedHandshake) })
  await wire.waitForMessages('extended')
  return wire
}

/** Resolves once the client has handled all earlier messages. */
async function waitUntilHandled(wire: Wire, made: MadeTorrent) {
  if (wire.messagesOf('unchoke').length === 0) await wire.waitForUnchoke()
  await wire.fetchBlock(blocksOf(made, 0)[0]!)
}

/** Returns the received payloads of ut_pex. */
const exchanged = (wire: Wire) =>
  wire.messagesOf('extended').flatMap(({ id, payload }) => (id === THEIR_ID ? [decodePex(payload)!] : []))
const pex = (id: number, added: readonly PeerAddress[]) => {
  const peers = added.map(peer => ({ ...peer, flags: 0 }))
  return { type: 'extended' as const, id, payload: encodePex({ added: peers, dropped: [] }) }
}

t.test('with a DHT the handshake has its bit, and peers that support it are sent our port', async t => {
  const { dht } = sources()
  const { address } = await client(t, made, { dht })
  const wire = await extended(t, made, address, { dht: true })
  await wire.waitForMessages('port')
  t.same([...wire.messagesOf('handshake')[0]!.reserved], [0, 0, 0, 0, 0, 0x10, 0, 0x05])
  t.same(wire.messagesOf('port'), [{ type: 'port', port: 4444 }])
  const other = await extended(t, made, address)
  await waitUntilHandled(other, made)
  t.same(other.messagesOf('port'), [], 'a peer that does not support it gets no port message')
})

t.test('a DHT that only queries is not announced, and one that starts late is announced then', async t => {
  const { dht } = sources({ readOnly: true })
  const { address, clock } = await client(t, made, { dht })
  const wire = await extended(t, made, address, { dht: true })
  await waitUntilHandled(wire, made)
  await clock.advance(1000)
  t.same(wire.messagesOf('port'), [])
  Object.assign(dht, { readOnly: false })
  await clock.advance(1000)
  await wire.waitForMessages('port')
  await clock.advance(1000)
  await waitUntilHandled(wire, made)
  t.equal(wire.messagesOf('port').length, 1)
})

t.test('the DHT node of a peer is used once, and not with port 0', async t => {
  const { calls, dht } = sources()
  const { address } = await client(t, made, { dht })
  const wire = await extended(t, made, address)
  wire.send({ type: 'port', port: 0 }, { type: 'port', port: 5555 }, { type: 'port', port: 5556 })
  await waitUntilHandled(wire, made)
  t.same(calls, ['lookup', 'add 127.0.0.1:5555'])
  const alone = await client(t, made)
  const to = await extended(t, made, alone.address, { dht: true })
  to.send({ type: 'port', port: 5555 })
  await waitUntilHandled(to, made)
  t.same(to.messagesOf('port'), [], 'without a DHT nothing comes of it')
})

t.test('peers are found by the DHT, on the local network, and through peers', async t => {
  const seed = await scriptedPeer(t, made)
  for (const source of ['dht', 'lsd', 'pex']) {
    const { calls, dht, lsd } = sources({ found: source === 'dht' ? [seed.address] : [] })
    const options: Partial<TorrentOptions> = { dht, lsd }
    if (source === 'pex') {
      const friend = await scriptedPeer(t, made, {
        has: none,
        handshake: { reserved: flags() },
        message: (message, wire) => {
          if (message.type !== 'extended' || message.id !== 0) return
          const id = parseExtendedHandshake(message.payload).extensions.get('ut_pex')!
          wire.send(pex(id, [seed.address]))
        },
      })
      Object.assign(options, { peers: [friend.address] })
    }
    const { torrent } = run(t, made, options)
    if (source === 'lsd') {
      await new Promise<void>(resolve => torrent.once('started', () => resolve()))
      await new Promise(setImmediate)
      ;(lsd as unknown as EventEmitter).emit('peer', made.metainfo.infoHash, seed.address)
    }
    await torrent.done
    t.same(calls, ['lookup', 'lsd'], source)
    await torrent.close()
  }
})

t.test('a private torrent (BEP 27) uses its trackers and no other source', async t => {
  const seed = await scriptedPeer(t, secret)
  const { calls, dht, lsd } = sources({ found: [seed.address] })
  const { address, torrent, clock } = await client(t, secret, { dht, lsd, has: index => index === 0 })
  const wire = await extended(t, secret, address, { dht: true, port: 7000 })
  const other = await extended(t, secret, address, { port: 7001 })
  t.equal(extendedHandshakeOf(wire).extensions.has('ut_pex'), false)
  t.equal(wire.messagesOf('handshake')[0]!.reserved[7], 0x04)
  wire.send({ type: 'port', port: 5555 }, pex(2, [seed.address]), pex(2, [seed.address]))
  ;(lsd as unknown as EventEmitter).emit('peer', secret.metainfo.infoHash, seed.address)
  await clock.advance(100_000)
  await waitUntilHandled(wire, secret)
  await waitUntilHandled(other, secret)
  t.same([...exchanged(wire), ...exchanged(other), ...wire.messagesOf('port')], [])
  t.same(calls, [])
  t.equal(seed.wires.length, 0)
  t.equal(torrent.complete, false)
})

t.test('with pex off no peers are sent, and received ones are ignored', async t => {
  const seed = await scriptedPeer(t, made)
  const { address, clock } = await client(t, made, { pex: false, has: index => index === 0 })
  const wire = await extended(t, made, address, { port: 7000 })
  const other = await extended(t, made, address, { port: 7001 })
  t.equal(extendedHandshakeOf(wire).extensions.has('ut_pex'), false)
  wire.send(pex(2, [seed.address]))
  await clock.advance(100_000)
  await waitUntilHandled(wire, made)
  await waitUntilHandled(other, made)
  t.same([...exchanged(wire), ...exchanged(other)], [])
  t.equal(seed.wires.length, 0)
})

t.test('peers get once a minute the connected peers, with their ports, and those that left', async t => {
  const seed = await scriptedPeer(t, made, { request: () => {} })
  const { address, clock } = await client(t, made, { has: index => index === 0, peers: [seed.address] })
  await seed.connection()
  const wire = await extended(t, made, address, { port: 7000 })
  const shy = await extended(t, made, address)
  const other = await extended(t, made, address, { port: 7001 })
  await clock.advance(4_500)
  await waitUntilHandled(wire, made)
  t.same(exchanged(wire), [], 'not at once: there may be more')
  await clock.advance(1_500)
  await wire.waitUntil(() => exchanged(wire).length > 0)
  const [exchange] = exchanged(wire)
  t.same(
    exchange!.added.map(({ port, flags }) => [port, flags]).sort(),
    [
      [7001, 0],
      [seed.address.port, PEX_FLAGS.reachable | PEX_FLAGS.seed],
    ].sort(),
    'no peer with an unknown port, and not itself',
  )
  await shy.waitUntil(() => exchanged(shy).length > 0)
  t.same(exchanged(shy)[0]!.added.length, 3, 'a peer that does not name its port gets addresses, too')
  other.socket.destroy()
  await other.waitForEnd()
  await clock.advance(58_000)
  await waitUntilHandled(wire, made)
  t.equal(exchanged(wire).length, 1)
  await clock.advance(2_500)
  await wire.waitUntil(() => exchanged(wire).length > 1)
  const [, later] = exchanged(wire)
  t.same(later, { added: [], dropped: [{ host: '127.0.0.1', port: 7001 }] })
})

t.test('a peer that disables ut_pex is sent no more', async t => {
  const { address, clock } = await client(t, made)
  const wire = await extended(t, made, address, { port: 7000 })
  await extended(t, made, address, { port: 7001 })
  const off = encodeExtendedHandshake({ client: 'x', reqq: 250, extensions: { ut_pex: 0 } })
  wire.send({ type: 'extended', id: 0, payload: off })
  await waitUntilHandled(wire, made)
  await clock.advance(100_000)
  await waitUntilHandled(wire, made)
  t.same(exchanged(wire), [])
})

t.test('a peer that floods us with addresses is dropped, and its addresses are forgotten', async t => {
  const { address, torrent } = await client(t, made, { has: index => index === 0 })
  const wire = await extended(t, made, address)
  const reasons: string[] = []
  torrent.on('disconnected', (_, reason) => reasons.push(reason))
  const id = extendedHandshakeOf(wire).extensions.get('ut_pex')!
  wire.send(pex(id, []))
  for (let n = 0; n < 10; n++) wire.send(pex(id, [{ host: '127.0.0.1', port: 1 }]))
  await wire.waitForEnd()
  t.match(reasons, [/more messages of peer exchange than one a minute/])
  t.notMatch(torrent.reason, /1 peers/)
})

t.test('peers on a LAN that reached a dual-stack listener get the IPv4 addresses of each other', async t => {
  const swarm = new SimulatedSwarm({ seed: 1, pieces: 64 })
  const first = swarm.join({ complete: true, limitUp: 4096, peers: [], pex: true })
  const [second, third] = [1, 2].map(() => swarm.join({ peers: [first.address], pex: true }))
  const seen: string[] = []
  first.torrent.on('connected', peer => seen.push(peer.address.host))
  const met = new Set<string>()
  third!.torrent.on('connected', peer => met.add(peer.address.host))
  second!.torrent.on('connected', peer => met.add(peer.address.host))
  await swarm.start()
  await swarm.clock.run({ until: () => met.size === 3, for: 30_000 })
  t.same(seen.sort(), [second!.address.host, third!.address.host])
  t.notOk([...met].some(host => host.includes('ffff')))
  await swarm.close()
})

t.test('in a swarm where each peer knows one other, all find each other', async t => {
  const seed = RANDOM_SEED
  const swarm = new SimulatedSwarm({ seed, pieces: 64 })
  const first = swarm.join({ complete: true, limitUp: 4096, peers: [], pex: true })
  const others = Array.from({ length: 5 }, () => swarm.join({ peers: [first.address], pex: true }))
  const met = new Map(others.map(({ torrent }) => [torrent, new Set<string>()]))
  for (const [torrent, names] of met) torrent.on('connected', peer => names.add(String(peer.peerId)))
  await swarm.start()
  await swarm.clock.run({ until: () => [...met.values()].every(({ size }) => size === 5), for: 30_000 })
  t.ok(
    [...met.values()].every(({ size }) => size === 5),
    `SEED=${seed}`,
  )
  await swarm.close()
  t.same([swarm.network.open, swarm.clock.pending], [0, 0], 'nothing is left')
})
