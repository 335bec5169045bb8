import t from 'tap'
import { Layout } from '../../src/metainfo/layout.ts'
import type { FileEntry } from '../../src/metainfo/metainfo.ts'
import { parse } from '../../src/metainfo/parse.ts'
import { HYBRID_PIECE_LENGTH, hybridFiles, hybridInfo, v2Torrent } from '../helpers/v2-torrent.ts'

function layout(pieceLength: number, ...lengths: number[]): Layout {
  let offset = 0
  const files = lengths.map((length, index): FileEntry => {
    const file = { path: `f${index}`, length, offset, pad: false, executable: false, hidden: false }
    offset += length
    return file
  })
  return new Layout({ files, length: offset, pieceLength })
}

const brief = (it: Layout, position: number, length: number) =>
  it.spans(position, length).map(span => [span.fileIndex, span.offset, span.length, span.at])

t.test('every piece but the last has the same size', async t => {
  const it = layout(10, 25)
  t.same(
    [0, 1, 2].map(index => it.pieceSize(index)),
    [10, 10, 5],
  )
  t.equal(layout(10, 20).pieceSize(1), 10)
  t.same(it.pieceRange(2), { position: 20, length: 5 })
})

t.test('a range is split at file boundaries, without empty files', async t => {
  const it = layout(10, 0, 4, 0, 0, 6, 15, 0)
  t.same(brief(it, 0, 25), [
    [1, 0, 4, 0],
    [4, 0, 6, 4],
    [5, 0, 15, 10],
  ])
  t.same(brief(it, 3, 2), [
    [1, 3, 1, 0],
    [4, 0, 1, 1],
  ])
  t.same(brief(it, 24, 1), [[5, 14, 1, 0]])
  t.same(brief(it, 7, 0), [])
  t.same(brief(it, 25, 0), [])
})

t.test('a position is mapped to its file and piece', async t => {
  const it = layout(10, 4, 0, 6, 15)
  t.same(
    [0, 3, 4, 9, 10, 24].map(position => it.fileOf(position)),
    [0, 0, 2, 2, 3, 3],
  )
  t.same(
    [0, 9, 10, 24].map(position => it.pieceOf(position)),
    [0, 0, 1, 2],
  )
})

t.test('a file is mapped to its pieces, an empty file to none', async t => {
  const it = layout(10, 10, 0, 1, 14)
  t.same(it.piecesOf(0), { first: 0, last: 0 })
  t.equal(it.piecesOf(1), undefined)
  t.same(it.piecesOf(2), { first: 1, last: 1 })
  t.same(it.piecesOf(3), { first: 1, last: 2 })
})

t.test('a torrent of empty files has no pieces and no bytes', async t => {
  const it = layout(10, 0, 0)
  t.equal(it.pieceCount, 0)
  t.same(brief(it, 0, 0), [])
  t.throws(() => it.fileOf(0), { code: 'ERR_USAGE' })
})

t.test('positions past 2^32 are exact', async t => {
  const it = layout(16 * 2 ** 20, 2 ** 40, 2 ** 40 + 1)
  t.same(brief(it, 2 ** 40 - 1, 3), [
    [0, 2 ** 40 - 1, 1, 0],
    [1, 0, 2, 1],
  ])
  t.equal(it.pieceSize(it.pieceCount - 1), 1)
})

t.test('an argument out of range is rejected', async t => {
  const it = layout(10, 25)
  const calls = [
    () => it.pieceSize(3),
    () => it.pieceSize(-1),
    () => it.pieceSize(0.5),
    () => it.spans(20, 6),
    () => it.spans(-1, 2),
    () => it.spans(0, -1),
    () => it.spans(Number.NaN, 1),
    () => it.fileOf(25),
    () => it.piecesOf(1),
  ]
  for (const call of calls) t.throws(call, { name: 'InputError', code: 'ERR_USAGE' }, String(call))
})

t.test('a piece of a v2 torrent ends with its file', async t => {
  const it = parse(v2Torrent(hybridFiles, HYBRID_PIECE_LENGTH))
  const layout = new Layout(it)
  const size = HYBRID_PIECE_LENGTH
  t.same(
    [0, 1, 2, 3, 4, 5].map(index => layout.pieceSize(index)),
    [10, size, size, size, 100, size],
  )
  t.same(layout.pieceRange(4), { position: 4 * size, length: 100 })
  const hybrid = new Layout(parse(v2Torrent(hybridFiles, size, { info: hybridInfo })))
  t.equal(hybrid.pieceSize(0), size, 'in a hybrid torrent it ends with the padding')
})
