import t from 'tap'
import { type CreateOptions, create } from '../../src/metainfo/create.ts'
import { parse } from '../../src/metainfo/parse.ts'
import type { SourceFile } from '../../src/metainfo/source-file.ts'
import { noise } from '../helpers/metainfo.ts'
import {
  HYBRID_PIECE_LENGTH,
  hybridFiles,
  hybridInfo,
  pieceLayer,
  rootOf,
  v2Torrent,
} from '../helpers/v2-torrent.ts'

const PIECE_LENGTH = HYBRID_PIECE_LENGTH

function source(path: string, bytes: Uint8Array, cut = 1000): SourceFile {
  return {
    path: path === '' ? [] : path.split('/'),
    length: bytes.length,
    async *read() {
      for (let at = 0; at < bytes.length; at += cut) yield bytes.subarray(at, at + cut)
    },
  }
}

const sources = Object.entries(hybridFiles).map(([name, bytes]) => source(name, bytes))
const options: CreateOptions = { name: 'd', files: sources, pieceLength: PIECE_LENGTH }

t.test('a v2 torrent is created as another program makes it, byte for byte', async t => {
  const made = await create({ ...options, format: 'v2' })
  t.same(made.torrent, v2Torrent(hybridFiles, PIECE_LENGTH))
  const it = parse(made.torrent)
  t.same([made.infoHash, made.infoHashV2], [it.infoHash, it.infoHashV2])
  t.match(made, { pieceCount: 6, pieceLength: PIECE_LENGTH, warnings: [] })
})

t.test('a hybrid torrent has padding in its list, and both hashes of each piece', async t => {
  const made = await create({ ...options, format: 'hybrid' })
  t.same(made.torrent, v2Torrent(hybridFiles, PIECE_LENGTH, { info: hybridInfo }))
  t.match(parse(made.torrent), { format: 'hybrid', infoHash: made.infoHash, infoHashV2: made.infoHashV2! })
})

t.test('the last file of a hybrid torrent of several files has padding, a single file has none', async t => {
  const several = parse((await create({ ...options, files: sources.slice(0, 2), format: 'hybrid' })).torrent)
  t.same(
    several.files.map(({ length, pad }) => [length, pad]),
    [
      [10, false],
      [PIECE_LENGTH - 10, true],
      [3 * PIECE_LENGTH + 100, false],
      [PIECE_LENGTH - 100, true],
    ],
  )
  for (const path of ['', 'only']) {
    const single = parse(
      (await create({ ...options, files: [source(path, hybridFiles.b)], format: 'hybrid' })).torrent,
    )
    t.match(single, { format: 'hybrid', length: hybridFiles.b.length, multiFile: path !== '' })
    t.equal(single.files.length, 1)
  }
})

t.test('files are in the order of the tree, whatever the order of the sources is', async t => {
  const paths = ['b', 'a/z', 'a.txt', 'a/b/c', 'C', 'é']
  for (const format of ['hybrid', 'v2'] as const) {
    const files = paths.map((path, at) => source(path, noise(at + 1, at)))
    const made = await create({ ...options, files, format })
    const it = parse(made.torrent)
    t.same(
      it.files.filter(({ pad }) => !pad).map(({ path }) => path),
      ['C', 'a/b/c', 'a/z', 'a.txt', 'b', 'é'].map(path => `d/${path}`),
    )
    t.same((await create({ ...options, files: files.toReversed(), format })).torrent, made.torrent)
  }
})

t.test(
  'trees of files around the borders of blocks and pieces are right for any chunk boundaries',
  async t => {
    const lengths = [
      1,
      16_383,
      16_384,
      16_385,
      PIECE_LENGTH - 1,
      PIECE_LENGTH,
      PIECE_LENGTH + 1,
      2 * PIECE_LENGTH,
      5 * PIECE_LENGTH + 1,
    ]
    for (const [seed, length] of lengths.entries()) {
      const bytes = noise(length, seed)
      for (const cut of [16_384, 10_007, length]) {
        const it = parse(
          (await create({ ...options, name: 'f', files: [source('', bytes, cut)], format: 'v2' })).torrent,
        )
        t.same(it.files[0]!.piecesRoot, rootOf(bytes), `${length}`)
        t.same(it.pieceNodes, pieceLayer(bytes, PIECE_LENGTH) ?? rootOf(bytes), `${length}`)
      }
    }
  },
)

t.test('a torrent may have only empty files', async t => {
  const files = [source('a', Buffer.alloc(0)), source('b', Buffer.alloc(0))]
  for (const format of ['hybrid', 'v2'] as const) {
    t.match(parse((await create({ ...options, files, format })).torrent), {
      format,
      length: 0,
      pieceCount: 0,
    })
  }
})

t.test('invalid options are rejected', async t => {
  const a = source('a', noise(5, 1))
  const cases: [Partial<CreateOptions>, string, RegExp][] = [
    [{ format: 'v3' as 'v2' }, 'ERR_USAGE', /format: expected v1, hybrid or v2, got "v3"/],
    [{ format: 'v2', pieceLength: 8192 }, 'ERR_USAGE', /a power of two of at least 16384 for v2, got 8192/],
    [{ format: 'hybrid', pieceLength: 49_152 }, 'ERR_USAGE', /for hybrid, got 49152/],
    [{ format: 'v2', files: [a, source('a', noise(5, 1))] }, 'ERR_PATH', /"a": it occurs twice/],
    [{ format: 'v2', files: [source('a/b', noise(5, 1)), a] }, 'ERR_PATH', /"a": it is also a directory/],
    [{ format: 'hybrid', files: [source('x/./y', noise(5, 1)), a] }, 'ERR_PATH', /differs from the v1 list/],
    [{ format: 'v2', files: [a, source('../x', noise(5, 1))] }, 'ERR_PATH', /leaves the output directory/],
  ]
  for (const [replaced, code, message] of cases) {
    await t.rejects(
      create({ ...options, ...replaced }),
      { name: 'InputError', code, message },
      String(message),
    )
  }
})
