import t from 'tap'
import { Bitfield } from '../../src/codec/bitfield.ts'
import type { Peer } from '../../src/pipeline/peer/peer.ts'
import { blocksOf, dial, scriptedPeer, type Wire } from '../helpers/scripted-peer.ts'
import { client, oddTorrent } from '../helpers/swarm.ts'
import { settle } from '../helpers/virtual-clock.ts'
import { RESERVED_BYTES } from '../helpers/wire.ts'

const made = oddTorrent()
const all = Array.from({ length: 11 }, (_, index) => blocksOf(made, index)).flat()
const [first, second] = blocksOf(made, 0)
const none = () => false
const half = (index: number) => index < 5
const fast = { handshake: { reserved: RESERVED_BYTES.fast } }
const request = (index: number, begin: number, length: number) =>
  ({ type: 'request', index, begin, length }) as const
const dataOf = ({ index, begin, length }: { index: number; begin: number; length: number }) =>
  made.content.subarray(index * 40960 + begin, index * 40960 + begin + length)
const haves = (wire: Wire) => wire.messagesOf('have').map(({ index }) => index)

t.test('a seed serves every block unchanged, in the order of the requests', async t => {
  const { address, torrent } = await client(t, made)
  const wire = await dial(t, made, address)
  await wire.waitForUnchoke()
  wire.send(...all.map(block => ({ type: 'request', ...block }) as const))
  await wire.waitForMessages('piece', all.length)
  const pieces = wire.messagesOf('piece')
  t.same(
    pieces.map(({ index, begin, length }) => ({ index, begin, length })),
    all,
  )
  t.same(Buffer.concat(pieces.map(({ data }) => data!)), made.content)
  await torrent.close()
  t.equal(torrent.progress.uploaded, made.content.length)
})

t.test('a request for a piece that we lack is rejected, or ignored without the fast extension', async t => {
  const { address } = await client(t, made, { has: half })
  const [lacking] = blocksOf(made, 7)
  for (const handshake of [fast.handshake, {}]) {
    const wire = await dial(t, made, address, { handshake })
    await wire.waitForUnchoke()
    wire.send({ type: 'request', ...lacking! })
    t.same(await wire.fetchBlock(first!), dataOf(first!))
    t.same(wire.messagesOf('reject'), 'reserved' in handshake ? [{ type: 'reject', ...lacking }] : [])
  }
})

for (const [index, begin, length] of [
  [11, 0, 16384],
  [124134235, 0, 16384],
  [0xffffffff, 0, 16384],
  [0, 0, 0],
  [0, 40960 - 16384, 16385],
  [0, 40960, 16384],
  [0, 0xffffffff, 16384],
  [0, 0xfffff000, 0x4000],
  [0, 0, 32768],
  [0, 0, 0xffffffff],
  [10, 16384, 43],
] as const) {
  t.test(`a request of ${length} bytes at ${begin} of piece ${index} ends the connection`, async t => {
    const { address, disconnected } = await client(t, made)
    const wire = await dial(t, made, address, fast)
    await wire.waitForUnchoke()
    wire.send(request(index, begin, length))
    await wire.waitForEnd()
    t.same(wire.messagesOf('piece'), [])
    t.match(disconnected, [`request for ${length} bytes at ${begin} of piece ${index}`])
    const other = await dial(t, made, address)
    await other.waitForUnchoke()
    t.same(await other.fetchBlock(first!), dataOf(first!))
  })
}

t.test('the last, short block is served to its end', async t => {
  const { address } = await client(t, made)
  const wire = await dial(t, made, address)
  await wire.waitForUnchoke()
  t.same(await wire.fetchBlock({ index: 10, begin: 16384, length: 42 }), made.content.subarray(-42))
  t.same(await wire.fetchBlock({ index: 10, begin: 16425, length: 1 }), made.content.subarray(-1))
})

t.test('a choked peer with the fast extension is rejected, and served once it is unchoked', async t => {
  const { address } = await client(t, made)
  const wire = await dial(t, made, address, fast)
  await wire.waitForMessages('allowedFast', 5)
  const allowed: number[] = wire.messagesOf('allowedFast').map(({ index }) => index)
  const block = all.find(({ index }) => !allowed.includes(index))!
  wire.send({ type: 'request', ...block })
  await wire.waitForMessages('reject')
  t.same(wire.messagesOf('reject'), [{ type: 'reject', ...block }])
  await wire.waitForUnchoke()
  t.same(await wire.fetchBlock(block), dataOf(block))
  t.equal(wire.messagesOf('piece').length, 1)
})

t.test('a choked peer without the fast extension gets no answer', async t => {
  const { address, torrent } = await client(t, made)
  const connected = new Promise<Peer>(resolve => torrent.once('connected', resolve))
  const wire = await dial(t, made, address, { handshake: { reserved: RESERVED_BYTES.extended } })
  const peer = await connected
  const looked = new Promise(resolve => peer.once('extended', resolve))
  wire.send({ type: 'request', ...first! }, { type: 'extended', id: 0, payload: Buffer.from('de') })
  await looked
  await settle()
  await wire.waitForUnchoke()
  t.same(await wire.fetchBlock(second!), dataOf(second!))
  t.same(wire.types, ['handshake', 'extended', 'bitfield', 'unchoke', 'piece'])
})

