import { createHash, type Hash } from 'node:crypto'
import t from 'tap'
import { digestPiece, type PieceShape } from '../../../src/metainfo/piece-digest.ts'
import { PieceTrees } from '../../../src/metainfo/piece-trees.ts'
import { type Block, PieceBuffer } from '../../../src/streams/piece-buffer.ts'
import { type HashThreads, Verifier, type VerifierOptions } from '../../../src/streams/torrent/verifier.ts'
import { generator } from '../../helpers/feed.ts'
import { type MadeTorrent, makeTorrent, noise, pieceOf } from '../../helpers/metainfo.ts'
import { torrentOfFiles, v2Torrent } from '../../helpers/v2-torrent.ts'
import { settle } from '../../helpers/virtual-clock.ts'

const KiB16 = 16384
const torrent = (length: number, pieceLength: number) =>
  makeTorrent({ files: [{ path: 'a', length }], pieceLength })

function verifier({ metainfo }: MadeTorrent, options: Partial<VerifierOptions> = {}) {
  const stage = new Verifier({ hashes: metainfo.hashes, ...options })
  const passed: PieceBuffer[] = []
  const errors: Error[] = []
  stage.on('data', piece => passed.push(piece))
  stage.on('error', error => errors.push(error))
  return { stage, passed, errors }
}
/** Returns the blocks of a piece, in order. */
function blocksOf(made: MadeTorrent, index: number, bytes = pieceOf(made, index)) {
  const piece = new PieceBuffer(index, bytes.length)
  const put = (block: number): Block =>
    piece.put(block * KiB16, bytes.subarray(block * KiB16, (block + 1) * KiB16))
  return { piece, put, order: Array.from({ length: piece.blocks }, (_, block) => block) }
}
function shuffle<T>(items: T[], seed: number): T[] {
  const chance = generator(seed)
  for (let at = items.length - 1; at > 0; at--) {
    const other = Math.floor(chance() * (at + 1))
    ;[items[at], items[other]] = [items[other]!, items[at]!]
  }
  return items
}

t.test('blocks in any order make a piece that passes once', async t => {
  const made = torrent(40 * KiB16, 40 * KiB16)
  for (let seed = 0; seed < 20; seed++) {
    const { stage, passed, errors } = verifier(made)
    const { put, order, piece } = blocksOf(made, 0)
    for (const block of seed ? shuffle(order, seed) : order.reverse()) {
      t.equal(passed.length, 0)
      stage.write(put(block))
      if (seed % 2) await settle()
    }
    await settle()
    t.equal(passed.length, 1, `seed ${seed}`)
    t.equal(passed[0], piece)
    t.equal(piece.closed, true, 'no peer may write into it from now on')
    t.same(errors, [])
  }
})

t.test('the last, short piece ends with a block of 42 bytes', async t => {
  const made = torrent(3 * 4 * KiB16 + 2 * KiB16 + 42, 4 * KiB16)
  const { stage, passed, errors } = verifier(made)
  for (const seed of [3, 1, 0, 2]) {
    const { put, order } = blocksOf(made, seed)
    for (const block of shuffle(order, seed)) stage.write(put(block))
  }
  await settle()
  t.same(errors, [])
  t.same(
    passed.map(({ index, length }) => [index, length]),
    [
      [3, 2 * KiB16 + 42],
      [1, 4 * KiB16],
      [0, 4 * KiB16],
      [2, 4 * KiB16],
    ],
  )
})

t.test('pieces with interleaved blocks are verified separately', async t => {
  const made = torrent(20 * 8 * KiB16, 8 * KiB16)
  const { stage, passed, errors } = verifier(made)
  const puts = Array.from({ length: 20 }, (_, index) => {
    const { put, order } = blocksOf(made, index)
    return order.map(block => () => stage.write(put(block)))
  })
  for (const write of shuffle(puts.flat(), 5)) write()
  await settle()
  t.same(errors, [])
  t.same(
    passed.map(({ index }) => index).sort((a, b) => a - b),
    Array.from({ length: 20 }, (_, index) => index),
  )
})

