import t from 'tap'
import type { Layout } from '../../../src/metainfo/layout.ts'
import { ReadChunks } from '../../../src/pipeline/limits/read-chunks.ts'
import { ReadAhead } from '../../../src/pipeline/reading/read-ahead.ts'
import { TrustedReads } from '../../../src/pipeline/reading/trusted-reads.ts'
import type { Recheck } from '../../../src/pipeline/resume/recheck.ts'
import { systemClock } from '../../../src/ports/clock.ts'
import type { Storage } from '../../../src/storage/storage.ts'

const BLOCK_BYTES = 16384
const CHUNK_BYTES = 4 * BLOCK_BYTES
const PIECE_BYTES = 8 * BLOCK_BYTES

/** A storage that records each read. */
function setup(length = 4 * PIECE_BYTES, chunks = new ReadChunks()) {
  const stored = Buffer.alloc(length)
  for (let block = 0; block * BLOCK_BYTES < length; block++) stored.fill(block % 251, block * BLOCK_BYTES)
  const state = { stored, reads: [] as [number, number][], failure: undefined as Error | undefined }
  const storage = {
    async read(position: number, target: Uint8Array) {
      state.reads.push([position, target.length])
      const length = stored.copy(target, 0, position)
      await Promise.resolve()
      if (state.failure) throw state.failure
      return length
    },
  }
  const ahead = new ReadAhead({ storage, pieceLength: PIECE_BYTES, length, chunks })
  const read = async (position: number, size = BLOCK_BYTES) => {
    const target = Buffer.alloc(size)
    const length = await ahead.read(position, target)
    return { length, isRight: target.equals(stored.subarray(position, position + size)) }
  }
  return { ...state, state, storage, ahead, read }
}

t.test('blocks in order are read four at a time, and never beyond their piece', async t => {
  const { read, reads } = setup()
  for (let position = 0; position < 2 * PIECE_BYTES; position += BLOCK_BYTES)
    t.strictSame(await read(position), { length: BLOCK_BYTES, isRight: true })
  t.strictSame(reads, [
    [0, BLOCK_BYTES],
    [BLOCK_BYTES, CHUNK_BYTES - BLOCK_BYTES],
    [CHUNK_BYTES, CHUNK_BYTES],
    [PIECE_BYTES, CHUNK_BYTES],
    [PIECE_BYTES + CHUNK_BYTES, CHUNK_BYTES],
  ])
})

t.test('the end of the torrent, and a piece that is no whole number of chunks, end a read', async t => {
  const { read, reads } = setup(BLOCK_BYTES + 5000)
  await read(0)
  t.match(await read(BLOCK_BYTES, 5000), { length: 5000, isRight: true })
  t.strictSame(reads, [
    [0, BLOCK_BYTES],
    [BLOCK_BYTES, 5000],
  ])
})

t.test('blocks in another order, and many at once, are read alone', async t => {
  const { read, reads } = setup()
  for (const position of [3 * BLOCK_BYTES, BLOCK_BYTES, 0, PIECE_BYTES + BLOCK_BYTES])
    t.match(await read(position), { isRight: true })
  t.match(await read(2 * BLOCK_BYTES, 4 * BLOCK_BYTES), { isRight: true })
  t.equal(reads.length, 5)
  t.ok(reads.slice(0, 4).every(([, length]) => length === BLOCK_BYTES))
})

t.test('two peers that take the same blocks at once share a read', async t => {
  const { read, reads } = setup()
  await read(0)
  const both = await Promise.all([read(BLOCK_BYTES), read(2 * BLOCK_BYTES), read(BLOCK_BYTES)])
  t.ok(both.every(({ isRight }) => isRight))
  t.equal(reads.length, 2)
})

t.test('what was read before `clear` is read again', async t => {
  const { ahead, read, reads, stored } = setup()
  await read(0)
  await read(BLOCK_BYTES)
  stored.fill(7)
  ahead.clear()
  t.strictSame(await read(2 * BLOCK_BYTES), { length: BLOCK_BYTES, isRight: true })
  t.equal(reads.length, 3)
})

t.test(
  'a read that is cleared while it runs gives its bytes to the reads that wait for it, and to no other',
  async t => {
    const { ahead, read } = setup()
    await read(0)
    const waiting = read(BLOCK_BYTES)
    ahead.clear()
    const others = [read(PIECE_BYTES), read(PIECE_BYTES + BLOCK_BYTES)]
    t.match(await waiting, { isRight: true })
    for (const other of others) t.match(await other, { isRight: true })
  },
)

t.test('a block is read alone where the bytes behind it are missing or cannot be read', async t => {
  const { read, reads, state } = setup()
  state.failure = new Error('the disk')
  await t.rejects(read(0), { message: 'the disk' })
  await t.rejects(read(BLOCK_BYTES), { message: 'the disk' })
  t.strictSame(reads.at(-1), [BLOCK_BYTES, BLOCK_BYTES])
  state.failure = undefined
  t.match(await read(BLOCK_BYTES), { isRight: true })
})

t.test('more peers than chunks still get the right bytes', async t => {
  const chunks = new ReadChunks()
  const all = Array.from({ length: 6 }, () => setup(40 * PIECE_BYTES, chunks))
  for (let block = 0; block < 8; block++) {
    const answers = await Promise.all(
      all.flatMap(({ read }) =>
        Array.from({ length: 40 }, (_, piece) => read(piece * PIECE_BYTES + block * BLOCK_BYTES)),
      ),
    )
    t.ok(answers.every(({ isRight }) => isRight))
  }
  const read = all.flatMap(({ reads }) => reads).reduce((sum, [, size]) => sum + size, 0)
  t.equal(read, all.length * 40 * PIECE_BYTES, 'nothing is read twice')
})

t.test('once a piece was in doubt, nothing that was read before is given to a peer', async t => {
  const { reads, storage, stored } = setup()
  const recheck = { doubts: 0, sampled: undefined, trusts: () => true, checkFiles: async () => {} }
  const layout = {
    pieceLength: PIECE_BYTES,
    length: stored.length,
    spans: () => [],
    pieceOf: (position: number) => Math.floor(position / PIECE_BYTES),
  }
  const trusted = new TrustedReads(
    layout as unknown as Layout,
    { ...storage, watch: { areUnchanged: async () => true } } as unknown as Storage,
    recheck as unknown as Recheck,
    systemClock,
    new ReadChunks(),
  )
  const target = Buffer.alloc(BLOCK_BYTES)
  for (const position of [0, BLOCK_BYTES]) await trusted.read(position, target)
  stored.fill(9)
  await trusted.read(2 * BLOCK_BYTES, target)
  t.equal(target[0], 2, 'it was read before')
  recheck.doubts++
  await trusted.read(3 * BLOCK_BYTES, target)
  t.equal(target[0], 9)
  t.equal(reads.length, 3)
})
