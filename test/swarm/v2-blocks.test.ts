/** Blocks of v2 torrents that are verified alone, with hashes that peers send (BEP 52). */
import t, { type Test } from 'tap'
import { countProofs, type HashRange } from '../../src/codec/hash-range.ts'
import type { BlockRef } from '../../src/codec/message.ts'
import { noise } from '../helpers/metainfo.ts'
import { type PeerScript, scriptedPeer, type Wire } from '../helpers/scripted-peer.ts'
import { run } from '../helpers/swarm.ts'
import { layersOf, torrentOfFiles, v2Torrent } from '../helpers/v2-torrent.ts'

const BLOCK_BYTES = 16_384
const PIECE_LENGTH = 16 * BLOCK_BYTES
const content = noise(3 * PIECE_LENGTH + BLOCK_BYTES + 5, 1)
const torrent = torrentOfFiles(v2Torrent({ a: content }, PIECE_LENGTH), { a: content })
const layers = layersOf(content)

/** The hashes of a range, and the proofs after them. */
function hashesOf(range: HashRange): Buffer {
  const { base, index, length } = range
  const hashes = layers[base]!.slice(index, index + length)
  let layer = base + Math.log2(length)
  let at = index / length
  for (let left = countProofs(range); left > 0; left--, layer++, at = Math.floor(at / 2)) {
    hashes.push(layers[layer]![at % 2 === 0 ? at + 1 : at - 1]!)
  }
  return Buffer.concat(hashes)
}

/** A peer that answers requests for hashes. */
function peer(t: Test, script: PeerScript = {}) {
  const ranges: HashRange[] = []
  const made = scriptedPeer(t, torrent, {
    ...script,
    message: (message, wire) => {
      if (message.type !== 'hashRequest') return
      ranges.push(message)
      wire.send({ ...message, type: 'hashes', hashes: hashesOf(message) })
    },
  })
  return made.then(({ address, connection, requests }) => ({ address, connection, requests, ranges }))
}

const placeOf = ({ index, begin }: BlockRef) => `${index}/${begin / BLOCK_BYTES}`
const wrong = (data: Buffer) => {
  data[7]! ^= 1
  return data
}

t.test('from a single seed, only the wrong block is downloaded again', async t => {
  let lies = 0
  const seed = await peer(t, {
    request: (block, wire) => {
      if (placeOf(block) === '1/5' && lies++ === 0) wire.serve(block, wrong)
      else wire.serve(block)
    },
  })
  const { torrent: leech, file, disconnected } = run(t, torrent, { peers: [seed.address] })
  await leech.done
  t.same(await file('a'), content)
  const places = seed.requests.map(placeOf)
  t.equal(places.length, new Set(places).size + 1)
  t.equal(places.filter(place => place === '1/5').length, 2)
  t.same(
    seed.ranges.map(({ base, index, length }) => [base, index, length]),
    [[0, 16, 16]],
    'the hashes of the blocks of the wrong piece alone',
  )
  t.same(disconnected, [], 'one wrong block may come from a faulty disk')
})

t.test('of two peers, the one that lies is banned, and the blocks of the other are kept', async t => {
  const liar = await peer(t, { request: (block, wire) => wire.serve(block, wrong) })
  const honest = await peer(t)
  const peers = [liar.address, honest.address]
  const { torrent: leech, file } = run(t, torrent, { peers })
  const banned: string[] = []
  leech.on('disconnected', ({ address }, reason) => {
    if (/wrong bytes/.test(reason)) banned.push(`${address.port}`)
  })
  await leech.done
  t.same(await file('a'), content)
  t.same(banned, [`${liar.address.port}`])
  const places = honest.requests.map(placeOf)
  t.equal(places.length, new Set(places).size, 'no block of the honest peer was requested again')
})

t.test('without peers that send hashes, a wrong piece is downloaded again at once', async t => {
  let lies = 0
  const seed = await scriptedPeer(t, torrent, {
    request: (block, wire) => {
      if (placeOf(block) === '1/5' && lies++ === 0) wire.serve(block, wrong)
      else wire.serve(block)
    },
    message: (message, wire) => {
      if (message.type === 'hashRequest') wire.send({ ...message, type: 'hashReject' })
    },
  })
  const { torrent: leech, file } = run(t, torrent, { peers: [seed.address] })
  await leech.done
  t.same(await file('a'), content)
  t.equal(seed.requests.filter(({ index }) => index === 1).length, 32)
})

t.test('a reader gets the blocks of a piece before the piece is complete, also after a seek', async t => {
  const held: (() => void)[] = []
  const hold = (block: BlockRef, wire: Wire) => {
    // the last blocks of the piece after its first, in the order of the reader
    if (['0/15', '2/2'].includes(placeOf(block))) held.push(() => wire.serve(block))
    else wire.serve(block)
  }
  const seed = await peer(t, { request: hold })
  const { torrent: leech } = run(t, torrent, { peers: [seed.address], onDemand: true })
  await leech.ready
  for (const start of [0, 2 * PIECE_LENGTH + 3 * BLOCK_BYTES + 10]) {
    const reader = leech.files[0]!.stream({ start, end: start + 12 * BLOCK_BYTES })
    let at = start
    for await (const chunk of reader) {
      t.ok(content.subarray(at, at + chunk.length).equals(chunk), `${at}`)
      at += chunk.length
    }
    t.equal(at, start + 12 * BLOCK_BYTES)
    t.notOk(leech.verified.has(start === 0 ? 0 : 2), 'the piece is not complete')
  }
  for (const serve of held) serve()
})

t.test('the hashes are requested before the blocks, at the start and after a seek', async t => {
  const seed = await peer(t)
  const { torrent: leech } = run(t, torrent, { peers: [seed.address], onDemand: true })
  await leech.ready
  for (const start of [0, 2 * PIECE_LENGTH + 5 * BLOCK_BYTES]) {
    const reader = leech.files[0]!.stream({ start, end: start + BLOCK_BYTES })
    for await (const chunk of reader) t.ok(content.subarray(start).subarray(0, chunk.length).equals(chunk))
  }
  const { received } = await seed.connection()
  for (const index of [0, 2]) {
    const first = (type: string, isOfPiece: (message: { index: number }) => boolean) =>
      received.findIndex(message => message.type === type && isOfPiece(message as { index: number }))
    const asked = first('hashRequest', range => range.index === 16 * index)
    t.ok(asked >= 0 && asked < first('request', block => block.index === index), `piece ${index}`)
  }
})