t.test('a wrong byte anywhere fails the piece', async t => {
  const made = torrent(2 * KiB16 + 42, 2 * KiB16 + 42)
  for (const at of [0, KiB16 - 1, KiB16, 2 * KiB16, 2 * KiB16 + 41]) {
    const corrupt: PieceBuffer[] = []
    const { stage, passed, errors } = verifier(made, { onCorrupt: piece => corrupt.push(piece) })
    const bytes = Buffer.from(made.content)
    bytes[at]! ^= 1
    const { put, order, piece } = blocksOf(made, 0, bytes)
    for (const block of order) stage.write(put(block))
    await settle()
    t.same(passed, [])
    t.equal(corrupt.length, 1, `byte ${at}`)
    t.equal(corrupt[0], piece)
    t.equal(piece.closed, true)
    t.same(errors, [])
    t.equal(stage.destroyed, false, 'it goes on')
  }
})

t.test('a wrong piece that is begun again passes, without memory of the first attempt', async t => {
  const made = torrent(4 * KiB16, 2 * KiB16)
  let corrupt = 0
  const { stage, passed } = verifier(made, { onCorrupt: () => corrupt++ })
  const wrong = blocksOf(made, 0, Buffer.alloc(2 * KiB16, 9))
  const right = blocksOf(made, 0)
  const other = blocksOf(made, 1)
  for (const block of [wrong.put(0), other.put(0), wrong.put(1), right.put(1), other.put(1), right.put(0)])
    stage.write(block)
  await settle()
  t.equal(corrupt, 1)
  t.same(passed, [other.piece, right.piece])
})

t.test('a wrong piece is an error if it is not handled', async t => {
  const made = torrent(KiB16, KiB16)
  const { stage, passed, errors } = verifier(made)
  stage.write(blocksOf(made, 0, Buffer.alloc(KiB16)).put(0))
  await settle()
  t.match(errors, [{ name: 'PeerError', code: 'ERR_CORRUPT', message: 'piece 0 does not match its hash' }])
  t.same(passed, [])
  t.equal(stage.destroyed, true)
})

t.test('each piece is compared with its own hash', async t => {
  const made = torrent(2 * KiB16, KiB16)
  const corrupt: number[] = []
  const { stage, passed } = verifier(made, { onCorrupt: ({ index }) => corrupt.push(index) })
  stage.write(blocksOf(made, 0, pieceOf(made, 1)).put(0))
  stage.write(blocksOf(made, 1, pieceOf(made, 0)).put(0))
  stage.write(blocksOf(made, 2, pieceOf(made, 0)).put(0)) // a piece without a hash
  await settle()
  t.same(corrupt, [0, 1, 2])
  t.same(passed, [])
})

t.test('a block that is known, or of a piece that is complete, changes nothing', async t => {
  const made = torrent(4 * KiB16, 2 * KiB16)
  const { stage, passed, errors } = verifier(made)
  const { put, piece } = blocksOf(made, 0)
  const results = [put(0), put(0), put(1), put(1)]
  for (const block of results) stage.write(block)
  for (const block of results) stage.write(block)
  const given = blocksOf(made, 1)
  const first = given.put(0)
  given.piece.close()
  stage.write(first)
  stage.write({ piece: given.piece, begin: KiB16, length: KiB16 })
  await settle()
  t.same(passed, [piece])
  t.same(errors, [])
})

t.test('one message is enough for all blocks that arrived before it', async t => {
  const made = torrent(8 * KiB16, 8 * KiB16)
  const { stage, passed } = verifier(made)
  const { put, order, piece } = blocksOf(made, 0)
  const results = order.map(put)
  stage.write(results[3]!)
  await settle()
  t.same(passed, [piece])
})

