import t from 'tap'
import { StorageError } from '../../../src/errors.ts'
import type { Block } from '../../../src/streams/piece-buffer.ts'
import { PieceReader, type PieceReaderOptions } from '../../../src/streams/torrent/piece-reader.ts'
import { noise } from '../../helpers/metainfo.ts'
import { settle } from '../../helpers/virtual-clock.ts'

const KiB16 = 16384
const pieceLength = 5 * KiB16
const content = noise(3 * pieceLength + KiB16 + 42, 1)

/** A storage in memory. `lengthOf` returns the number of present bytes of incomplete pieces. */
function storage(lengthOf: (index: number) => number = () => pieceLength) {
  const reads: number[] = []
  return {
    reads,
    async read(position: number, target: Uint8Array) {
      const index = position / pieceLength
      reads.push(index)
      const bytes = content.subarray(position, position + Math.min(target.length, lengthOf(index)))
      target.set(bytes)
      return bytes.length
    },
  }
}
async function readAll(options: Partial<PieceReaderOptions> & Pick<PieceReaderOptions, 'storage'>) {
  const missing: number[] = []
  const reader = new PieceReader({
    pieceLength,
    length: content.length,
    onMissing: index => missing.push(index),
    ...options,
  })
  const blocks: Block[] = []
  for await (const block of reader) blocks.push(block)
  return { missing, blocks, indices: blocks.map(({ piece }) => piece.index) }
}

t.test('every piece comes in order, whole, as one block', async t => {
  const { missing, blocks, indices } = await readAll({ storage: storage() })
  t.same(indices, [0, 1, 2, 3])
  t.same(missing, [])
  for (const { piece, begin } of blocks) {
    t.equal(piece.complete, true)
    t.equal(begin, (piece.blocks - 1) * KiB16)
  }
  t.same(Buffer.concat(blocks.map(({ piece }) => piece.data)), content)
  t.equal(blocks[3]!.piece.length, KiB16 + 42, 'the last is short')
})

t.test('missing and short pieces are reported and skipped', async t => {
  const lacks: Record<number, number> = { 0: 0, 2: pieceLength - 1, 3: KiB16 + 41 }
  const { missing, indices } = await readAll({ storage: storage(index => lacks[index] ?? pieceLength) })
  t.same(missing, [0, 2, 3])
  t.same(indices, [1])
})

t.test('a storage without pieces is an end, not an error', async t => {
  const { missing, indices } = await readAll({ storage: storage(() => 0) })
  t.same(missing, [0, 1, 2, 3])
  t.same(indices, [])
})

t.test('only the given pieces are read, in the given order', async t => {
  const disk = storage()
  t.same((await readAll({ storage: disk, pieces: [3, 1] })).indices, [3, 1])
  t.same(disk.reads, [3, 1])
  t.same((await readAll({ storage: disk, pieces: [] })).indices, [])
  t.same((await readAll({ storage: disk, pieces: new Set([2]).values() })).indices, [2], 'any iterable, once')
})

t.test('memory comes from the given allocator', async t => {
  const sizes: number[] = []
  const { blocks } = await readAll({
    storage: storage(),
    allocate: size => {
      sizes.push(size)
      return Buffer.alloc(size)
    },
  })
  t.same(sizes, [pieceLength, pieceLength, pieceLength, KiB16 + 42])
  t.same(Buffer.concat(blocks.map(({ piece }) => piece.data)), content)
})

t.test('one piece is read ahead, and no more', async t => {
  const disk = storage()
  const reader = new PieceReader({ storage: disk, pieceLength, length: content.length })
  t.teardown(() => reader.destroy())
  reader.on('readable', () => {})
  await settle()
  t.same(disk.reads, [0])
  t.equal(reader.read()?.piece.index, 0)
  await settle()
  t.same(disk.reads, [0, 1])
})

t.test('an error of the storage is an error, never an end', async t => {
  const disk = storage()
  const failing = {
    read: (position: number, target: Uint8Array) =>
      position > pieceLength
        ? Promise.reject(new StorageError('ERR_STORAGE', 'input/output error'))
        : disk.read(position, target),
  }
  await t.rejects(readAll({ storage: failing }), { code: 'ERR_STORAGE', message: 'input/output error' })
})

t.test('a reader destroyed during a read closes after that read, and reads nothing more', async t => {
  const reads: (() => void)[] = []
  const missing: number[] = []
  const reader = new PieceReader({
    storage: { read: () => new Promise(resolve => reads.push(() => resolve(0))) },
    pieceLength,
    length: content.length,
    onMissing: index => missing.push(index),
  })
  let closes = 0
  reader.on('close', () => closes++)
  reader.resume()
  await settle()
  reader.destroy()
  reader.destroy()
  await settle()
  t.equal(closes, 0, 'the memory is still being read into')
  reads[0]!()
  await settle()
  t.equal(closes, 1)
  t.equal(reads.length, 1)
})
