/** Blocks of v2 torrents that are verified alone, with hashes that peers send (BEP 52). */
import t, { type Test } from 'tap'
import { countProofs, type HashRange } from '../../src/codec/hash-range.ts'
import type { BlockRef } from '../../src/codec/message.ts'
import type { Metainfo } from '../../src/metainfo/metainfo.ts'
import { findDamagedBlocks } from '../../src/pipeline/find-damaged-blocks.ts'
import { Torrent } from '../../src/pipeline/torrent.ts'
import { verify } from '../../src/pipeline/verify.ts'
import type { ListingFileSystem } from '../../src/ports/file-system.ts'
import { WindowStorage } from '../../src/storage/window-storage.ts'
import { makeTorrent, noise } from '../helpers/metainfo.ts'
import { type PeerScript, scriptedPeer, type Wire } from '../helpers/scripted-peer.ts'
import { client, memoryDisk, run } from '../helpers/swarm.ts'
import { layersOf, torrentOfFiles, v2Torrent } from '../helpers/v2-torrent.ts'

const BLOCK_BYTES = 16_384
const PIECE_LENGTH = 16 * BLOCK_BYTES
const content = noise(3 * PIECE_LENGTH + BLOCK_BYTES + 5, 1)
const torrent = torrentOfFiles(v2Torrent({ a: content }, PIECE_LENGTH), { a: content })
const layers = layersOf(content)

/** Returns the hashes of a range, and the proofs after them. */
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

/** Starts a peer that answers requests for hashes. */
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
      if (placeOf(block) === '1/5' && lies++ === 0) wire.sendBlock(block, wrong)
      else wire.sendBlock(block)
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
  const liar = await peer(t, { request: (block, wire) => wire.sendBlock(block, wrong) })
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
      if (placeOf(block) === '1/5' && lies++ === 0) wire.sendBlock(block, wrong)
      else wire.sendBlock(block)
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
    if (['0/15', '2/2'].includes(placeOf(block))) held.push(() => wire.sendBlock(block))
    else wire.sendBlock(block)
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

t.test(
  'one seed says which blocks of a damaged file are wrong, beyond the end of a short file as well',
  async t => {
    const seed = await client(t, torrent)
    const options = { trackers: false, encryption: 'off', peers: [seed.address] } as const
    const asking = new Torrent(torrent.metainfo, { ...options, storage: new WindowStorage(), onDemand: true })
    t.teardown(() => asking.close())
    const damaged = Buffer.from(content.subarray(0, 2 * PIECE_LENGTH + 3 * BLOCK_BYTES + 1))
    damaged[PIECE_LENGTH + 5 * BLOCK_BYTES]! ^= 1
    const disk = memoryDisk()
    await disk.writeFile('/home/a', damaged)
    const fs = disk as unknown as ListingFileSystem
    const verified = await verify(torrent.metainfo, '/home', { fs })
    t.same([...verified], [0])
    const asked: number[] = []
    const progress: number[] = []
    const leaves = {
      fetchLeaves: (index: number) => {
        asked.push(index)
        return asking.fetchLeaves(index)
      },
    }
    asking.start()
    const blocks = await findDamagedBlocks(torrent.metainfo, '/home', [1, 2, 3], leaves, {
      ...{ fs, onProgress: pieces => progress.push(pieces) },
    })
    t.same(blocks.get(1), [5])
    t.same(blocks.get(2), [3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15])
    t.same(blocks.get(3), [0, 1])
    t.same(asked, [1, 2], 'no peer is asked about a piece after the end of the file')
    t.same(progress, [1, 2, 3])
    t.equal(asking.progress.downloaded, 0)
  },
)

t.test('damaged blocks: no answer leaves a piece out, and invalid input is rejected', async t => {
  const disk = memoryDisk()
  await disk.writeFile('/home/a', Buffer.alloc(content.length))
  const fs = disk as unknown as ListingFileSystem
  const find = (
    metainfo: Metainfo,
    more = {},
    fetchLeaves = async (): Promise<Buffer | undefined> => undefined,
  ) => findDamagedBlocks(metainfo, '/home', [0], { fetchLeaves }, { fs, ...more })
  t.equal((await find(torrent.metainfo)).size, 0)
  const located = { metainfo: torrent.metainfo, directory: '/home' }
  const leaves = { fetchLeaves: async () => undefined }
  const found = await findDamagedBlocks(torrent.metainfo, '/none', [0], leaves, { fs, located })
  t.equal(found.size, 0, 'files that were located are not searched')
  const usage = { code: 'ERR_USAGE' }
  await t.rejects(
    find(makeTorrent({ files: [{ path: 'a', length: 1 }], pieceLength: 16_384 }).metainfo),
    usage,
  )
  await t.rejects(find(torrent.metainfo, { signal: AbortSignal.abort(new Error('enough')) }), /enough/)
  await t.rejects(
    find(torrent.metainfo, {}, () => Promise.reject(new Error('no network'))),
    /no network/,
  )
  const idle = new Torrent(torrent.metainfo, { trackers: false })
  await t.rejects(idle.fetchLeaves(0), usage, 'a torrent without a storage')
  await idle.close()
})