t.test('a large piece is hashed as it arrives: its last block leaves only one step', async t => {
  const made = torrent(256 * KiB16, 256 * KiB16)
  const updates: number[] = []
  const proto = Object.getPrototypeOf(createHash('sha1')) as { update(data: Uint8Array): Hash }
  const { update } = proto
  t.teardown(() => {
    proto.update = update
  })
  proto.update = function (data) {
    updates.push(data.length)
    return update.call(this, data)
  }
  const { stage, passed } = verifier(made)
  const { put, order } = blocksOf(made, 0)
  for (const block of order.slice(0, -1)) {
    stage.write(put(block))
    await settle()
  }
  const before = updates.reduce((sum, bytes) => sum + bytes, 0)
  t.ok(before >= 240 * KiB16, `${before / KiB16} of 256 blocks`)
  stage.write(put(255))
  await settle()
  t.equal(passed.length, 1)
  t.equal(
    updates.reduce((sum, bytes) => sum + bytes, 0),
    256 * KiB16,
    'nothing twice',
  )
  t.ok(Math.max(...updates) <= 16 * KiB16, 'and never much at once')
  t.ok(updates.length < 40, `${updates.length} calls`)
})

t.test('no more blocks are accepted while 1 MiB of pieces wait, and none is lost', async t => {
  const made = torrent(100 * 4 * KiB16, 4 * KiB16)
  const stage = new Verifier({ hashes: made.metainfo.hashes })
  const pieces = Array.from({ length: 100 }, (_, index) => blocksOf(made, index))
  for (const { put, order } of pieces) for (const block of order) stage.write(put(block))
  await settle()
  const hashed = pieces.filter(({ piece }) => piece.closed).length
  t.ok(hashed >= 16 && hashed <= 18, `${hashed} pieces of 64 KiB`)
  stage.end()
  const indices: number[] = []
  for await (const { index } of stage) indices.push(index)
  t.same(
    indices,
    Array.from({ length: 100 }, (_, index) => index),
  )
})

t.test('hashes equal those of node:crypto', async t => {
  const made = torrent(KiB16 + 1, KiB16)
  t.same(made.metainfo.hashes.subarray(20), createHash('sha1').update(made.content.subarray(KiB16)).digest())
})

/** Threads that hash when a test lets them. Each reading of their clock is `step` milliseconds later than the last. */
class ManualThreads implements HashThreads {
  readonly highShare = 0.2
  step = 100
  isReady = true
  readonly jobs: {
    bytes: Uint8Array
    shape: PieceShape | undefined
    resolve: (hash: Uint8Array) => void
    reject: (error: Error) => void
  }[] = []
  #now = 0

