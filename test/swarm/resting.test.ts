import { buffer } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { Bitfield } from '../../src/codec/bitfield.ts'
import { MemoryBudget } from '../../src/pipeline/limits/memory-budget.ts'
import { blocksOf, dial } from '../helpers/scripted-peer.ts'
import { client, oddTorrent } from '../helpers/swarm.ts'
import { settle } from '../helpers/virtual-clock.ts'
import { RESERVED_BYTES } from '../helpers/wire.ts'

const made = oddTorrent()
const [first] = blocksOf(made, 0)
const MEMORY_BYTES = 64 << 20

/** Creates a seed and another torrent of its client. The other one has all of the memory while the seed rests. */
async function restingSeed(t: Test) {
  const memoryBudget = new MemoryBudget(MEMORY_BYTES)
  memoryBudget.add({ onShare() {} })
  const seed = await client(t, made, { memoryBudget })
  await seed.torrent.done
  const isResting = () => memoryBudget.share === MEMORY_BYTES && seed.clock.pending === 0
  const rests = async () => {
    for (let seconds = 0; seconds < 300 && !isResting(); seconds++) await seed.clock.advance(1000)
    t.ok(isResting(), 'it has no timer and takes no memory')
  }
  return { ...seed, isResting, rests }
}

t.test('a seed without peers rests, serves each peer that connects, and rests again', async t => {
  const { address, isResting, rests, torrent } = await restingSeed(t)
  await rests()
  for (let count = 1; count <= 3; count++) {
    const wire = await dial(t, made, address)
    await wire.waitForUnchoke()
    t.notOk(isResting())
    t.same(await wire.fetchBlock(first!), made.content.subarray(0, 16384))
    wire.socket.destroy()
    while (torrent.progress.peers > 0) await settle()
    await rests()
    t.equal(torrent.progress.uploaded, count * 16384)
    t.equal(torrent.progress.verified, made.content.length)
    t.equal(torrent.state, 'seeding')
  }
})

t.test(
  'a seed is ticked once a second while it uploads little, and more often while it uploads much',
  async t => {
    const { address, clock } = await restingSeed(t)
    const wire = await dial(t, made, address)
    await wire.waitForUnchoke()
    await clock.advance(1000)
    let timers = 0
    const { setTimeout } = clock
    clock.setTimeout = (...args) => {
      timers++
      return setTimeout.apply(clock, args)
    }
    for (let at = 0; at < 40; at++) await clock.advance(250)
    t.ok(timers <= 12, `${timers} timers in ten seconds`)
    timers = 0
    for (let at = 0; at < 40; at++) {
      for (let count = 0; count < 4; count++) await wire.fetchBlock(first!)
      await clock.advance(250)
    }
    t.ok(timers >= 36, `${timers} timers in ten seconds of 256 KiB each`)
  },
)

t.test('a reader of a torrent that rests gets every byte', async t => {
  const { rests, torrent } = await restingSeed(t)
  await rests()
  t.same(await buffer(torrent.files[0]!.stream()), made.content)
  await rests()
})

t.test('a torrent that rests is paused, resumed and closed as any other', async t => {
  const { address, clock, rests, torrent } = await restingSeed(t)
  await rests()
  await torrent.pause()
  t.equal(torrent.state, 'paused')
  await clock.advance(10_000)
  t.equal(clock.pending, 0)
  torrent.resume()
  const wire = await dial(t, made, address)
  await wire.waitForUnchoke()
  t.same(await wire.fetchBlock(first!), made.content.subarray(0, 16384))
  await torrent.close()
  t.equal(clock.pending, 0)
})

for (const isWrong of [false, true]) {
  t.test(
    `a deferred sample is hashed before a peer gets a block; ${isWrong ? 'wrong' : 'right'} bytes`,
    async t => {
      const sample = [1, 4]
      const content = Buffer.from(made.content)
      if (isWrong) content[4 * made.metainfo.pieceLength]! ^= 1
      const trusted = fullBitfield(made.metainfo.pieceCount)
      const resume = { read: async () => ({ trusted, sample }), write: async () => {} }
      const changed = { ...made, content }
      const { address, torrent } = await client(t, changed, { resume, deferSample: true })
      await torrent.done
      t.ok(torrent.verified.full, 'the record is believed until a peer comes')
      const wire = await dial(t, made, address, { handshake: { reserved: RESERVED_BYTES.fast } })
      await wire.waitForUnchoke()
      wire.send({ type: 'request', ...blocksOf(made, isWrong ? 4 : 0)[0]! })
      if (isWrong) await wire.waitUntil(() => wire.messagesOf('reject').length > 0)
      else await wire.waitUntil(() => wire.messagesOf('piece').length > 0)
      while (isWrong && torrent.verified.has(4)) await settle()
      t.equal(torrent.verified.count, made.metainfo.pieceCount - (isWrong ? 1 : 0))
    },
  )
}

function fullBitfield(size: number): Bitfield {
  const bits = new Bitfield(size)
  for (let index = 0; index < size; index++) bits.add(index)
  return bits
}
