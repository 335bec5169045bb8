import t from 'tap'
import type { Peer } from '../../src/pipeline/peer/peer.ts'
import { blocksOf, dial, type PeerScript, type Wire } from '../helpers/scripted-peer.ts'
import { client, oddTorrent } from '../helpers/swarm.ts'
import { settle } from '../helpers/virtual-clock.ts'
import { RESERVED_BYTES } from '../helpers/wire.ts'

const made = oddTorrent()
const all = Array.from({ length: 11 }, (_, index) => blocksOf(made, index)).flat()
const requests = all.map(block => ({ type: 'request', ...block }) as const)
const [first] = all
const fast = { handshake: { reserved: RESERVED_BYTES.fast } }
const sendGreeting = () => {}
const protocol = Buffer.from('\x13BitTorrent protocol', 'latin1')
type Client = Awaited<ReturnType<typeof client>>

async function isServed(t: Parameters<typeof client>[0], wire: Wire) {
  if (wire.messagesOf('unchoke').length === 0) await wire.waitForUnchoke()
  t.same(await wire.fetchBlock(first!), made.content.subarray(0, 16384), 'an honest peer is served')
}

/** Dials a client. Resolves with both sides of the connection. */
async function both(t: Parameters<typeof client>[0], { address, torrent }: Client, script: PeerScript = {}) {
  const connected = new Promise<Peer>(resolve => torrent.once('connected', resolve))
  const wire = await dial(t, made, address, script)
  return { wire, peer: await connected }
}

t.test('of ten thousand requests at once five hundred are queued, and then the connection ends', async t => {
  const seed = await client(t, made, { up: 1000 })
  const { wire, peer } = await both(t, seed, fast)
  const { wire: other } = await both(t, seed)
  await wire.waitForUnchoke()
  wire.socket.pause()
  const closed = new Promise<void>(resolve => peer.once('close', () => resolve()))
  const many = (count: number) => Array.from({ length: count }, (_, n) => requests[n % requests.length]!)
  let maximum = 0
  wire.send(...many(1500))
  while (maximum < 450) {
    await settle()
    maximum = Math.max(maximum, peer.responder.waiting)
  }
  t.ok(maximum <= 500, `${maximum} waited at most`)
  wire.send(...many(8500))
  await closed
  t.match(seed.disconnected, [/requests in a row that we could not answer|without reading/])
  await other.waitForUnchoke()
  other.send(requests[0]!)
  while (other.messagesOf('piece').length === 0) await seed.clock.advance(10_000)
})

t.test('a choked peer that requests without end is dropped', async t => {
  const seed = await client(t, made)
  const wire = await dial(t, made, seed.address)
  wire.send(...Array.from({ length: 2001 }, () => requests[0]!))
  await wire.waitForEnd()
  t.match(seed.disconnected, [/2000 requests in a row that we could not answer/])
  t.same(wire.messagesOf('piece'), [])
  await isServed(t, await dial(t, made, seed.address))
})

t.test(
  'a peer that requests and never reads is dropped after a minute, and others are served meanwhile',
  async t => {
    const seed = await client(t, made)
    const { wire, peer } = await both(t, seed)
    const { wire: other } = await both(t, seed)
    await wire.waitForUnchoke()
    await other.waitForUnchoke()
    wire.socket.pause()
    // until the buffers of the system, of some megabytes, are full
    for (let still = 0; still < 200; ) {
      const before = peer.responder.uploaded
      if (peer.responder.waiting < 100) wire.send(...requests)
      await settle()
      still = peer.responder.uploaded === before && peer.responder.waiting >= 100 ? still + 1 : 0
    }
    await seed.clock.advance(58_000)
    t.same(seed.disconnected, [])
    await isServed(t, other)
    await seed.clock.advance(3_000)
    t.same(
      seed.disconnected,
      ['127.0.0.1:PORT: has not read what it asked for within 60 s'].map(reason =>
        reason.replace('PORT', String(peer.address.port)),
      ),
    )
    await isServed(t, other)
  },
)

t.test('of five hundred connections as many stay as the limit allows, and are served', async t => {
  const seed = await client(t, made, { maxPeers: 10 })
  const wires: Wire[] = []
  for (let n = 0; n < 500; n++) wires.push(await dial(t, made, seed.address))
  await Promise.all(
    wires.map(wire => wire.waitUntil(() => wire.closed || wire.messagesOf('bitfield').length > 0)),
  )
  const stay = wires.filter(wire => !wire.closed)
  t.equal(stay.length, 10)
  t.equal(seed.torrent.progress.peers, 10)
  await isServed(t, stay[0]!)
})

t.test('two hundred connections that close at once leave nothing open', async t => {
  const seed = await client(t, made)
  for (let n = 0; n < 200; n++) {
    const { wire, peer } = await both(t, seed)
    const closed = new Promise(resolve => peer.once('close', resolve))
    wire.socket.destroy()
    await closed
  }
  t.equal(seed.torrent.progress.peers, 0)
  await isServed(t, await dial(t, made, seed.address))
})

t.test('a slow handshake is given up after ten seconds, before and after the info-hash', async t => {
  for (const head of [protocol, Buffer.concat([protocol, Buffer.alloc(8), made.metainfo.infoHash])]) {
    const seed = await client(t, made)
    const wire = await dial(t, made, seed.address, { sendGreeting: wire => wire.sendBytes(head) })
    for (let seconds = 0; seconds < 10; seconds++) {
      t.equal(wire.closed, false)
      wire.sendBytes(Buffer.from([0]))
      // in steps, because the connection is made in real time
      for (let step = 0; step < (seconds < 9 ? 4 : 6); step++) await seed.clock.advance(250)
    }
    await wire.waitForEnd()
    t.equal(wire.bytes.length, 0)
    await seed.torrent.close()
  }
})

t.test('a reset at any stage ends that connection and nothing else', async t => {
  const reset = (wire: Wire) => wire.socket.resetAndDestroy()
  const seed = await client(t, made)
  const stages: ((wire: Wire) => Promise<unknown> | undefined)[] = [
    async () => {},
    async wire => wire.sendBytes(protocol),
    async wire => wire.sendHandshake(),
    async wire => {
      wire.sendHandshake()
      await wire.waitForMessages('handshake')
    },
    async wire => {
      wire.sendHandshake()
      await wire.waitForUnchoke()
      wire.send(...requests)
    },
    async wire => {
      wire.sendHandshake()
      await wire.waitForUnchoke()
      wire.send(...requests)
      await wire.waitForMessages('piece')
    },
  ]
  for (const stage of stages) {
    const wire = await dial(t, made, seed.address, { sendGreeting })
    await stage(wire)
    reset(wire)
    await isServed(t, await dial(t, made, seed.address))
  }
  t.same(seed.errors, [])
})