  now(): number {
    return (this.#now += this.step)
  }

  hashBytes(bytes: Uint8Array, shape?: PieceShape): Promise<Uint8Array> | undefined {
    if (!this.isReady) return undefined
    return new Promise((resolve, reject) => this.jobs.push({ bytes, shape, resolve, reject }))
  }

  /** Finishes the job at this place in the queue. */
  finish(at = 0): void {
    const [job] = this.jobs.splice(at, 1)
    job!.resolve(digestPiece(job!.bytes, job!.shape))
  }
}

/** Returns a verifier, after enough pieces that it has too much to hash on the main thread, and the number of those pieces. */
async function busyVerifier(made: MadeTorrent, options: Partial<VerifierOptions> = {}) {
  const threads = new ManualThreads()
  const verifying = verifier(made, { ...options, threads, now: () => threads.now() })
  const write = async (index: number, bytes?: Buffer) => {
    const { put, order, piece } = blocksOf(made, index, bytes)
    for (const block of order.map(put).slice(-1)) verifying.stage.write(block)
    await settle()
    return piece
  }
  let first = 0
  while (threads.jobs.length === 0) await write(first++)
  return { ...verifying, threads, write, first }
}

t.test('while there is too much to hash, threads hash whole pieces, and pass them in any order', async t => {
  const made = torrent(20 * 4 * KiB16, 4 * KiB16)
  const { threads, passed, errors, write, first, stage } = await busyVerifier(made)
  t.equal(passed.length, first - 1, 'the main thread hashed those before')
  const second = await write(first)
  t.equal(second.closed, true, 'no peer may write into it')
  threads.finish(1)
  await settle()
  t.equal(passed.at(-1), second)
  threads.finish()
  await settle()
  t.equal(passed.length, first + 1)
  const third = await write(first + 1)
  stage.end()
  await settle()
  t.equal(stage.destroyed, false, 'the end waits for the threads')
  threads.finish()
  await settle()
  t.equal(passed.at(-1), third)
  t.same(errors, [])
})

t.test('threads hash pieces of a v2 torrent, and find wrong ones', async t => {
  const content = noise(20 * 4 * KiB16 + 100, 2)
  const made = torrentOfFiles(v2Torrent({ a: content }, 4 * KiB16), { a: content })
  const corrupt: number[] = []
  const { threads, passed, errors, write, first } = await busyVerifier(made, {
    hashes: PieceTrees.of(made.metainfo)!,
    onCorrupt: ({ index }) => corrupt.push(index),
  })
  const wrong = Buffer.from(pieceOf(made, first))
  wrong[5]! ^= 1
  const last = made.metainfo.pieceCount - 1
  await write(first, wrong)
  await write(last, content.subarray(last * 4 * KiB16))
  for (let jobs = 0; jobs < 3; jobs++) threads.finish()
  await settle()
  t.same(passed.map(({ index }) => index).slice(first - 1), [first - 1, last])
  t.same(corrupt, [first])
  t.same(errors, [])
})

t.test('a block of a piece that is not whole is left for a thread, and counts later on', async t => {
  const made = torrent(20 * 4 * KiB16, 4 * KiB16)
  const { threads, passed, stage, first } = await busyVerifier(made)
  threads.finish()
  const { put, order, piece } = blocksOf(made, first)
  for (const block of order) {
    stage.write(put(block))
    await settle()
  }
  t.equal(threads.jobs.length, 1)
  threads.step = 1e6 // the load falls after this much time
  threads.finish()
  await settle()
  t.equal(passed.at(-1), piece)
  for (let index = first + 1; index < first + 4; index++) {
    const { put, order } = blocksOf(made, index)
    for (const block of order) {
      stage.write(put(block))
      await settle()
    }
    if (threads.jobs.length > 0) threads.finish()
    await settle()
  }
  t.equal(passed.length, first + 4)
  t.equal(threads.jobs.length, 0)
})

t.test('four pieces at most are at the threads', async t => {
  const made = torrent(40 * 4 * KiB16, 4 * KiB16)
  const { threads, passed, write, first } = await busyVerifier(made)
  for (let index = first; index < first + 8; index++) await write(index)
  t.equal(threads.jobs.length, 4)
  while (threads.jobs.length > 0) {
    threads.finish()
    await settle()
    t.ok(threads.jobs.length <= 4)
  }
  t.equal(passed.length, first + 8)
})

t.test('a piece that a thread finds wrong is corrupt', async t => {
  const made = torrent(20 * 4 * KiB16, 4 * KiB16)
  const corrupt: number[] = []
  const { threads, passed, write, first } = await busyVerifier(made, {
    onCorrupt: ({ index }) => corrupt.push(index),
  })
  await write(first, Buffer.alloc(4 * KiB16, 1))
  threads.finish(1)
  await settle()
  t.same(corrupt, [first])
  t.equal(passed.length, first - 1)

  const failing = await busyVerifier(made)
  await failing.write(failing.first, Buffer.alloc(4 * KiB16, 1))
  failing.threads.finish(1)
  await settle()
  t.match(failing.errors, [{ name: 'PeerError', code: 'ERR_CORRUPT' }])
})

t.test(
  'the main thread hashes the pieces of a thread that fails, and those that no thread takes',
  async t => {
    const made = torrent(20 * 4 * KiB16, 4 * KiB16)
    const { threads, passed, errors, write, first } = await busyVerifier(made)
    threads.jobs.splice(0)[0]!.reject(new Error('a hash thread ended'))
    await settle()
    t.equal(passed.length, first)
    threads.isReady = false
    await write(first)
    t.equal(passed.length, first + 1)
    t.same(errors, [])
  },
)

t.test('a verifier that is destroyed passes nothing that threads finish later', async t => {
  const made = torrent(20 * 4 * KiB16, 4 * KiB16)
  const { threads, passed, stage, first } = await busyVerifier(made)
  stage.destroy()
  threads.finish()
  await settle()
  t.equal(passed.length, first - 1)
  t.equal(stage.destroyed, true)
})