t.test(
  'a request that is cancelled while it waits is not sent, and rejected with the fast extension',
  async t => {
    const { address, clock } = await client(t, made, { up: 1000 })
    for (const handshake of [fast.handshake, {}]) {
      const wire = await dial(t, made, address, { handshake })
      await wire.waitForUnchoke()
      wire.send(...all.slice(0, 5).map(block => ({ type: 'request', ...block }) as const))
      wire.send({ type: 'cancel', ...all[4]! })
      while (wire.messagesOf('piece').length < 4) await clock.advance(10_000)
      wire.send({ type: 'request', ...all[6]! })
      while (wire.messagesOf('piece').length < 5) await clock.advance(10_000)
      t.same(
        wire.messagesOf('piece').map(({ index, begin, length }) => ({ index, begin, length })),
        [...all.slice(0, 4), all[6]],
      )
      t.same(wire.messagesOf('reject'), 'reserved' in handshake ? [{ type: 'reject', ...all[4] }] : [])
      wire.socket.destroy()
    }
  },
)

t.test('a cancel of a block that was not requested is ignored', async t => {
  const { address } = await client(t, made)
  const wire = await dial(t, made, address, fast)
  await wire.waitForUnchoke()
  for (const index of [0, 11, 0xffffffff]) wire.send({ type: 'cancel', index, begin: 0xffffffff, length: 0 })
  t.same(await wire.fetchBlock(second!), dataOf(second!))
  t.same(wire.messagesOf('reject'), [])
})

t.test('only interested peers are unchoked, and nothing is requested before an unchoke', async t => {
  const { address, clock, torrent } = await client(t, made, { has: half })
  const wire = await dial(t, made, address, { has: () => true, interested() {} })
  await wire.waitForMessages('interested')
  await clock.advance(30_000)
  t.same(wire.types, ['handshake', 'bitfield', 'interested'])
  wire.send({ type: 'unchoke' })
  await torrent.done
})

t.test('a peer that has what we lack is sent one interested, and one not interested at the end', async t => {
  const { address, torrent } = await client(t, made, { has: half })
  const poor = await dial(t, made, address, { has: half })
  const rich = await dial(t, made, address, { has: () => true })
  await rich.waitForMessages('interested')
  rich.send({ type: 'unchoke' })
  await torrent.done
  await rich.waitForMessages('notInterested')
  t.same([rich.messagesOf('interested').length, rich.messagesOf('notInterested').length], [1, 1])
  await poor.waitForUnchoke()
  t.same([poor.messagesOf('interested'), poor.messagesOf('notInterested')], [[], []])
})

t.test('a half-complete client announces each new piece to peers that lack it, and serves it', async t => {
  const { address, torrent, verified } = await client(t, made, { has: half })
  const poor = await dial(t, made, address)
  await poor.waitForUnchoke()
  t.same(await poor.fetchBlock(first!), dataOf(first!))
  const rich = await dial(t, made, address, { has: () => true })
  await rich.waitForMessages('interested')
  rich.send({ type: 'unchoke' })
  await torrent.done
  await poor.waitForMessages('have', 6)
  t.same(haves(poor).sort(), [10, 5, 6, 7, 8, 9])
  t.same(haves(poor).sort(), verified.filter(index => !half(index)).sort())
  const [block] = blocksOf(made, 10)
  t.same(await poor.fetchBlock(block!), dataOf(block!))
  await rich.waitForMessages('notInterested')
  t.same(haves(rich), [], 'it has them all')
})

t.test('our bitfield has the required length and no spare bit set', async t => {
  const { address } = await client(t, made, { has: half })
  const wire = await dial(t, made, address)
  await wire.waitForMessages('bitfield')
  t.same([...wire.messagesOf('bitfield')[0]!.bytes], [0xf8, 0])
  const seed = await client(t, made)
  const other = await dial(t, made, seed.address)
  await other.waitForMessages('bitfield')
  t.same([...other.messagesOf('bitfield')[0]!.bytes], [...Bitfield.full(11).bytes])
  t.same([...other.messagesOf('bitfield')[0]!.bytes], [0xff, 0xe0])
})

t.test('without pieces we send have-none, or nothing without the fast extension', async t => {
  const { address } = await client(t, made, { has: none })
  const quick = await dial(t, made, address, fast)
  await quick.waitForUnchoke()
  t.same(quick.types, ['handshake', 'extended', 'haveNone', 'unchoke'])
  const plain = await dial(t, made, address)
  await plain.waitForUnchoke()
  t.same(plain.types, ['handshake', 'unchoke'])
})

t.test('two seeds disconnect, and do not dial each other for ten minutes', async t => {
  const peer = await scriptedPeer(t, made)
  const { address, clock, disconnected } = await client(t, made, { peers: [peer.address] })
  const wire = await peer.connection()
  await wire.waitForMessages('bitfield')
  const incoming = await dial(t, made, address, { has: () => true })
  const partial = await dial(t, made, address, { handshake: { reserved: RESERVED_BYTES.extended } })
  const leech = await dial(t, made, address)
  partial.send({ type: 'extended', id: 0, payload: Buffer.from('d11:upload_onlyi1ee') })
  await leech.waitForUnchoke()
  while (![wire, incoming, partial].every(({ closed }) => closed)) await clock.advance(250)
  t.equal(disconnected.length, 3)
  t.same(await leech.fetchBlock(first!), dataOf(first!))
  await clock.advance(100_000)
  t.equal(peer.wires.length, 1)
})
