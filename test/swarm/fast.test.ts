import { buffer } from 'node:stream/consumers'
import t from 'tap'
import { allowedFastSet } from '../../src/codec/allowed-fast.ts'
import { parseExtendedHandshake } from '../../src/codec/extended.ts'
import { makeTorrent } from '../helpers/metainfo.ts'
import { blocksOf, dial, named, scriptedPeer, type Wire } from '../helpers/scripted-peer.ts'
import { client, oddTorrent } from '../helpers/swarm.ts'
import { msg, RESERVED_BYTES, u32 } from '../helpers/wire.ts'

const made = oddTorrent()
const { infoHash } = made.metainfo
const none = () => false
const fast = { handshake: { reserved: RESERVED_BYTES.fast } }
const shakes = { sendGreeting: (wire: Wire) => wire.sendHandshake(fast.handshake) }
const [first] = blocksOf(made, 0)
const allowedBy = (wire: Wire): number[] => wire.messagesOf('allowedFast').map(({ index }) => index)
const blocks = (wire: Wire) => named(wire.messagesOf('request'))

t.test('a seed sends have-all and no bitfield, whichever side dialled', async t => {
  const peer = await scriptedPeer(t, made, shakes)
  const { address } = await client(t, made, { peers: [peer.address] })
  const ours = await peer.connection()
  const theirs = await dial(t, made, address, shakes)
  for (const wire of [ours, theirs]) {
    await wire.waitForUnchoke()
    t.equal(wire.types[2], 'haveAll')
    t.same(wire.messagesOf('bitfield'), [])
  }
})

for (const [id, name] of [
  [13, 'suggest'],
  [14, 'haveAll'],
  [15, 'haveNone'],
  [16, 'reject'],
  [17, 'allowedFast'],
] as const) {
  t.test(`${name} from a peer without the fast extension ends the connection`, async t => {
    const { address, disconnected } = await client(t, made, { has: none })
    const wire = await dial(t, made, address)
    wire.sendBytes(msg(id, Buffer.alloc(id === 16 ? 12 : id === 14 || id === 15 ? 0 : 4)))
    await wire.waitForEnd()
    t.match(disconnected, [`${name}, though the fast extension was not agreed on`])
  })
}

t.test('have-all and have-none in turn: the last one counts, for a leecher and a seed', async t => {
  const leech = await client(t, made, { has: none })
  const wire = await dial(t, made, leech.address, shakes)
  for (let n = 0; n < 100; n++) wire.send({ type: 'haveAll' }, { type: 'haveNone' })
  await wire.waitForMessages('notInterested', 100)
  wire.send({ type: 'unchoke' }, { type: 'haveAll' })
  await leech.torrent.done
  t.same(await leech.file('odd.bin'), made.content)
  const seed = await client(t, made)
  const other = await dial(t, made, seed.address, shakes)
  for (let n = 0; n < 100; n++) other.send({ type: 'haveAll' }, { type: 'haveNone' })
  await other.waitForUnchoke()
  t.same(await other.fetchBlock(first!), made.content.subarray(0, 16384))
})

t.test('while choked we request only allowed pieces, and each block once', async t => {
  const { address, torrent, clock, file } = await client(t, made, { has: none })
  let rejecting = true
  const wire = await dial(t, made, address, {
    ...shakes,
    interested() {},
    request: (block, wire) => (rejecting ? wire.send({ type: 'reject', ...block }) : wire.sendBlock(block)),
  })
  wire.send({ type: 'haveAll' })
  for (let index = 0; index < 4; index++) wire.send({ type: 'allowedFast', index })
  await wire.waitForMessages('request', 3)
  await clock.advance(60_000)
  const asked = blocks(wire)
  t.same(new Set(asked).size, asked.length, 'none twice')
  t.ok(asked.every(name => Number.parseInt(name, 10) < 4))
  rejecting = false
  wire.send({ type: 'unchoke' })
  await torrent.done
  t.same(await file('odd.bin'), made.content)
})

t.test('allowed pieces are downloaded while choked, and the rest after the unchoke', async t => {
  const { address, torrent, verified } = await client(t, made, { has: none })
  const two = new Promise<void>(resolve => torrent.on('verified', () => verified.length >= 2 && resolve()))
  const wire = await dial(t, made, address, { ...shakes, interested() {} })
  wire.send({ type: 'haveAll' }, { type: 'allowedFast', index: 3 }, { type: 'allowedFast', index: 8 })
  await two
  t.same([...verified].sort(), [3, 8])
  t.same([...blocks(wire)].sort(), ['3:0', '3:1', '3:2', '8:0', '8:1', '8:2'])
  wire.send({ type: 'unchoke' })
  await torrent.done
})

t.test(
  'while a reader waits, only the piece that it needs is requested from a peer that chokes us',
  async t => {
    const { address, torrent } = await client(t, made, { has: none, onDemand: true })
    await torrent.ready
    const read = buffer(torrent.files[0]!.stream())
    const wire = await dial(t, made, address, { ...shakes, interested() {} })
    wire.send({ type: 'haveAll' }, { type: 'allowedFast', index: 3 }, { type: 'allowedFast', index: 0 })
    await wire.waitForMessages('request', 3)
    t.same([...blocks(wire)].sort(), ['0:0', '0:1', '0:2'])
    wire.send({ type: 'unchoke' })
    t.same(await read, made.content)
  },
)

t.test('a choke rejects waiting requests, except for allowed pieces', async t => {
  const { address, clock } = await client(t, made, { up: 1000 })
  const wire = await dial(t, made, address, shakes)
  await wire.waitForMessages('allowedFast', 5)
  const allowed: number[] = allowedBy(wire)
  const others = Array.from({ length: 10 }, (_, index) => index).filter(index => !allowed.includes(index))
  await wire.waitForUnchoke()
  const [sent, ...refused] = others.flatMap(index => blocksOf(made, index))
  const [kept] = blocksOf(made, allowed.find(index => index < 10)!)
  for (const block of [sent!, ...refused, kept!]) wire.send({ type: 'request', ...block })
  await wire.waitForMessages('piece')
  wire.send({ type: 'notInterested' })
  await clock.advance(10_500)
  await wire.waitForMessages('reject', refused.length)
  t.same(
    wire.messagesOf('reject'),
    refused.map(block => ({ type: 'reject', ...block })),
  )
  t.ok(wire.types.indexOf('choke') < wire.types.indexOf('reject'))
  while (wire.messagesOf('piece').length < 2) await clock.advance(10_000)
  t.match(wire.messagesOf('piece')[1], kept!)
})

t.test('a peer is allowed the pieces that BEP 6 computes for its address, if we have them', async t => {
  const expected = allowedFastSet({ address: '127.0.0.1', infoHash, pieceCount: 11, count: 5 })
  for (const [has, pieces] of [
    [() => true, expected],
    [(index: number) => index < 5, expected.filter(index => index < 5)],
  ] as const) {
    const { address } = await client(t, made, { has })
    const wire = await dial(t, made, address, shakes)
    await wire.waitForUnchoke()
    t.same(allowedBy(wire), pieces)
    t.equal(new Set(allowedBy(wire)).size, pieces.length)
  }
})

t.test('a torrent of one or two pieces allows these only', async t => {
  for (const count of [1, 2]) {
    const small = makeTorrent({ files: [{ path: 'small.bin', length: count * 16384 }] })
    const { address } = await client(t, small)
    const wire = await dial(t, small, address, shakes)
    await wire.waitForUnchoke()
    t.same(
      allowedBy(wire),
      Array.from({ length: count }, (_, index) => index),
    )
  }
})

t.test('a choked peer gets an allowed piece three times at most', async t => {
  const { address } = await client(t, made)
  const wire = await dial(t, made, address, shakes)
  await wire.waitForMessages('allowedFast', 5)
  const index = allowedBy(wire).find(index => index < 10)!
  for (let time = 0; time < 3; time++) {
    for (const block of blocksOf(made, index)) await wire.fetchBlock(block)
  }
  t.same(wire.messagesOf('reject'), [])
  const [block] = blocksOf(made, index)
  wire.send({ type: 'request', ...block! })
  await wire.waitForMessages('reject')
  t.equal(wire.messagesOf('piece').length, 9)
  t.same(wire.messagesOf('choke'), [])
  await wire.waitForUnchoke()
  await wire.fetchBlock(block!)
})

t.test('a piece that a peer lost is not requested from it until it has it again', async t => {
  const { address, torrent, file } = await client(t, made, { has: none })
  const wire = await dial(t, made, address, { ...shakes, interested() {} })
  await wire.waitForMessages('extended')
  const id = parseExtendedHandshake(wire.messagesOf('extended')[0]!.payload).extensions.get('lt_donthave')!
  wire.send({ type: 'haveAll' }, { type: 'extended', id, payload: u32(3) }, { type: 'unchoke' })
  await wire.waitForMessages('notInterested')
  t.equal(wire.messagesOf('request').length, 29)
  t.notOk(wire.messagesOf('request').some(({ index }) => index === 3))
  wire.send({ type: 'have', index: 3 })
  await torrent.done
  t.same(await file('odd.bin'), made.content)
})

t.test("a don't-have that is out of range or has a wrong length changes nothing", async t => {
  const { address, torrent } = await client(t, made, { has: none })
  const wire = await dial(t, made, address, { ...shakes, interested() {} })
  await wire.waitForMessages('extended')
  const id = parseExtendedHandshake(wire.messagesOf('extended')[0]!.payload).extensions.get('lt_donthave')!
  wire.send({ type: 'haveAll' })
  for (const payload of [u32(11), u32(0xffffffff), u32(3, 3), Buffer.alloc(0), Buffer.alloc(3)]) {
    wire.send({ type: 'extended', id, payload })
  }
  wire.send({ type: 'unchoke' })
  await torrent.done
  t.equal(wire.messagesOf('request').length, 32)
})
